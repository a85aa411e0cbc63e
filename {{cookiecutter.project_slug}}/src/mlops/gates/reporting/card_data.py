"""The parts of a model card about data: what it was trained on, judged on, and by which groups it is looked at."""

from __future__ import annotations

from mlops.contract.model import Column
from mlops.data.boundary import duration
from mlops.gates.reporting.blocks import Block, Bullets, Cell, Name, Paragraph, table
from mlops.gates.reporting.facts import Facts
from mlops.gates.reporting.numbers import count
from mlops.pipeline.params import Params

HOW = {
    "time": "by time: the newest rows are held out",
    "random": "by a hash of each row, so that a row never changes sides",
    "group": "by a hash of the group, so that no group is on both sides",
}


def factors(facts: Facts) -> list[Block]:
    """List the groups by which results are broken down."""
    agreed = facts.contract
    lists: list[Block] = []
    for role, words in (
        ("slice", "Results are broken down by:"),
        ("protected", "Gaps are measured between groups of:"),
    ):
        columns = agreed.having(role)
        if columns:
            lists += [Paragraph(words), Bullets(tuple(_column(column) for column in columns))]
    return lists or [Paragraph("The contract tags no column as `slice` or `protected`.")]


def _column(column: Column) -> Cell:
    return (Name(column.name), f": {column.description}" if column.description else "")


def training(facts: Facts) -> list[Block]:
    """Say which batches the model has seen, and what is in a row."""
    batches, params = facts.task.batches, facts.params
    rows = sum(batch.rows for batch in batches)
    window = params.window if isinstance(params.window, str) else f"the newest {params.window.sliding} batches"
    seen: list[tuple[Cell, ...]] = [(Name(b.name), count(b.rows), Name(b.sha256[:12])) for b in reversed(batches)]
    columns: list[tuple[Cell, ...]] = [
        (Name(c.name), c.kind, "yes" if c.required else "no", c.description) for c in facts.contract.inputs
    ]
    return [
        Paragraph(
            (
                f"{count(len(batches))} batches of ",
                Name(facts.contract.name or facts.contract.id),
                f", contract version {facts.contract.version}: {count(rows)} rows, less those held out. "
                f"Window: {window}.{_gap(params)}",
            )
        ),
        table("batch, newest first | rows | sha256", "lrl", seen, most=24),
        Paragraph("What a row says before the prediction:"),
        table("column | type | required | means", "llll", columns, most=60),
    ]


def _gap(params: Params) -> str:
    """Say which rows stand on no side: their target came after the first held-out row."""
    if params.split.method != "time" or not duration(params.label_delay, "label_delay"):
        return ""
    return f" No row of the last {params.label_delay} before those held out is trained on: its target came later."


def evaluation(facts: Facts) -> list[Block]:
    """Say which rows were held out and how."""
    split = facts.params.split
    size = f" (`{split.test}`)" if split.test else ""
    rows = count(facts.metrics.get("rows"))
    said = f"{rows} rows that the model was not trained on, held out {HOW[split.method]}{size}."
    return [Paragraph(said), Paragraph("All scores are those that the server gives, from raw columns.")]
