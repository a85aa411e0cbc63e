"""A replay in words: the same tables for a terminal and for a page."""

from __future__ import annotations

from typing import Any

from mlops.backtest.policies import Policy

Json = dict[str, Any]
DONE = {"kept": "", "end": "", "released": "new model released", "refused": "new model refused"}


def table(report: Json) -> str:
    """Write the batches as a Markdown table, a line for each batch and policy."""
    head = ["batch", "rows", "policy", report["metric"], "model of", "trained until", "drifted", "then"]
    rows = [
        [
            step["batch"],
            f"{step['rows']:,}",
            step["policy"],
            f"{step['metric']:.4f}",
            step["model"],
            _day(step["until"]),
            _drifted(step["signs"]),
            DONE[step["decision"]],
        ]
        for step in report["steps"]
    ]
    return markdown(head, rows)


def summary(report: Json) -> str:
    """Write the policies as a Markdown table."""
    head = ["policy", f"mean {report['metric']}", "less than the best", "worst batch", "retrained", "refused"]
    rows = [
        [
            policy,
            f"{total['mean']:.4f}",
            f"{total['loss']:.4f}",
            f"{total['worst']:.4f}",
            str(total["retrained"]),
            str(total["refused"]),
        ]
        for policy, total in ((policy.value, report["summary"][policy.value]) for policy in Policy)
    ]
    return markdown(head, rows)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Lay a table out so that it can be read as it is."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in [head, *rows]]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


def _day(until: str | None) -> str:
    return "" if until is None else until.partition("T")[0]


def _drifted(signs: Json) -> str:
    """Say what the serving model's profile finds; the names of the columns are in the report."""
    inputs = len(signs["drifted"]) - signs["predictions"]
    found = [f"{inputs} input{'s' * (inputs != 1)}"] if inputs else []
    found += ["predictions"] if signs["predictions"] else []
    found += [f"metric lost {signs['loss']:.3f}"] if signs["lost"] else []
    return ", ".join(found)
