"""Which values break a rule: one answer for requests, batches and reports."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from mlops.contract.model import Rule

Array = np.ndarray[Any, Any]


def breaches(rule: Rule, kind: str, values: Array) -> Array:
    """Mark the values that break a rule; a null breaks none.

    Args:
        rule: the limit; for dates and timestamps its values are ISO 8601 text.
        kind: the column's kind.
        values: shape (n,): float64 with NaN, object with "" for null, or datetime64[us] with NaT.

    Returns:
        Shape (n,), boolean.
    """
    null = nulls(values)
    if rule.kind == "unique":
        return _repeated(values) & ~null
    if kind == "string":
        return _text(rule, values) & ~null
    limit = _number(rule.value, kind)
    with np.errstate(invalid="ignore"):
        return np.asarray(NUMERIC[rule.kind](values, limit)) & ~null


def nulls(values: Array) -> Array:
    """Mark the nulls of a column as `features()` gets it."""
    if values.dtype.kind == "M":
        return np.isnat(values)
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.asarray(values == "", dtype=bool)


def _number(value: Any, kind: str) -> Any:
    if kind in ("date", "timestamp"):
        return np.array(value, dtype="datetime64[us]")
    return np.array(value, dtype=np.float64)


def _off_grid(values: Array, step: Array) -> Array:
    # 0.3 is three steps of 0.1 although 0.3 / 0.1 is not 3.
    steps = values / step
    return np.abs(steps - np.round(steps)) > 1e-9 * np.maximum(1.0, np.abs(steps))


NUMERIC: dict[str, Callable[[Array, Array], Array]] = {
    "enum": lambda values, allowed: ~np.isin(values, allowed),
    "minimum": lambda values, limit: values < limit,
    "maximum": lambda values, limit: values > limit,
    "exclusiveMinimum": lambda values, limit: values <= limit,
    "exclusiveMaximum": lambda values, limit: values >= limit,
    "multipleOf": _off_grid,
}


def _text(rule: Rule, values: Array) -> Array:
    if rule.kind == "enum":
        allowed = frozenset(rule.value) if isinstance(rule.value, tuple) else frozenset((rule.value,))
        return _each(values, lambda value: value not in allowed)
    if rule.kind == "pattern":
        search = re.compile(str(rule.value)).search
        return _each(values, lambda value: search(value) is None)
    length = int(rule.value)  # type: ignore[arg-type]  # document.py reads lengths as integers
    if rule.kind == "minLength":
        return _each(values, lambda value: len(value) < length)
    return _each(values, lambda value: len(value) > length)


def _each(values: Array, broken: Callable[[Any], bool]) -> Array:
    return np.fromiter((broken(value) for value in values), dtype=bool, count=len(values))


def _repeated(values: Array) -> Array:
    if len(values) == 0:
        return np.zeros(0, dtype=bool)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(counts[inverse] > 1)
