"""Where the bins of a column begin and end, decided on the reference rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops.serving.profile import Monitored

LEAST_SHARE = 0.02
PREDICTION_BINS = 20
MOST_KNOWN = 1000
# Where more rows than this hold a value that no other has, an unseen one is nothing to tell.
MOST_ALONE = 0.1
Array = NDArray[Any]
Place = Callable[[float, float], float]


def number(name: str, values: Array, bins: int) -> Monitored:
    """Cut an input at its quantiles; values outside of what was seen have bins of their own.

    Args:
        name: the column.
        values: float64 of shape (n,), NaN for null.
        bins: how many, at most.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Monitored("input", name, "number")
    ends = (float(known.min()), float(known.max()))
    return Monitored("input", name, "number", edges=quantile_edges(known, bins, _low), range=ends)


def category(name: str, values: Array, bins: int) -> Monitored:
    """Give the frequent values of a text bins of their own, and remember the others.

    Args:
        name: the column.
        values: object of shape (n,), "" for null.
        bins: how many, at most; the last holds the others.
    """
    counts = Counter(str(value) for value in values.tolist() if value != "")
    if not counts:
        return Monitored("input", name, "presence")
    total, often = sum(counts.values()), sorted(counts, key=lambda value: (-counts[value], value))
    alone = sum(count == 1 for count in counts.values())
    tells = len(counts) <= MOST_KNOWN and alone <= MOST_ALONE * total
    frequent = [value for value in often if counts[value] >= LEAST_SHARE * total]
    own = often if len(often) <= bins and tells else (frequent or often[:1] * tells)[: bins - 1]
    return Monitored("input", name, "category", categories=tuple(own), known=tuple(sorted(counts)) if tells else ())


def probability(name: str, values: Array, threshold: float) -> Monitored:
    """Cut probabilities at their quantiles, and at the threshold."""
    below, above = values[values < threshold], values[values >= threshold]
    share = round(PREDICTION_BINS * len(below) / max(len(values), 1))
    first = min(max(share, 1), PREDICTION_BINS - 1)
    total = len(values)
    low = quantile_edges(below, first, _between, total)
    high = quantile_edges(above, PREDICTION_BINS - first, _between, total)
    return Monitored("prediction", name, "number", edges=(*low, float(threshold), *high))


def value(name: str, values: Array) -> Monitored:
    """Cut predicted numbers at their quantiles."""
    return Monitored("prediction", name, "number", edges=quantile_edges(values, PREDICTION_BINS, _between))


def quantile_edges(values: Array, bins: int, place: Place, total: int | None = None) -> tuple[float, ...]:
    """Cut numbers into bins of about equal rows, each with 2 % of the rows at least; equal numbers stay together.

    Args:
        values: float64 of shape (n,) without NaN.
        bins: how many, at most.
        place: says where between two neighbouring numbers the edge lies.
        total: of how many rows a bin has 2 %; n by default.

    Returns:
        The edges between bins: at most `bins` less one, ascending.
    """
    distinct, counts = np.unique(values, return_counts=True)
    least = LEAST_SHARE * (total or len(values))
    each = len(distinct) <= bins
    cumulated, edges, start = np.cumsum(counts), [], 0
    while bins > 1 and start < len(values):
        target = max(least, 0 if each else (len(values) - start) / bins)
        at = int(np.searchsorted(cumulated, start + target))
        at = _nearer(cumulated, at, start, target, least)
        if at >= len(distinct) - 1 or len(values) - cumulated[at] < least:
            break
        edges.append(place(float(distinct[at]), float(distinct[at + 1])))
        start, bins = int(cumulated[at]), bins - 1
    if not edges and len(distinct) > 1:
        # One value is nearly all there is: what is rare is told from it all the same.
        at = int(np.argmax(counts))
        at -= at == len(distinct) - 1
        edges = [place(float(distinct[at]), float(distinct[at + 1]))]
    return tuple(edges)


def _nearer(cumulated: Array, at: int, start: int, target: float, least: float) -> int:
    """Leave a heavy value to the next bin, where this one is then nearer to its due."""
    if at == 0 or at >= len(cumulated):
        return min(at, len(cumulated) - 1)
    without, along = cumulated[at - 1] - start, cumulated[at] - start
    return at - 1 if without >= least and target - without < along - target else at


def _low(low: float, high: float) -> float:
    return low


def _between(low: float, high: float) -> float:
    """Cut where the last digits of a score, which another machine may compute otherwise, do not matter."""
    middle = (low + high) / 2
    rounded = float(f"{middle:.6g}")
    return rounded if low <= rounded < high else middle
