"""`mlops`: one command for a model's way from a table to where it runs, and back."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mlops.cli import cluster, delivery, forge, model, monitoring
from mlops.contract.errors import MlopsError

# Heavy imports live inside commands: `mlops --help` answers at once.
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
for part in (model.app, monitoring.app, forge.app, delivery.app, cluster.app):
    app.add_typer(part)


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
