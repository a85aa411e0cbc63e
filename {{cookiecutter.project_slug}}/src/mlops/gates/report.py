"""The report on a judgement, as text for a terminal."""

from __future__ import annotations

from typing import Any

from mlops.gates.reporting.escape import plain, short, visible
from mlops.gates.reporting.groups import worst_first
from mlops.gates.reporting.numbers import interval, number, signed
from mlops.gates.reporting.parts import details
from mlops.gates.reporting.verdicts import headline

MARKS = {"pass": "pass ", "warn": "warn ", "block": "BLOCK"}
WORST = 3


def text(report: dict[str, Any]) -> str:
    """Render a gate report: the verdict first, then a table for each bar."""
    lines = [verdict(report), ""]
    for judgement in report["judgements"]:
        lines += [*_table(report, judgement), *_slices(judgement), *_fairness(judgement), ""]
    return "\n".join(plain(line) for line in lines).rstrip() + "\n"


def verdict(report: dict[str, Any]) -> str:
    """Say yes or no, and which gates decided."""
    return headline(report)


def _table(report: dict[str, Any], judgement: dict[str, Any]) -> list[str]:
    champion = report["champion"]
    standing = f"{report['env']}'s {champion['id']}" if champion else "none yet"
    dropped = (
        f", {judgement['dropped']} more dropped as the champion was trained on them" if judgement["dropped"] else ""
    )
    lines = [f"By {judgement['bar']}; champion: {standing}; {judgement['rows']} test rows{dropped}."]
    comparison = judgement["comparison"]
    if comparison:
        lines += [
            f"  {'metric':<24} {'champion':>10} {'challenger':>10} {'difference':>10}  90 % interval",
            f"  {judgement['metric']:<24} {comparison['champion']:>10.4f} {comparison['challenger']:>10.4f} "
            f"{comparison['difference']:>+10.4f}  {comparison['low']:+.4f} to {comparison['high']:+.4f}",
        ]
    return lines + [f"  {_mark(check)}  {check['gate']:<13} {check['words']}" for check in judgement["checks"]]


def _mark(check: dict[str, Any]) -> str:
    return "off  " if (check.get("details") or {}).get("off") else MARKS.get(check["outcome"], check["outcome"])


def _slices(judgement: dict[str, Any]) -> list[str]:
    """Name the few groups that fare worst, where there was something to compare."""
    found, _ = details(judgement, "slices")
    groups = [g for g in worst_first(found.get("groups") or []) if g.get("difference") is not None][:WORST]
    lines = [
        f"    {_name(g['column'], g['group']):<30} {signed(g['difference']):>8}  {_interval(g['low'], g['high'])}  "
        f"{g['rows']} rows: {g['answer']}"
        for g in groups
    ]
    return ["  Slices, the worst first:", *lines] if lines else []


def _fairness(judgement: dict[str, Any]) -> list[str]:
    """Name each gap that is not fine among those that decide."""
    found, _ = details(judgement, "fairness")
    pairs = [(c["column"], m) for c in found.get("columns") or [] for m in c.get("measures") or []]
    lines = [
        f"    {_name(column, str(m['measure']).replace('_', ' ')):<30} {_gap(m)}"
        for column, m in pairs
        if m.get("gated", True)
        and (m.get("answer") in ("worse", "cannot tell") or m.get("limit_answer") == "too large")
    ]
    return ["  Gaps between protected groups:", *lines[:WORST]] if lines else []


def _gap(measure: dict[str, Any]) -> str:
    verdict = "above the limit" if measure.get("limit_answer") == "too large" else measure["answer"]
    if measure.get("champion") is None:
        return (
            f"{number(measure.get('challenger'), '.3f')} "
            f"({interval(measure.get('low'), measure.get('high'), '.3f')}): {verdict}"
        )
    grown = interval(measure.get("difference_low"), measure.get("difference_high"), "+.3f")
    return (
        f"{number(measure.get('challenger'), '.3f')}, the champion's {number(measure['champion'], '.3f')}: "
        f"grown by {grown}: {verdict}"
    )


def _name(column: object, group: object) -> str:
    return short(f"{visible(column)}: {visible(group)}", 30)


def _interval(low: Any, high: Any) -> str:
    return f"{interval(low, high, '+.4f'):>18}"
