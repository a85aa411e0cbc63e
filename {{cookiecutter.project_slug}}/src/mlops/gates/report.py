"""What the gate found, as text for a terminal or a log."""

from __future__ import annotations

from typing import Any

MARKS = {"pass": "pass ", "warn": "warn ", "block": "BLOCK"}


def text(report: dict[str, Any]) -> str:
    """Render a gate report: the verdict first, then a table for each bar."""
    lines = [verdict(report), ""]
    for judgement in report["judgements"]:
        lines += [*_table(report, judgement), ""]
    return "\n".join(lines).rstrip() + "\n"


def verdict(report: dict[str, Any]) -> str:
    """Say yes or no, and which gates decided."""
    blocked = [c["gate"] for j in report["judgements"] for c in j["checks"] if c["outcome"] == "block"]
    warned = [c["gate"] for j in report["judgements"] for c in j["checks"] if c["outcome"] == "warn"]
    if blocked:
        return f"NO: blocked by {', '.join(dict.fromkeys(blocked))}."
    return "YES" + (f", with a warning: {', '.join(dict.fromkeys(warned))}." if warned else ": every gate passes.")


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
    return lines + [
        f"  {MARKS[check['outcome']]}  {check['gate']:<13} {check['words']}" for check in judgement["checks"]
    ]
