"""From `reports/gate.json` to a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from mlops.gates.reporting import further, groups, verdicts
from mlops.gates.reporting.blocks import Document, Section
from mlops.gates.reporting.parts import Json


def document(report: Json, metrics: Json | None = None, notebook: str = "") -> Document:
    """Arrange a report, what matters most first.

    Args:
        report: the content of reports/gate.json.
        metrics: the content of reports/metrics.json, where it is there: it has the linear baseline.
        notebook: the address of MLflow; linked if it is http or https.
    """
    several = len(report["judgements"]) > 1
    told = {"several": several, "alone": "not compared" if report.get("champion") else "no champion"}
    judged = [{"linear": _linear(j, metrics or {}), **j, **told} for j in report["judgements"]]
    top: list[Section] = []
    for judgement in judged:
        top += [verdicts.metric(judgement), verdicts.gates(judgement)]
    below: list[Section] = []
    for part in (groups.slices, groups.fairness, further.behaviour, further.calibration, further.cost):
        below += _once(part, judged)
    return Document(
        env=str(report["env"]),
        outcome=outcome(report),
        headline=verdicts.headline(report),
        lead=(*verdicts.reasons(report), verdicts.standing(report)),
        sections=(
            *top,
            *verdicts.exceptions(report),
            *further.trend(report),
            *below,
            *further.changes(report),
            *further.notebook(notebook),
        ),
    )


def _once(part: Callable[[Json], list[Section]], judged: list[Json]) -> list[Section]:
    """Write a part for each bar, or once where all bars found the same."""
    first, *others = ([section.blocks for section in part(judgement)] for judgement in judged)
    if all(blocks == first for blocks in others):
        return part({**judged[0], "several": False})
    return [section for judgement in judged for section in part(judgement)]


def _linear(judgement: Json, metrics: Json) -> Any:
    return metrics.get("linear") if metrics.get("metric") == judgement["metric"] else None


def outcome(report: Json) -> Literal["pass", "warn", "block"]:
    """Say what the headline says in one word."""
    outcomes = {check["outcome"] for judgement in report["judgements"] for check in judgement["checks"]}
    if "block" in outcomes or not report.get("passed", True):
        return "block"
    return "warn" if "warn" in outcomes else "pass"
