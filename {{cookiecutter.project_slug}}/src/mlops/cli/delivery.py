"""From a judged model to what runs, and back: `mlops image|release|promote|rollback|verify|history|status|diff|gc`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mlops.cli.model import Env

app = typer.Typer()
image = typer.Typer(no_args_is_help=True, help="The image of the model and its server.")
release = typer.Typer(invoke_without_command=True, help="Gate the model once more and commit its record to main.")
app.add_typer(image, name="image")
app.add_typer(release, name="release")

Builder = Annotated[
    Literal["docker", "buildah", "local"] | None,
    typer.Option(
        "--builder", help="docker, buildah, or local: a folder beside the DVC remote's. Default: [tool.mlops]."
    ),
]
Via = Annotated[
    Literal["push", "pr"], typer.Option("--via", help="push to main, or open one auto-merged pull request.")
]


@image.command("build")
def image_build(
    builder: Builder = None,
    push: Annotated[bool, typer.Option("--push", help="Look it up in the registry, and push what is missing.")] = False,
    outputs: Annotated[
        bool, typer.Option("--outputs", help="Print repository=, digest= and sbom= for CI; the rest goes to stderr.")
    ] = False,
) -> None:
    """Find the image of this model, or build it; prints REPOSITORY@DIGEST."""
    from mlops.commands import image as command

    command.build(builder, push=push, outputs=outputs)


@image.command("pin")
def image_pin(
    builder: Annotated[
        Literal["docker", "buildah"] | None,
        typer.Option("--builder", help="Take the base that lies in this builder's own store, not its registry's."),
    ] = None,
) -> None:
    """Write the digest that the base image has today into the Dockerfile."""
    from mlops.commands import image as command

    command.pin(builder)


@release.callback()
def release_(
    context: typer.Context,
    env: Annotated[str, typer.Option("--env", help="An environment: a folder of deploy/envs.")] = "staging",
    force: Annotated[bool, typer.Option(help="Release although somebody rolled the environment back.")] = False,
    via: Via = "push",
) -> None:
    """Gate the model once more and commit its record to an environment's folder on main."""
    if context.invoked_subcommand is None:
        from mlops.commands import release as command

        command.release(env, force=force, via=via)


@release.command("check")
def release_check(
    base: Annotated[str | None, typer.Option(help="What it would be merged into; default the main branch.")] = None,
    first: Annotated[
        str, typer.Option(help="The environment that new releases go to; the others get promotions.")
    ] = "staging",
) -> None:
    """Check what a branch does to deploy/envs: a rollback, promotion, new release or people's values; else exit 1.

    What only mlops writes comes in a pull request of its own; people's values may come with other files. A new release
    passes when its image is the one that the registry has for it, and its files fit to its commit. The verdict on its
    model is that of the gate on main, which this check cannot repeat.
    """
    from mlops.commands import release as command

    command.check(base, first=first)


@app.command()
def promote(
    from_: Annotated[str, typer.Option("--from", help="The environment that has run it.")] = "staging",
    to: Annotated[str, typer.Option("--to", help="The environment that gets it.")] = "production",
    force: Annotated[
        bool, typer.Option(help="Promote what has not run long enough, or to a held environment.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until it has run long enough, in place of ending with 1.")
    ] = False,
    via: Via = "pr",
) -> None:
    """Copy the release that one environment has run healthy to another, by one commit."""
    from mlops.commands import release as command

    command.promote(from_, to, force=force, wait=wait, via=via)


@app.command()
def rollback(
    env: Env,
    to: Annotated[str | None, typer.Option(help="A release id; default the one before.")] = None,
    via: Via = "push",
) -> None:
    """Restore what stood in an environment before, byte for byte, by one commit."""
    from mlops.commands import rollback as command

    command.rollback(env, to, via=via)


@app.command()
def verify(
    env: Env = "staging",
    timeout: Annotated[
        float | None,
        typer.Option(
            help="Seconds to wait for an answer. Default: progressDeadline and smoke.timeout of its values, and 240.",
            min=0,
        ),
    ] = None,
    revert: Annotated[
        bool, typer.Option("--revert", help="Take the release back when the answer is a definite no.")
    ] = False,
    via: Via = "push",
) -> None:
    """Wait until what Git names runs and is healthy; exit 1 if it definitely is not, 2 if nobody could be asked."""
    from mlops.commands import verify as command

    command.verify(env, timeout=timeout, revert=revert, via=via)


@app.command()
def history(
    env: Env = "staging",
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """List the releases of an environment, newest first: metrics, who, when, promoted from, rolled back by."""
    from mlops.commands import history as command

    command.history(env, json=json)


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Ask again every two seconds.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say what Git names for each environment and what runs there; exit 1 where they disagree, 2 if nobody answered."""
    from mlops.commands import status as command

    command.status(watch=watch, json=json)


@app.command()
def diff(
    env: Env = "staging",
    base: Annotated[str | None, typer.Option(help="What to compare with; default the main branch.")] = None,
) -> None:
    """Show how this branch changes an environment's manifests: at merge, and when it is released."""
    from mlops.commands import diff as command

    command.diff(env, base)


@app.command()
def gc(
    keep: Annotated[int, typer.Option(help="Releases of each environment to keep.", min=1)] = 12,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only say what would be deleted.")] = False,
) -> None:
    """Delete data, models and images that none of the last releases of any environment needs."""
    from mlops.commands import gc as command

    command.gc(keep, yes=yes)
