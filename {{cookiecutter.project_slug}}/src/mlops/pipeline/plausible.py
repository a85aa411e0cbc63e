"""Values that a column may have, made from the contract alone: no row of data is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

import numpy as np

from mlops.contract.columns import Json, convert
from mlops.contract.limits import breaches
from mlops.contract.model import Column, Contract, Kind, Rule

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
STEPS = (0, 1, 10, 100, 1000)
DAYS = (0, 1, 30, 183, 365)
MOMENTS = (
    "2024-01-15T08:05:00",
    "2024-02-29T06:30:00",
    "2024-06-21T12:00:00",
    "2024-10-05T18:45:00",
    "2024-12-31T23:59:59",
)
WORDS = ("example", "A", "Zürich 12", "x-1")
MOST = 5
LONGEST = 10_000
REPEATS = (0, 1, 2, 3, 4, 8, 16, 32)
Limits = dict[str, Any]


def values(contract: Contract, column: Column) -> list[Json]:
    """List values of a column: the ends of its range and what lies between, or the members of its enum.

    Returns:
        At most five that keep every rule; where there are none, that a request may have; never null.
    """
    made = _distinct([*_listed(column.rules), *MAKERS[column.kind](_limits(column.rules))])
    kept = [value for value in made if _keeps(contract, column, value, column.rules)]
    reject = [rule for rule in column.rules if rule.serving == "reject"]
    return (kept or [value for value in made if _keeps(contract, column, value, reject)])[:MOST]


def _keeps(contract: Contract, column: Column, value: Json, rules: Iterable[Rule]) -> bool:
    array, bad = convert(contract, column, [value])
    return not bad and not any(breaches(r, column.kind, array).any() for r in rules if r.kind != "unique")


def _limits(rules: Iterable[Rule]) -> Limits:
    return {rule.kind: rule.value for rule in rules}


def _listed(rules: Iterable[Rule]) -> Iterator[Json]:
    for rule in rules:
        if rule.kind == "enum" and isinstance(rule.value, tuple):
            yield from rule.value


def _distinct(made: Iterable[Json]) -> list[Json]:
    return list({repr(value): value for value in made}.values())


def _ends(limits: Limits) -> tuple[Any, Any]:
    return limits.get("minimum", limits.get("exclusiveMinimum")), limits.get("maximum", limits.get("exclusiveMaximum"))


def _booleans(limits: Limits) -> list[Json]:
    return [True, False]


def _numbers(limits: Limits) -> list[Json]:
    found = _reals(limits)
    return [*(float(f"{value:.9g}") for value in found), *found]


def _integers(limits: Limits) -> list[Json]:
    whole = [round(value) for value in _reals(limits)]
    return [*whole, *(value + shift for value in whole for shift in (1, -1))]


def _reals(limits: Limits) -> list[float]:
    low, high = _ends(limits)
    if low is not None and high is not None:
        found = [float(low) * (1 - share) + float(high) * share for share in SHARES]
    elif low is not None:
        found = [float(low) + step for step in STEPS]
    else:
        found = [float(high) - step for step in STEPS] if high is not None else [0.0, 1.0, 10.0, 100.0, -1.0]
    grid = limits.get("multipleOf")
    if grid is not None:
        found = [
            side(value / grid) * grid
            for side in (math.ceil, math.floor)
            for value in found
            if abs(value / grid) < 1e300
        ]
    return found


def _dates(limits: Limits) -> list[Json]:
    return [str(moment.astype("datetime64[D]")) for moment in _moments(limits)]


def _timestamps(limits: Limits) -> list[Json]:
    return [str(moment).removesuffix(".000000") for moment in _moments(limits)]


def _moments(limits: Limits) -> list[Any]:
    low, high = (None if end is None else np.datetime64(str(end), "us") for end in _ends(limits))
    if low is not None and high is not None:
        return [low, *(low + (high - low) // 4 * part for part in (1, 2, 3)), high]
    if low is not None:
        return [low + np.timedelta64(days, "D") for days in DAYS]
    if high is not None:
        return [high - np.timedelta64(days, "D") for days in DAYS]
    return [np.datetime64(moment, "us") for moment in MOMENTS]


def _texts(limits: Limits) -> list[Json]:
    least, most = int(limits.get("minLength", 0)), min(int(limits.get("maxLength", LONGEST)), LONGEST)
    if "pattern" in limits:
        return [word for word in (*_matching(str(limits["pattern"])), *WORDS) if word]
    return [word for word in (_long(word, min(least, LONGEST))[: max(most, least)] for word in WORDS) if word]


def _long(word: str, least: int) -> str:
    return word if len(word) >= least else (word * (least // len(word) + 1))[:least]


def _matching(pattern: str) -> Iterator[str]:
    """Write texts for a pattern, with few repetitions and with more; whoever takes one must see whether it matches."""
    parsed = import_module("re._parser").parse(pattern)
    for repeats in REPEATS:
        yield "".join(_written(parsed, repeats))[:LONGEST]


def _written(parsed: Any, repeats: int) -> Iterator[str]:
    for operation, what in parsed:
        name = str(operation)
        if name == "LITERAL":
            yield chr(what)
        elif name in ("ANY", "NOT_LITERAL"):
            yield "b" if what == ord("a") else "a"
        elif name == "IN":
            yield _member(what)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = what
            piece = "".join(_written(inner, repeats))[:LONGEST]
            yield piece * min(max(int(least), repeats), int(most), LONGEST // max(1, len(piece)))
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            yield from _written(what[-1] if name == "SUBPATTERN" else what, repeats)
        elif name == "BRANCH":
            yield from _written(what[1][repeats % len(what[1])], repeats)


def _member(choices: Any) -> str:
    """Pick a character of a set, a letter where one is in it."""
    signs = [chr(code) for code in (*range(97, 123), *range(48, 58), *range(32, 127), 228, 8364)]
    return next((sign for sign in signs if _is_member(sign, choices)), "")


def _is_member(sign: str, choices: Any) -> bool:
    code, found, negated = ord(sign), False, False
    for operation, what in choices:
        name = str(operation)
        negated = negated or name == "NEGATE"
        found = found or (name == "LITERAL" and code == what) or (name == "RANGE" and what[0] <= code <= what[1])
        found = found or (name == "CATEGORY" and _in_category(sign, str(what)))
    return found != negated


def _in_category(sign: str, name: str) -> bool:
    holds = {"DIGIT": sign.isdigit(), "SPACE": sign.isspace(), "WORD": sign.isalnum() or sign == "_"}
    return holds.get(name.removeprefix("CATEGORY_").removeprefix("NOT_"), False) != ("NOT_" in name)


MAKERS: dict[Kind, Callable[[Limits], list[Json]]] = {
    "boolean": _booleans,
    "number": _numbers,
    "integer": _integers,
    "date": _dates,
    "timestamp": _timestamps,
    "string": _texts,
}
