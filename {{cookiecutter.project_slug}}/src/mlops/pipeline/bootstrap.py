"""The paired bootstrap: many weighted versions of a metric at once.

A bootstrap sample is a vector of counts, one a row (Efron and Tibshirani 1993, An Introduction to the Bootstrap,
chapters 6 and 8). Metrics that are ratios of weighted sums are then matrix products; any other scorer is computed
sample by sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops.contract.errors import MlopsError
from mlops.pipeline.measures import Floats, Judged, measure

RESAMPLES = 2000
CHUNK_CELLS = 400_000
Kernel = Callable[[Judged, Floats], Floats]


def differences(name: str, challenger: Judged, champion: Judged, groups: NDArray[Any] | None = None) -> Floats:
    """Resample the difference of a metric between two models on the same rows.

    Args:
        name: a scikit-learn scorer.
        challenger: scores on n rows.
        champion: scores on the same n rows.
        groups: entity of each row, shape (n,); entities are drawn whole. Without it rows are drawn within classes.

    Returns:
        Challenger minus champion in each resample, shape (2000,), less those where the metric is not defined.

    Raises:
        MlopsError: The metric is not defined in one resample of twenty.
    """
    return _finite(name, [a - b for a, b in _pairs(name, challenger, champion, groups)])


def values(name: str, judged: Judged, groups: NDArray[Any] | None = None) -> Floats:
    """Resample a metric of one model; shape (2000,) less the resamples where it is not defined."""
    return _finite(name, [a for a, _ in _pairs(name, judged, judged, groups)])


def _pairs(name: str, one: Judged, other: Judged, groups: NDArray[Any] | None) -> Iterator[tuple[Floats, Floats]]:
    kernel = kernel_of(name)
    strata = None if one.is_regression else one.truth
    for weights in samples(len(one.truth), strata, groups):
        first = kernel(one, weights)
        yield first, (first if other is one else kernel(other, weights))


def kernel_of(name: str) -> Kernel:
    """Return what computes a metric on many samples: at once where we know how, else one by one."""
    return KERNELS.get(name) or _by_sample(name)


def _finite(name: str, parts: list[Floats]) -> Floats:
    drawn = np.concatenate(parts)
    kept = drawn[np.isfinite(drawn)]
    if len(kept) < 0.95 * len(drawn):
        raise MlopsError(
            f"metric {name!r} is undefined in {len(drawn) - len(kept)} of {len(drawn)} bootstrap samples: "
            "too few test rows of a class. Hold out more rows."
        )
    return kept


def samples(n: int, strata: NDArray[Any] | None, groups: NDArray[Any] | None) -> Iterator[Floats]:
    """Yield matrices of row counts, 2,000 rows of shape (n,) in all, always the same ones."""
    random = np.random.default_rng(0)
    draw = _clusters(groups) if groups is not None else _strata(n, strata)
    chunk = max(1, min(RESAMPLES, CHUNK_CELLS // max(n, 1)))
    for start in range(0, RESAMPLES, chunk):
        yield np.stack([draw(random) for _ in range(min(chunk, RESAMPLES - start))])


def _strata(n: int, strata: NDArray[Any] | None) -> Callable[[np.random.Generator], Floats]:
    labels = np.zeros(n) if strata is None else strata
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def draw(random: np.random.Generator) -> Floats:
        picked = np.concatenate([rows[random.integers(0, len(rows), len(rows))] for rows in members])
        return np.bincount(picked, minlength=n).astype(np.float64)

    return draw


def _clusters(groups: NDArray[Any]) -> Callable[[np.random.Generator], Floats]:
    names, cluster = np.unique(groups.astype(str), return_inverse=True)

    def draw(random: np.random.Generator) -> Floats:
        picked = random.integers(0, len(names), len(names))
        return np.bincount(picked, minlength=len(names)).astype(np.float64)[cluster]

    return draw


def _by_sample(name: str) -> Kernel:
    def kernel(judged: Judged, weights: Floats) -> Floats:
        return np.array([_one(name, judged, counts) for counts in weights])

    return kernel


def _one(name: str, judged: Judged, counts: Floats) -> float:
    try:
        return measure(name, judged.rows(np.repeat(np.arange(len(counts)), counts.astype(np.int64))))
    except MlopsError:
        return float("nan")


def _mean(loss: Callable[[Judged], Floats]) -> Kernel:
    return lambda judged, weights: -(weights @ loss(judged)) / weights.sum(axis=1)


def _square(judged: Judged) -> Floats:
    return np.asarray((judged.truth - judged.scores) ** 2, dtype=np.float64)


def _absolute(judged: Judged) -> Floats:
    return np.asarray(np.abs(judged.truth - judged.scores), dtype=np.float64)


def _wrong(judged: Judged) -> Floats:
    return np.asarray(judged.predictions != judged.truth, dtype=np.float64)


def _log_loss(judged: Judged) -> Floats:
    # scikit-learn clips by the precision of the scores and divides by the row's sum.
    scores = np.clip(judged.scores / judged.scores.sum(axis=1, keepdims=True), np.finfo(np.float64).eps, None)
    return np.asarray(-np.log(np.minimum(scores, 1.0))[np.arange(len(scores)), judged.truth])


def _brier(judged: Judged) -> Floats:
    if judged.scores.shape[1] == 2:
        return np.asarray((judged.scores[:, 1] - judged.truth) ** 2)
    return np.asarray(((judged.scores - np.eye(judged.scores.shape[1])[judged.truth]) ** 2).sum(axis=1))


def _r2(judged: Judged, weights: Floats) -> Floats:
    total = weights.sum(axis=1)
    mean = weights @ judged.truth / total
    spread = weights @ (judged.truth.astype(np.float64) ** 2) / total - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - (weights @ _square(judged)) / total / spread)


def _accuracy(judged: Judged, weights: Floats) -> Floats:
    return 1 + _mean(_wrong)(judged, weights)


def _balanced_accuracy(judged: Judged, weights: Floats) -> Floats:
    right = 1 - _wrong(judged)
    classes = np.unique(judged.truth)
    with np.errstate(invalid="ignore"):
        recalls = [(weights @ (right * (judged.truth == c))) / (weights @ (judged.truth == c)) for c in classes]
    return np.asarray(np.nanmean(recalls, axis=0))


def _f1(judged: Judged, weights: Floats) -> Floats:
    truth, said = judged.truth == 1, judged.predictions == 1
    hits = weights @ (truth & said)
    return np.asarray(2 * hits / np.maximum(weights @ truth + weights @ said, 1e-300))


def _roc_auc(judged: Judged, weights: Floats) -> Floats:
    """Weighted Mann-Whitney statistic with half a point for ties (Hanley and McNeil 1982, Radiology 143)."""
    if judged.scores.shape[1] != 2:
        return _by_sample("roc_auc")(judged, weights)
    order = np.argsort(judged.scores[:, 1], kind="stable")
    ranked = judged.scores[order, 1]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    positive = judged.truth[order] == 1
    ones = np.add.reduceat(weights[:, order] * positive, starts, axis=1)
    zeros = np.add.reduceat(weights[:, order] * ~positive, starts, axis=1)
    below = np.cumsum(zeros, axis=1) - zeros / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((ones * below).sum(axis=1) / (ones.sum(axis=1) * zeros.sum(axis=1)))


KERNELS: dict[str, Kernel] = {
    "roc_auc": _roc_auc,
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _f1,
    "neg_log_loss": _mean(_log_loss),
    "neg_brier_score": _mean(_brier),
    "r2": _r2,
    "neg_mean_absolute_error": _mean(_absolute),
    "neg_mean_squared_error": _mean(_square),
    "neg_root_mean_squared_error": lambda judged, weights: -np.sqrt(-_mean(_square)(judged, weights)),
}
