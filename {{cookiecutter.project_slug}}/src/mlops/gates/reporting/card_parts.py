"""The parts of a model card about the model: what it is, how good it is, for whom, and what to be careful about."""

from __future__ import annotations

from typing import Any

from mlops.gates.reporting import groups
from mlops.gates.reporting.blocks import Block, Bullets, Cell, Name, Paragraph, table
from mlops.gates.reporting.facts import Facts
from mlops.gates.reporting.numbers import NONE, count, interval, number, share


def details(facts: Facts) -> list[Block]:
    """Say what it predicts and how it is made."""
    task = facts.task
    points: list[Cell] = [("Predicts ", Name(task.target), f", {task.task}")]
    if task.classes:
        points.append(("Classes: ", *_listed(task.classes)))
    if task.task == "binary":
        points.append(
            ("Positive: ", Name(task.classes[-1]), f", from a probability of {number(task.threshold, 'g')} on")
        )
    points += [
        f"Format: ONNX, {count(len(task.features))} features",
        ("License: ", Name(facts.license or "not stated")),
        ("Parameters: ", *_listed([f"{key}={value}" for key, value in sorted(facts.params.model.items())])),
    ]
    lead = [Paragraph(facts.description)] if facts.description else []
    return [*lead, Bullets(tuple(points))]


def _listed(values: Any, most: int = 30) -> tuple[Any, ...]:
    cells: list[Any] = []
    for value in list(values)[:most]:
        cells += [", ", Name(value)] if cells else [Name(value)]
    return (*cells, f" and {len(values) - most} more" if len(values) > most else "") if cells else ("none",)


def measured(facts: Facts) -> list[Block]:
    """Name the deciding metric and why others are missing."""
    found = facts.metrics
    undefined: tuple[Cell, ...] = tuple(
        (Name(name), f": {why}") for name, why in sorted((found.get("undefined") or {}).items())
    )
    says = ", as scikit-learn defines it; of every score here, greater is better."
    blocks: list[Block] = [Paragraph(("Decides: ", Name(found["metric"]), says))]
    return [*blocks, Paragraph("Not defined here:"), Bullets(undefined)] if undefined else blocks


def analyses(facts: Facts) -> list[Block]:
    """Give the numbers: overall, beside simpler models, by group, and what they rest on."""
    return [*_overall(facts), *_slices(facts), *_fairness(facts), *_importance(facts)]


def _overall(facts: Facts) -> list[Block]:
    found = facts.metrics
    low, high = found.get("interval") or (None, None)
    rows: list[tuple[Cell, ...]] = [
        (Name(name), number(value), interval(low, high, ".4f") if name == found["metric"] else NONE)
        for name, value in sorted(found["metrics"].items(), key=lambda pair: (pair[0] != found["metric"], pair[0]))
    ]
    said = (
        f"A dummy that looks at nothing has {number(found.get('dummy'))}; "
        f"the model is {share(found.get('skill_over_dummy'))} of the way from there to the best possible."
    )
    linear = found.get("linear") or {}
    if linear:
        said += f" A linear model has {number(linear.get('score'))}."
    return [table("metric | value | 95 % interval", "lrr", rows), Paragraph(said)]


def _slices(facts: Facts) -> list[Block]:
    """Show each group's metric; groups too small for one have a dash."""
    metric = facts.metrics["metric"]
    rows: list[tuple[Cell, ...]] = [
        (Name(column), Name(group), count(values.get("rows")), number(values.get(metric)))
        for column, found in sorted(facts.slices.items())
        if isinstance(found, dict)
        for group, values in found.items()
    ]
    return [Paragraph("By group:"), table(f"column | group | rows | {metric}", "llrr", rows, most=60)] if rows else []


def _fairness(facts: Facts) -> list[Block]:
    columns = facts.fairness.get("columns") or []
    if not columns:
        return []
    rows: list[tuple[Cell, ...]] = [
        (Name(c["column"]), groups.words(m["measure"]), number(m.get("challenger"), ".3f"),
         interval(m.get("low"), m.get("high"), ".3f"), number(m.get("ratio"), ".3f"))
        for c in columns
        for m in c.get("measures") or []
    ]  # fmt: skip
    head = "column | gap in | gap | interval | ratio, least to greatest"
    return [Paragraph("Between protected groups:"), table(head, "llrrr", rows), *groups.rates(columns)]


def _importance(facts: Facts) -> list[Block]:
    rows: list[tuple[Cell, ...]] = [
        (Name(c["column"]), number(c["drop"], "+.4f"), interval(c["low"], c["high"]))
        for c in facts.importance.get("columns") or []
    ]
    said = "What it rests on: how much of the metric is lost when one column is shuffled."
    return [Paragraph(said), table("column | loss | interval", "lrr", rows, most=20)] if rows else []


def ethics(facts: Facts) -> list[Block]:
    """Say what the contract knows of people."""
    agreed = facts.contract
    protected, restricted = agreed.having("protected"), [c for c in agreed.columns if c.restricted]
    blocks: list[Block] = []
    if protected:
        blocks.append(Paragraph(("Protected columns: ", *_listed([c.name for c in protected]))))
    else:
        said = f": {agreed.fairness}" if agreed.fairness else "."
        blocks.append(Paragraph(f"No column is tagged `protected`{said}"))
    if restricted:
        blocks.append(Paragraph(("Restricted, and never logged: ", *_listed([c.name for c in restricted]))))
    return blocks


def caveats(facts: Facts) -> list[Block]:
    """Name what somebody vouched for, and what the server does with rows unlike the training rows."""
    reviewed = [c.name for c in facts.contract.columns if c.leak_reviewed]
    vouched: list[Block] = (
        [
            Paragraph(
                ("All but give the target, and somebody vouches that they are known before it: ", *_listed(reviewed))
            )
        ]
        if reviewed
        else []
    )
    constant = [f.name for f in facts.task.features if f.constant]
    unknown = "Features that were null in every training row, and say nothing: "
    return [*vouched, *([Paragraph((unknown, *_listed(constant)))] if constant else [])]
