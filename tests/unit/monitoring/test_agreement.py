"""Prometheus and the judge give the same rows the same evidence, effect and verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.monitoring import worlds as w

from mlops.monitoring import build
from mlops.monitoring.judge import Finding, judge
from mlops.monitoring.settings import Settings
from mlops.serving.profile import Monitored, Part, Profile

pytestmark = pytest.mark.unit

# Rows a minute of one replica, and of the reference; a window of a day sees all five hours, one of an hour an hour.
CASES = {
    "moved": ({"0": 4, "1": 2, "2": 1, "3": 1, "below": 0, "above": 0.2, "null": 0.6}, 1000),
    "alike": ({"0": 2, "1": 2, "2": 2, "3": 2, "below": 0, "above": 0, "null": 0.08}, 1000),
    "unseen": ({"0": 4, "1": 4, "unseen": 0.2, "null": 0.5}, 1000),
    "nothing unseen": ({"0": 2, "1": 3, "unseen": 0, "null": 0}, 1000),
    "an empty bin": ({"0": 3, "1": 0, "2": 2, "3": 2, "below": 0, "above": 0, "null": 0}, 700),
}
CRITICAL = {"distribution": 25.0, "nulls": 15.0, "range": 14.0, "unseen": 14.0}


def reference_of(rows: dict[str, float], each: float) -> dict[str, float]:
    """Give the reference of a number, or of a category where something can be unseen."""
    outside = {"below": 1.0, "above": 1.0, "unseen": 4.0, "null": 40.0}
    return {bin: outside.get(bin, each) for bin in rows}


def critical(rows: dict[str, float]) -> dict[str, float]:
    """Give the critical values of the rules that a column has."""
    missing = "range" if "unseen" in rows else "unseen"
    return {rule: value for rule, value in CRITICAL.items() if rule != missing}


def expected(rows: dict[str, float], reference: dict[str, float]) -> list[Finding]:
    """Judge the same window by the file's rules: each rule with the rows of its own window."""
    part = Part(None, reference, critical(rows))  # type: ignore[arg-type]
    profile = Profile(1, None, None, (Monitored("input", "x", "number", parts=(part,)),), {})
    found = []
    for minutes, rules in ((w.STEP * w.TICKS, ("distribution",)), (60, ("nulls", "range", "unseen"))):
        counts = {("input", "", "x"): {bin: rate * minutes * len(w.REPLICAS) for bin, rate in rows.items()}}
        found += [finding for finding in judge(profile, counts) if finding.rule in rules]  # type: ignore[arg-type]
    return found


def questions(finding: Finding, job: str) -> Iterator[dict[str, object]]:
    """Ask whether Prometheus has the same numbers."""
    for name, value in (
        ("evidence", finding.evidence),
        ("effect", finding.effect),
        ("drifted", float(finding.drifted)),
    ):
        series = f'rule:mlops_drift:{name}{{job="{job}", rule="{finding.rule}"}}'
        yield {
            "expr": f"count(abs({series} - {value!r}) < 1e-6)",
            "eval_time": f"{w.STEP * w.TICKS}m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }


def tried(folder: Path, rules: str) -> str:
    """Let promtool compute what the judge computes; returns what differs."""
    series: w.Series = {}
    asked: list[dict[str, object]] = []
    for job, (rows, each) in CASES.items():
        reference = reference_of(rows, each)
        where = {"job": job, "release": "r", "kind": "input", "slice": "", "column": "x"}
        for bin, rate in rows.items():
            for replica in w.REPLICAS:
                series[w.name("mlops_rows_total", **where, bin=bin, instance=replica)] = w.grows(rate)
            series[w.name("mlops_reference_rows", **where, bin=bin)] = w.stays(reference[bin])
        for rule, value in critical(rows).items():
            series[w.name("mlops_reference_critical", **where, rule=rule)] = w.stays(value)
        asked += [question for finding in expected(rows, reference) for question in questions(finding, job)]
    # The window of a day is cut to what there is, as an increase would be carried on to its edges.
    exact = rules.replace("interval: 1m", "interval: 20m").replace("[1d]", f"[{w.STEP * w.TICKS}m]")
    return w.contradicted(folder, exact, series, asked)


def test_prometheus_and_the_judge_agree(tmp_path: Path) -> None:
    assert tried(tmp_path, build.text(Settings())) == ""


def test_another_formula_is_noticed(tmp_path: Path) -> None:
    assert "effect" in tried(tmp_path, build.text(Settings()).replace("+ 0.5)", "+ 0.6)"))
