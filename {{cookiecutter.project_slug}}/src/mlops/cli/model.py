"""From a table to a judged model: `mlops contract|data|try|gate|report|card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer()
contract = typer.Typer(no_args_is_help=True, help="What the data is: propose a contract, judge a file by it.")
data = typer.Typer(
    no_args_is_help=True, help="Batches of data/raw: add one, bring the next of the source, or make one of feedback."
)
app.add_typer(contract, name="contract")
app.add_typer(data, name="data")

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


@data.command("pull")
def data_pull(
    from_feedback: Annotated[
        bool, typer.Option("--from-feedback", help="From the files that servers keep of inputs and outcomes.")
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(help="Where they lie; default the setting `feedback` of the project.", show_default=False),
    ] = None,
) -> None:
    """Join kept inputs and outcomes to the newest batch; exit 1 if it breaks the contract."""
    from mlops.commands import data as command

    command.pull(folder)


@app.command("try")
def try_(rows: Annotated[int, typer.Option(help="Training rows to sample.", min=50)] = 5000) -> None:
    """Fit on a sample, convert, compare with the champion; nothing is written or committed."""
    from mlops.commands import trial as command

    command.trial(rows)


@app.command()
def backtest(
    first: Annotated[
        int | None, typer.Option(help="How many batches the first model has; default the source's first day, or 2.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder for backtest.json and backtest.svg.")] = Path(
        "reports/backtest"
    ),
) -> None:
    """Replay the batches as they came: what never, always or on drift training anew would have cost."""
    from mlops.commands import backtest as command

    command.backtest(first, out)


@app.command()
def gate(
    base: Annotated[str | None, typer.Option(help="Whose bar counts; default the main branch.")] = None,
    env: Env = "staging",
    status: Annotated[
        bool, typer.Option("--status", help="Set the commit status mlops/gate at the forge, too.")
    ] = False,
) -> None:
    """Judge the model against the one it would replace; exit 1 if it is refused, 2 if it cannot be judged."""
    from mlops.commands import gate as command

    command.gate(base, env, status=status)


@app.command()
def report(
    format_: Annotated[
        Literal["text", "markdown"], typer.Option("--format", help="text, or markdown for a pull request.")
    ] = "text",
    unjudged: Annotated[
        str, typer.Option(help="What to say where nothing was judged, in place of ending with 2.")
    ] = "",
) -> None:
    """Print what the last `mlops gate` found; reports/report.md and report.html are written with it."""
    from mlops.commands import gate as command

    command.report(format_, unjudged=unjudged)


@app.command()
def card(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if it is not this model's.")] = False,
) -> None:
    """Write docs/model-card.md from contract, parameters, results and docs/model-card.notes.md."""
    from mlops.commands import card as command

    command.card(check=check)
