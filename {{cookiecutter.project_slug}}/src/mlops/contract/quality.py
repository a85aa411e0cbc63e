"""Reads the rules of a contract: a column's limits and the quality rules of columns and table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from open_data_contract_standard.model import CustomProperty, DataQuality, SchemaObject, SchemaProperty

from mlops.contract.errors import MlopsError
from mlops.contract.model import Rule, RuleKind, Scalar, Serving, Severity, TableRule
from mlops.contract.near import did_you_mean, near
from mlops.contract.times import TIMESTAMP, timestamps

RANGE = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
OPTIONS: dict[str, tuple[RuleKind, ...]] = {
    "number": (*RANGE, "multipleOf"),  # type: ignore[dict-item]  # the literal names
    "integer": (*RANGE, "multipleOf"),  # type: ignore[dict-item]
    "date": RANGE,  # type: ignore[dict-item]
    "timestamp": RANGE,  # type: ignore[dict-item]
    "string": ("minLength", "maxLength", "pattern"),
    "boolean": (),
}
TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "string": (str,),
    "date": (str,),
    "timestamp": (str,),
}
OPERATORS = tuple(name for name in DataQuality.model_fields if name.startswith("must"))
COLUMN_METRICS = ("nullValues", "duplicateValues", "invalidValues")
TABLE_METRICS = ("rowCount", "duplicateValues")


def custom(entries: Sequence[CustomProperty] | None, known: tuple[str, ...], where: str) -> dict[str, Any]:
    """Read the custom properties that are ours; those of other tools stay, a misspelt one of ours is an error."""
    found: dict[str, Any] = {}
    for entry in entries or ():
        if entry.property in known:
            if entry.property in found:
                raise MlopsError(f"{where}: the custom property {entry.property!r} is there twice. Leave one.")
            found[str(entry.property)] = entry.value
        elif close := near(entry.property, known):
            raise MlopsError(f"{where}: unknown custom property {entry.property!r}. Did you mean {close!r}?")
    return found


def _choice(value: Any, options: tuple[str, ...], what: str, here: str) -> Any:
    if value not in options:
        raise MlopsError(f"{here}: {what} is {value!r}. {did_you_mean(value, options)}")
    return value


def leak_reviewed(source: SchemaProperty, here: str) -> bool:
    """Say whether somebody vouches for a column that looks like a leak of the target."""
    own = custom(source.customProperties, ("leak",), here)
    return "leak" in own and bool(_choice(own["leak"], ("reviewed",), "leak", here))


def column_rules(source: SchemaProperty, here: str) -> tuple[Rule, ...]:
    """List the limits on a column's values, in the order in which they are judged."""
    own = custom(source.customProperties, ("severity", "serving"), here)
    severity: Severity = _choice(own.get("severity", "error"), ("error", "warning"), "severity", here)
    serving: Serving = _choice(own.get("serving", "warn"), ("warn", "reject"), "serving", here)
    kind = source.logicalType or ""
    rules: list[Rule] = []
    if source.enum is not None:
        values = tuple(_scalar(entry.value, kind, "enum value", here) for entry in source.enum)
        rules.append(_enum(values, severity, serving, here))
    for key, value in (source.logicalTypeOptions or {}).items():
        name: RuleKind = _choice(key, OPTIONS[kind], f"an option of a {kind}", here)
        rules.append(Rule(name, _limit(name, value, kind, here), severity, serving))
    if source.unique:
        rules.append(Rule("unique", True, severity, serving))
    rules.extend(rule for quality in source.quality or () for rule in _invalid(quality, kind, here))
    _check_range(rules, here)
    return tuple(rules)


def _enum(values: tuple[Scalar, ...], severity: Severity, serving: Serving, here: str) -> Rule:
    if not values:
        raise MlopsError(f"{here}: the enum is empty, so no value is allowed. List the values, or remove `enum`.")
    return Rule("enum", values, severity, serving)


def _scalar(value: Any, kind: str, what: str, here: str) -> Scalar:
    if kind in ("date", "timestamp") and isinstance(value, date):
        value = value.isoformat()
    wrong = not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        quote = " Quote it." if kind == "string" else ""
        raise MlopsError(f"{here}: the {what} {value!r} is no {kind}, as the column is.{quote or ' Correct it.'}")
    if kind in ("date", "timestamp"):
        _iso(str(value), what, here)
    return value  # type: ignore[no-any-return]  # one of Scalar


def _iso(value: str, what: str, here: str) -> None:
    _, bad = timestamps([value], ZoneInfo("UTC"))
    match = TIMESTAMP.fullmatch(value)
    if bad or match is None or match[2] is not None:
        raise MlopsError(f"{here}: the {what} {value!r} is not ISO 8601 without an offset. Write it like 2024-12-31.")


def _limit(name: str, value: Any, kind: str, here: str) -> Scalar:
    if name in ("minLength", "maxLength"):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise MlopsError(f"{here}: `{name}` is {value!r}; a length is a whole number from 0.")
        return value
    if name == "pattern":
        return _pattern(value, here)
    number = _scalar(value, "number" if kind == "integer" else kind, f"`{name}`", here)
    if name == "multipleOf" and float(number) <= 0:
        raise MlopsError(f"{here}: `multipleOf` is {value!r}; it must be above 0.")
    return number


def _pattern(value: Any, here: str) -> str:
    try:
        re.compile(value)
    except (re.error, TypeError) as error:
        raise MlopsError(f"{here}: the pattern {value!r} is no regular expression: {error}. Correct it.") from error
    return str(value)


def _check_range(rules: list[Rule], here: str) -> None:
    limits = {rule.kind: rule.value for rule in rules}
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength"), ("exclusiveMinimum", "exclusiveMaximum")):
        if low in limits and high in limits and limits[low] > limits[high]:  # type: ignore[operator]
            raise MlopsError(f"{here}: `{low}` {limits[low]!r} is above `{high}` {limits[high]!r}. Swap them.")


def _invalid(quality: DataQuality, kind: str, here: str) -> Iterator[Rule]:
    """Read the metric `invalidValues` as the enum or pattern that it states."""
    if quality.metric != "invalidValues":
        return
    op, value = _operator(quality, here)
    arguments = dict(quality.arguments or {})
    if (op, value) not in (("mustBe", 0), ("mustBeLessThan", 1), ("mustBeLessOrEqualTo", 0)) or not arguments:
        raise MlopsError(
            f"{here}: `invalidValues` needs `mustBe: 0` and `arguments: {{validValues: […]}}` or `{{pattern: …}}`."
        )
    own = custom(quality.customProperties, ("severity", "serving"), here)
    severity: Severity = _choice(
        quality.severity or own.get("severity", "error"), ("error", "warning"), "severity", here
    )
    serving: Serving = _choice(own.get("serving", "warn"), ("warn", "reject"), "serving", here)
    for key, argument in arguments.items():
        _choice(key, ("validValues", "pattern"), "an argument of `invalidValues`", here)
        if key == "pattern":
            _choice(kind, ("string",), "the type of a column with a pattern", here)
            yield Rule("pattern", _pattern(argument, here), severity, serving)
        else:
            values = argument if isinstance(argument, list) else [argument]
            yield _enum(tuple(_scalar(item, kind, "valid value", here) for item in values), severity, serving, here)


def table_rules(table: SchemaObject, where: str) -> tuple[TableRule, ...]:
    """List the quality rules that count over a whole batch: the table's, then each column's."""
    rules = [
        _table_rule(quality, None, TABLE_METRICS, f"{where}: table {table.name!r}") for quality in table.quality or ()
    ]
    for column in table.properties or ():
        here = f"{where}: column {column.name!r}"
        rules += [_table_rule(quality, column.name, COLUMN_METRICS, here) for quality in column.quality or ()]
    return tuple(rule for rule in rules if rule is not None)


def _table_rule(quality: DataQuality, column: str | None, metrics: tuple[str, ...], here: str) -> TableRule | None:
    kind = _choice(quality.type or "library", ("library", "text"), "the type of a quality rule", here)
    if kind == "text":
        return None
    if quality.metric == "missingValues":
        raise MlopsError(
            f"{here}: the metric 'missingValues' is not supported. Write `metric: nullValues`, or `required: true`."
        )
    metric = _choice(quality.metric, metrics, "metric", here)
    if metric == "invalidValues":
        return None
    if quality.arguments:
        raise MlopsError(f"{here}: `{metric}` with arguments {quality.arguments!r} is not supported. Remove them.")
    if "serving" in custom(quality.customProperties, ("severity", "serving"), here):
        raise MlopsError(f"{here}: `{metric}` counts over a batch and has no say in a request. Remove `serving`.")
    op, value = _operator(quality, here)
    own = custom(quality.customProperties, ("severity", "serving"), here)
    severity = _choice(quality.severity or own.get("severity", "error"), ("error", "warning"), "severity", here)
    unit = _choice(quality.unit or "rows", ("rows", "percent"), "unit", here)
    if metric == "rowCount" and unit == "percent":
        raise MlopsError(f"{here}: `rowCount` in percent has no meaning. Write `unit: rows`.")
    return TableRule(metric, op, value, unit, column, severity)


def _operator(quality: DataQuality, here: str) -> tuple[str, float | tuple[float, float]]:
    given = {name: value for name in OPERATORS if (value := getattr(quality, name)) is not None}
    if len(given) != 1:
        raise MlopsError(
            f"{here}: `{quality.metric}` has {len(given)} comparisons {list(given)!r}; it needs one, "
            "such as `mustBeLessThan: 5`."
        )
    ((op, value),) = given.items()
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(item, bool) or not isinstance(item, int | float) or not math.isfinite(item) for item in numbers):
        raise MlopsError(f"{here}: `{op}` is {value!r}, not a number. Correct it.")
    if isinstance(value, list):
        return op, (float(value[0]), float(value[1]))
    return op, float(value)
