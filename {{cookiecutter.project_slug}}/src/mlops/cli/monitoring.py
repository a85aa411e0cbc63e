"""What the rows of a window look like beside a reference: `mlops monitoring …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
monitoring = typer.Typer(
    no_args_is_help=True, help="Drift: a profile of a file, a file judged by one; alerts and dashboard."
)
app.add_typer(monitoring, name="monitoring")


@monitoring.command("profile")
def monitoring_profile(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file: the rows that are as they should be.")],
    out: Annotated[Path, typer.Option(help="Where to write the profile.")],
) -> None:
    """Write the reference profile of a file: how its rows fall into bins."""
    from mlops.commands import monitoring as command

    command.profile(file, out)


@monitoring.command("check")
def monitoring_check(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file: the rows to judge.")],
    profile: Annotated[Path | None, typer.Option(help="The reference; default build/bundle/profile.json.")] = None,
    json: Annotated[bool, typer.Option("--json", help='End with a line {"drifted": ["column", …]}.')] = False,
    predictions: Annotated[
        bool, typer.Option("--predictions", help="Judge what the bundle of build/ predicts for the rows, too.")
    ] = False,
) -> None:
    """Judge a file by the rules of monitoring; exit 1 if a column has drifted."""
    from mlops.commands import monitoring as command

    command.check(file, profile, as_json=json, predictions=predictions)


@monitoring.command("build")
def monitoring_build(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if they are not up to date.")] = False,
) -> None:
    """Write Prometheus's rules and Grafana's dashboard into deploy/chart/monitoring."""
    from mlops.commands import monitoring_build as command

    command.build(check=check)
