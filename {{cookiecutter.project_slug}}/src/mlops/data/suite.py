"""The Great Expectations suite of a contract, as values: one probe a rule, and the columns that the probes look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlops.contract.limits import breaches
from mlops.contract.model import Column, Contract, Rule, Severity
from mlops.contract.request import wording
from mlops.data.table import typed_column

FIX = "Correct the data, or change {rule} in contract.yaml and open a pull request."


@dataclass(frozen=True)
class Probe:
    """One expectation: its class by name, what it looks at, and how a breach is told."""

    expectation: str
    looks_at: str
    options: dict[str, Any]
    rule: str
    severity: Severity
    says: str
    step: str
    column: Column | None = None


@dataclass(frozen=True)
class Suite:
    """What is expected, and the table that it is expected of."""

    probes: list[Probe]
    columns: dict[str, pd.Series[Any]] = field(default_factory=dict)

    @property
    def frame(self) -> pd.DataFrame:
        """The table with a column for each thing that a probe looks at."""
        return pd.DataFrame(self.columns)


def column_suite(raw: pd.DataFrame, contract: Contract) -> Suite:
    """Expect what the contract says of each column that is there."""
    suite = Suite([])
    for column in contract.columns:
        if "excluded" not in column.roles and column.name in raw:
            _add_column(suite, raw[column.name].reset_index(drop=True), column, contract)
    return suite


def _add_column(suite: Suite, raw: pd.Series[Any], column: Column, contract: Contract) -> None:
    values, invalid = typed_column(raw, column, contract)
    name = column.name
    suite.columns[name] = values
    suite.columns[_helper(name, "unread")] = _only(invalid, values)
    suite.probes.append(_unread(column, _stored(raw, len(invalid))))
    if column.required:
        suite.columns[_helper(name, "given")] = _given(values, invalid)
        suite.probes.append(_required(column))
    for position, rule in enumerate(column.rules):
        options = _options(rule, column.kind)
        looks_at = name
        if options is None:
            looks_at = _helper(name, f"rule {position}")
            suite.columns[looks_at] = _broken(values, rule, column)
        suite.probes.append(_limit(rule, column, looks_at, options))


def _helper(name: str, what: str) -> str:
    return f"{name}\0{what}"  # no column of a file has this sign


def _given(values: pd.Series[Any], invalid: pd.Series[Any]) -> pd.Series[Any]:
    """Keep what could not be read beside what could: it is wrong, but it is not null."""
    if invalid.empty:
        return values
    given = values.astype(object)
    given[invalid.index] = invalid
    return given


def _only(some: pd.Series[Any], like: pd.Series[Any]) -> pd.Series[Any]:
    if some.empty:  # numbers are looked at faster than objects
        return pd.Series(np.full(len(like), np.nan))
    found = pd.Series([None] * len(like), dtype=object)
    found[some.index] = some
    return found


def _stored(raw: pd.Series[Any], unread: int) -> str | None:
    """Name the type that a Parquet file gives a column of which no value could be read."""
    if isinstance(raw.dtype, pd.ArrowDtype) and 0 < unread == raw.notna().sum():
        return str(raw.dtype.pyarrow_dtype)
    return None


def _unread(column: Column, stored: str | None) -> Probe:
    kind = f"{'an' if column.kind[0] in 'aeiou' else 'a'} {column.kind}"
    breach = f"are stored as {stored}, not as {kind}" if stored else f"cannot be read as {kind}"
    return Probe(
        "ExpectColumnValuesToBeNull", _helper(column.name, "unread"), {}, "type", "error",
        f"{{count}} of {{total}} values {breach}",
        FIX.format(rule="`logicalType`"), column,
    )  # fmt: skip


def _required(column: Column) -> Probe:
    return Probe(
        "ExpectColumnValuesToNotBeNull", _helper(column.name, "given"), {}, "required", "error",
        "{count} of {total} values are null, but the column is required",
        FIX.format(rule="`required`"), column,
    )  # fmt: skip


def _limit(rule: Rule, column: Column, looks_at: str, options: dict[str, Any] | None) -> Probe:
    expectation = EXPECTATIONS[rule.kind] if options is not None else "ExpectColumnValuesToBeNull"
    breach = "not unique" if rule.kind == "unique" else wording(rule).removeprefix("is ").rstrip(".")
    breach = breach.replace("does not match", "not matching")
    step = FIX.format(rule=f"`{rule.kind}`")
    if rule.kind in ("minimum", "exclusiveMinimum", "minLength"):
        step = f"Correct the data, or lower `{rule.kind}` in contract.yaml and open a pull request."
    if rule.kind in ("maximum", "exclusiveMaximum", "maxLength"):
        step = f"Correct the data, or raise `{rule.kind}` in contract.yaml and open a pull request."
    if rule.kind == "enum":
        step = "Correct the data, or add the value to `enum` in contract.yaml and open a pull request."
    says = f"{{count}} of {{total}} values {_escape(breach)}"
    return Probe(expectation, looks_at, options or {}, rule.kind, rule.severity, says, step, column)


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


EXPECTATIONS = {
    "enum": "ExpectColumnValuesToBeInSet",
    "minimum": "ExpectColumnValuesToBeBetween",
    "maximum": "ExpectColumnValuesToBeBetween",
    "exclusiveMinimum": "ExpectColumnValuesToBeBetween",
    "exclusiveMaximum": "ExpectColumnValuesToBeBetween",
    "minLength": "ExpectColumnValueLengthsToBeBetween",
    "maxLength": "ExpectColumnValueLengthsToBeBetween",
    "unique": "ExpectColumnValuesToBeUnique",
}


def _options(rule: Rule, kind: str) -> dict[str, Any] | None:
    """Give the expectation's arguments, or None where Great Expectations has none that means the same."""
    value = _value(rule.value, kind)
    return {
        "enum": {"value_set": value},
        "minimum": {"min_value": value},
        "maximum": {"max_value": value},
        "exclusiveMinimum": {"min_value": value, "strict_min": True},
        "exclusiveMaximum": {"max_value": value, "strict_max": True},
        "minLength": {"min_value": rule.value},
        "maxLength": {"max_value": rule.value},
        "unique": {},
    }.get(rule.kind)


def _value(value: Any, kind: str) -> Any:
    if isinstance(value, tuple):
        return [_value(item, kind) for item in value]
    if kind in ("date", "timestamp"):
        return pd.Timestamp(np.datetime64(str(value), "us")).to_pydatetime()
    return value


def _broken(values: pd.Series[Any], rule: Rule, column: Column) -> pd.Series[Any]:
    """Keep what breaks a rule, null elsewhere: judged as in a request, where a pattern may match anywhere."""
    if column.kind == "string":
        array = values.where(values.notna(), "").to_numpy(dtype=object)
    else:
        array = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return values.astype(object).where(breaches(rule, column.kind, array), None)
