"""What CI does around a pull request: `mlops reproduce|comment|retrain|doctor|settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def reproduce(
    main: Annotated[
        bool, typer.Option("--main", help="As main does it: where [tool.mlops] says so, nothing is restored.")
    ] = False,
) -> None:
    """Run the pipeline as CI does: dvc.lock is not believed, and results of the same inputs are restored."""
    from mlops.commands import reproduce as command

    command.reproduce(main=main)


@app.command()
def comment(
    file: Annotated[Path, typer.Argument(help="Markdown, as `mlops report --format markdown` prints it.")],
    branch: Annotated[str, typer.Option(help="The branch of the pull request.")],
    missing: Annotated[str, typer.Option(help="What to say where the file is not there.")] = "",
) -> None:
    """Write a report into a branch's pull request: one comment, which the next report replaces."""
    from mlops.commands import comment as command

    command.comment(file, branch, missing=missing)


@app.command()
def retrain(
    cause: Annotated[str, typer.Option(help="Why, for the pull request: an alert, a schedule, a person.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Train, judge and decide; propose nothing.")] = False,
    note: Annotated[
        bool,
        typer.Option(
            "--note", help="Say on main what came of a dry run, too: until new data the same one then ends at once."
        ),
    ] = False,
) -> None:
    """Bring new data, train, judge, and propose what is worth it by one pull request; exit 1 if the gate refuses it."""
    from mlops.commands import retrain as command

    command.retrain(cause, dry_run=dry_run, note=note)


@app.command()
def doctor() -> None:
    """Look at Git, the forge, the DVC remote, the registry and Argo CD, and name each setting to change.

    A line each: `ok`, `no` or `?` (nobody could say), and where to change it. It changes nothing. Exit 1 for a `no`.
    """
    from mlops.commands import doctor as command

    command.doctor()


@app.command()
def settings() -> None:
    """Print [tool.mlops] as KEY=VALUE lines, defaults included."""
    from mlops.commands import settings as command

    command.settings()
