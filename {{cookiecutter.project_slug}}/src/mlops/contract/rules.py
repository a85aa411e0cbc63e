"""Reads the limits on a column's values: enum, range, length, pattern, and the quality rule that states one."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from open_data_contract_standard.model import DataQuality, SchemaProperty

from mlops.contract.custom import choice, custom
from mlops.contract.errors import MlopsError
from mlops.contract.model import Rule, RuleKind, Scalar, Serving, Severity
from mlops.contract.quality import comparison
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


def column_rules(source: SchemaProperty, here: str) -> tuple[Rule, ...]:
    """List the limits on a column's values, in the order in which they are judged."""
    own = custom(source.customProperties, ("severity", "serving"), here)
    severity: Severity = choice(own.get("severity", "error"), ("error", "warning"), "severity", here)
    serving: Serving = choice(own.get("serving", "warn"), ("warn", "reject"), "serving", here)
    kind = source.logicalType or ""
    rules: list[Rule] = []
    if source.enum is not None:
        values = tuple(_scalar(entry.value, kind, "enum value", here) for entry in source.enum)
        rules.append(_enum(values, severity, serving, here))
    for key, value in (source.logicalTypeOptions or {}).items():
        name: RuleKind = choice(key, OPTIONS[kind], f"an option of a {kind}", here)
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
    op, value = comparison(quality, here)
    arguments = dict(quality.arguments or {})
    if (op, value) not in (("mustBe", 0), ("mustBeLessThan", 1), ("mustBeLessOrEqualTo", 0)) or not arguments:
        raise MlopsError(
            f"{here}: `invalidValues` needs `mustBe: 0` and `arguments: {{validValues: […]}}` or `{{pattern: …}}`."
        )
    own = custom(quality.customProperties, ("severity", "serving"), here)
    severity: Severity = choice(
        quality.severity or own.get("severity", "error"), ("error", "warning"), "severity", here
    )
    serving: Serving = choice(own.get("serving", "warn"), ("warn", "reject"), "serving", here)
    for key, argument in arguments.items():
        choice(key, ("validValues", "pattern"), "an argument of `invalidValues`", here)
        if key == "pattern":
            choice(kind, ("string",), "the type of a column with a pattern", here)
            yield Rule("pattern", _pattern(argument, here), severity, serving)
        else:
            values = argument if isinstance(argument, list) else [argument]
            yield _enum(tuple(_scalar(item, kind, "valid value", here) for item in values), severity, serving, here)
