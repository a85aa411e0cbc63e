"""The quality rules that count over a whole batch, as a suite over one row of counts."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mlops.contract.model import Contract, TableRule
from mlops.data.suite import FIX, Probe, Suite


def count_suite(suite: Suite, contract: Contract) -> Suite:
    """Expect what the contract says of whole batches: a table of one row, with a column for each count."""
    counts = Suite([])
    if not suite.columns:  # none is there, which is told already, and nothing to count by
        return counts
    for position, rule in enumerate(contract.table_rules):
        if rule.column is None or rule.column in suite.columns:
            name = f"rule {position}"
            count = _count(suite, rule, contract)
            counts.columns[name] = pd.Series([_seen(rule, count)], dtype="float64")
            counts.probes.append(_counted(rule, name, count, contract))
    return counts


def _count(suite: Suite, rule: TableRule, contract: Contract) -> float:
    frame = suite.frame[[name for name in suite.columns if "\0" not in name]]
    if rule.metric == "rowCount":
        return float(len(frame))
    if rule.metric == "nullValues":
        found = int(frame[rule.column].isna().sum())
    elif rule.column is None:
        found = int(frame.duplicated().sum())
    else:
        found = int(frame[rule.column].dropna().duplicated().sum())
    return 100.0 * found / len(frame) if rule.unit == "percent" else float(found)


def _seen(rule: TableRule, count: float) -> float | None:
    """Give the count; null where it lies outside limits that it must not lie between, which has no expectation."""
    if rule.op == "mustNotBeBetween" and isinstance(rule.value, tuple) and not rule.value[0] <= count <= rule.value[1]:
        return None
    return count


def _counted(rule: TableRule, name: str, count: float, contract: Contract) -> Probe:
    unit = " %" if rule.unit == "percent" else ""
    says = f"{rule.metric} is {round(count, 3):g}{unit}, {rule.op} is {_limits(rule.value)}{unit}"
    column = contract.column(rule.column) if rule.column else None
    expectation, options = _compare(rule)
    step = FIX.format(rule=f"the rule on `{rule.metric}`")
    return Probe(expectation, name, options, rule.metric, rule.severity, says, step, column)


def _limits(value: Any) -> str:
    return " to ".join(f"{item:g}" for item in value) if isinstance(value, tuple) else f"{value:g}"


def _compare(rule: TableRule) -> tuple[str, dict[str, Any]]:
    between, value = "ExpectColumnValuesToBeBetween", rule.value
    if isinstance(value, tuple):
        if rule.op == "mustNotBeBetween":
            return "ExpectColumnValuesToBeNull", {}
        return between, {"min_value": value[0], "max_value": value[1]}
    options: dict[str, tuple[str, dict[str, Any]]] = {
        "mustBe": ("ExpectColumnValuesToBeInSet", {"value_set": [value]}),
        "mustNotBe": ("ExpectColumnValuesToNotBeInSet", {"value_set": [value]}),
        "mustBeGreaterThan": (between, {"min_value": value, "strict_min": True}),
        "mustBeGreaterOrEqualTo": (between, {"min_value": value}),
        "mustBeLessThan": (between, {"max_value": value, "strict_max": True}),
        "mustBeLessOrEqualTo": (between, {"max_value": value}),
    }
    return options[rule.op]
