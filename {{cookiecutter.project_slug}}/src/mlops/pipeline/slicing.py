"""The groups of a column: its categories, or ranges of its numbers and times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MISSING, OTHER = "(missing)", "(other)"
MOST = 50
UNITS = ("D", "h", "m", "s", "us")
Names = NDArray[np.object_]


def groups_of(values: pd.Series, bins: int = 4) -> Names:
    """Name the group of each row.

    Categories are groups by themselves; where there are more than 50, the rarest are "(other)". Numbers and times are
    cut at their quantiles, at edges as round as leaves the bins about even, unless there are at most two values a bin.

    Args:
        values: a column of shape (n,) as the contract types it; what it lacks is "(missing)".
        bins: how many ranges, at most.

    Returns:
        Names of shape (n,); equal rows of a column always have one name, and ranges do not overlap.
    """
    known = values.notna().to_numpy(dtype=bool)
    names = np.full(len(values), MISSING, dtype=object)
    if known.any():
        names[known] = _frequent(_named(values[known], bins))
    return names


def _named(values: pd.Series, bins: int) -> Names:
    if pd.api.types.is_datetime64_any_dtype(values):
        return _ranges(values.to_numpy(dtype="datetime64[us]").astype(np.int64), bins, _day, _time_edges)
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return _ranges(values.to_numpy(dtype=np.float64), bins, _number, _round_edges)
    return _each(values.astype(object).to_numpy(), lambda value: str(value).lower() if _is_bool(value) else str(value))


def _is_bool(value: object) -> bool:
    return isinstance(value, bool | np.bool_)


def _frequent(names: Names) -> Names:
    counts = pd.Series(names, dtype=object).value_counts()
    if len(counts) <= MOST:
        return names
    kept = sorted(counts.index, key=lambda name: (-counts[name], name))[: MOST - 1]
    return np.where(np.isin(names.astype(str), np.array(kept, dtype=str)), names, OTHER)


def _each(values: NDArray[Any], name: Callable[[object], str]) -> Names:
    codes, distinct = pd.factorize(values)
    return np.array([name(value) for value in distinct], dtype=object)[codes]


def _ranges(
    values: NDArray[Any],
    bins: int,
    name: Callable[[object], str],
    rounded: Callable[[NDArray[Any]], Iterable[NDArray[Any]]],
) -> Names:
    distinct = np.unique(values)
    if len(distinct) <= 2 * bins:
        return _each(values, name)
    exact = np.unique(np.sort(values)[np.arange(1, bins) * len(values) // bins])
    exact = exact[exact > distinct[0]] if exact[-1] > distinct[0] else distinct[1:2]
    fair = _counts(values, exact)
    edges = next(
        (e for e in rounded(exact) if len(e) == len(exact) and (_counts(values, e) * 4 >= fair * 3).all()), exact
    )
    texts = [name(edge) for edge in edges]
    inner = [f"{low} to under {high}" for low, high in pairwise(texts)]
    names = np.array([f"under {texts[0]}", *inner, f"{texts[-1]} or more"], dtype=object)
    return names[np.searchsorted(edges, values, side="right")]


def _counts(values: NDArray[Any], edges: NDArray[Any]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def _round_edges(edges: NDArray[Any]) -> Iterable[NDArray[Any]]:
    for digits in range(1, 16):
        yield np.unique([float(f"{edge:.{digits}g}") for edge in edges])


def _time_edges(edges: NDArray[Any]) -> Iterable[NDArray[Any]]:
    for unit in UNITS:
        yield (
            np.unique(edges.view("datetime64[us]").astype(f"datetime64[{unit}]"))
            .astype("datetime64[us]")
            .view(np.int64)
        )


def _number(value: object) -> str:
    number = float(value)  # type: ignore[arg-type]
    return f"{int(number)}" if number.is_integer() and abs(number) < 1e15 else repr(number)


def _day(value: object) -> str:
    time = np.datetime64(int(value), "us")  # type: ignore[call-overload]
    text = str(time.astype("datetime64[s]")) if time == time.astype("datetime64[s]") else str(time)
    return text.removesuffix("T00:00:00").removesuffix(":00") if "T" in text else text
