"""`mlops`: one command for a model's way from a table to where it runs, and back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from mlops.contract.errors import MlopsError

# Heavy imports live inside commands: `mlops --help` answers at once.
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
contract = typer.Typer(no_args_is_help=True, help="What the data is: propose a contract, judge a file by it.")
data = typer.Typer(no_args_is_help=True, help="Batches of data/raw: add one, or bring the next of the source.")
image = typer.Typer(no_args_is_help=True, help="The image of the model and its server.")
local = typer.Typer(no_args_is_help=True, help="Serve on this machine the release that Git names.")
for name, group in (("contract", contract), ("data", data), ("image", image), ("local", local)):
    app.add_typer(group, name=name)

Env = Annotated[str, typer.Option("--env", help="An environment: a folder of deploy/envs.")]


@contract.command("infer")
def contract_infer(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    target: Annotated[str, typer.Option(help="The column to predict.")],
    task: Annotated[
        str | None, typer.Option(help="binary, multiclass or regression, where the guess is wrong.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The label whose probability is served.")] = None,
    time: Annotated[str | None, typer.Option(help="The column that orders the rows.")] = None,
    zone: Annotated[str, typer.Option(help="The time zone of times without one.")] = "UTC",
    force: Annotated[bool, typer.Option(help="Overwrite contract.yaml, params.yaml and gates.yaml.")] = False,
) -> None:
    """Propose contract.yaml, params.yaml and gates.yaml from a table."""
    from mlops.commands import contract as command

    command.infer(file, target, task=task, positive=positive, time=time, zone=zone, force=force)


@contract.command("check")
def contract_check(file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")]) -> None:
    """Judge a table by contract.yaml; exit 1 if it breaks it."""
    from mlops.commands import contract as command

    command.check(file)


@data.command("add")
def data_add(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    name: Annotated[str | None, typer.Option(help="The batch's name; default the file's.")] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Add it although it breaks the contract.")] = False,
) -> None:
    """Check a table and add it as the newest batch."""
    from mlops.commands import data as command

    command.add(file, name, unchecked=unchecked)


@data.command("next")
def data_next(initial: Annotated[bool, typer.Option(help="The batches of the first day.")] = False) -> None:
    """Bring the following batch of the project's source, as new data would arrive."""
    from mlops.commands import data as command

    command.following(initial=initial)


@app.command("try")
def try_(rows: Annotated[int, typer.Option(help="Training rows to sample.", min=50)] = 5000) -> None:
    """Fit on a sample, convert, compare with the champion; nothing is written or committed."""
    from mlops.commands import trial as command

    command.trial(rows)


@app.command()
def gate(
    base: Annotated[str | None, typer.Option(help="Whose bar counts; default the main branch.")] = None,
    env: Env = "staging",
) -> None:
    """Judge the model against the one it would replace; exit 1 if it is refused, 2 if it cannot be judged."""
    from mlops.commands import gate as command

    command.gate(base, env)


@app.command()
def report(
    format_: Annotated[
        Literal["text", "markdown"], typer.Option("--format", help="text, or markdown for a pull request.")
    ] = "text",
) -> None:
    """Print what the last `mlops gate` found; reports/report.md and report.html are written with it."""
    from mlops.commands import gate as command

    command.report(format_)


@app.command()
def card(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if it is not this model's.")] = False,
) -> None:
    """Write docs/model-card.md from contract, parameters, results and docs/model-card.notes.md."""
    from mlops.commands import card as command

    command.card(check=check)


@image.command("build")
def image_build(
    builder: Annotated[str, typer.Option(help="local: a folder beside the DVC remote's.")] = "local",
) -> None:
    """Find the image of this model, or build it; prints REPOSITORY@DIGEST."""
    from mlops.commands import release as command

    command.image_build(builder)


@app.command()
def release(
    env: Env,
    force: Annotated[bool, typer.Option(help="Release although somebody rolled the environment back.")] = False,
) -> None:
    """Gate the model once more and commit its record to an environment's folder on main."""
    from mlops.commands import release as command

    command.release(env, force=force)


@app.command()
def rollback(
    env: Env,
    to: Annotated[str | None, typer.Option(help="A release id; default the one before.")] = None,
) -> None:
    """Restore what stood in an environment before, byte for byte, by one commit."""
    from mlops.commands import release as command

    command.rollback(env, to)


@app.command()
def history(env: Env = "staging") -> None:
    """List the releases of an environment, newest first."""
    from mlops.commands import release as command

    command.history(env)


@app.command()
def status() -> None:
    """Say what Git names for each environment and what answers here; exit 1 where they disagree."""
    from mlops.commands import release as command

    command.status()


@local.command("up")
def local_up(
    env: Env = "staging",
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8000,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Go on in the background.")] = False,
) -> None:
    """Serve the release that Git names, and follow it."""
    from mlops.commands import local as command

    command.up(env, port, detach=detach)


@local.command("down")
def local_down(env: Env = "staging") -> None:
    """Stop serving an environment."""
    from mlops.commands import local as command

    command.down(env)


@app.command()
def serve(port: Annotated[int, typer.Option(help="The port on 127.0.0.1.", min=1, max=65535)] = 8000) -> None:
    """Serve build/bundle as it is, released or not."""
    from mlops.commands import local as command

    command.serve(port)


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    """Set what holds for every command."""
    if debug:
        os.environ["MLOPS_DEBUG"] = "1"


def main() -> None:
    """Run a command; an error that a person can mend is one message, and the exit code says which kind."""
    # Stages and DVC start `python` by name: it must be this one, activated or not.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    try:
        app()
    except MlopsError as error:
        if os.environ.get("MLOPS_DEBUG"):
            raise
        print(f"mlops: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    main()
