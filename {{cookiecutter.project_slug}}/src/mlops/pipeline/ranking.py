"""Rank metrics of a binary task on many samples at once: cumulated sums of counts in the order of the scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops.pipeline.measures import Floats, Judged

# Kernel: counts of shape (B, n) to values of shape (B,); Prepare does what is the same for every sample.
Kernel = Callable[[Floats], Floats]
Prepare = Callable[[Judged], Kernel]
BLOCK_CELLS = 30_000  # what stays in a core's cache


def ratio(above: Any, below: Any) -> Floats:
    """Divide; NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, np.asarray(above) / below, np.nan)


def _ranks(judged: Judged) -> tuple[NDArray[Any], NDArray[Any], Floats, Floats]:
    """Order the positives' and the negatives' rows by score, ascending; with their scores."""
    scores = judged.scores[:, 1]
    ones, zeros = np.flatnonzero(judged.truth == 1), np.flatnonzero(judged.truth != 1)
    ones, zeros = ones[np.argsort(scores[ones], kind="stable")], zeros[np.argsort(scores[zeros], kind="stable")]
    return ones, zeros, scores[ones], scores[zeros]


def _cumulated(weights: Floats) -> NDArray[np.int64]:
    # Whole numbers, as counts are, cumulate several times faster than floats.
    sums = np.zeros((len(weights), weights.shape[1] + 1), dtype=np.int64)
    np.cumsum(weights.astype(np.int64), axis=1, out=sums[:, 1:])
    return sums


def _in_blocks(kernel: Kernel, n: int) -> Kernel:
    step = max(1, BLOCK_CELLS // max(n, 1))
    return lambda weights: np.concatenate([kernel(weights[at : at + step]) for at in range(0, len(weights), step)])


def roc_auc(judged: Judged) -> Kernel:
    """Weighted Mann-Whitney statistic with half a point for ties (Hanley and McNeil 1982, Radiology 143)."""
    ones, zeros, high, low = _ranks(judged)
    below, upto = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
    ties = bool((below != upto).any())

    def kernel(weights: Floats) -> Floats:
        sums, won = _cumulated(weights.take(zeros, axis=1)), weights.take(ones, axis=1)
        points = sums.take(below, axis=1)
        points = points + (sums.take(upto, axis=1) if ties else points)
        return ratio(np.einsum("ij,ij->i", won, points.astype(np.float64)), 2 * won.sum(axis=1) * sums[:, -1])

    return _in_blocks(kernel, len(judged.truth))


def average_precision(judged: Judged) -> Kernel:
    """Sum of precision over steps of recall, ties being one step; as scikit-learn, without interpolation."""
    ones, zeros, high, low = _ranks(judged)
    hits, misses = np.searchsorted(high, high, "left"), np.searchsorted(low, high, "left")

    def kernel(weights: Floats) -> Floats:
        won = weights.take(ones, axis=1)
        above, lost = _cumulated(won), _cumulated(weights.take(zeros, axis=1))
        right = above[:, -1:] - above.take(hits, axis=1)
        wrong = lost[:, -1:] - lost.take(misses, axis=1)
        precision = right / np.maximum(right + wrong, 1)
        return ratio(np.einsum("ij,ij->i", won, precision), above[:, -1])

    return _in_blocks(kernel, len(judged.truth))
