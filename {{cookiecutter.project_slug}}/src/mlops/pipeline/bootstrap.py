"""The paired bootstrap: many weighted versions of a metric at once.

A bootstrap sample is a vector of counts, one a row (Efron and Tibshirani 1993, An Introduction to the Bootstrap,
chapters 6 and 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from mlops.contract.errors import MlopsError
from mlops.pipeline.kernels import prepare_of
from mlops.pipeline.measures import Floats, Judged
from mlops.pipeline.ranking import Kernel, Prepare

RESAMPLES = 2000
CHUNK_CELLS = 400_000
RARE = 10
CLASS_MEANS = frozenset({"balanced_accuracy", "f1_macro", "precision_macro", "recall_macro"})
ENOUGH = 0.95  # of the samples must define a metric


@dataclass(frozen=True)
class Spec:
    """A metric to resample: of a model's m rows, which are the numbers `rows`, shape (m,), of all n; by default all."""

    prepare: Prepare
    judged: Judged
    rows: NDArray[np.int64] | None = None

    def point(self) -> float:
        """Compute the metric on the rows themselves; NaN where they do not define it."""
        return float(self.prepare(self.judged)(np.ones((1, len(self.judged.truth))))[0])


def joint(
    specs: Sequence[Spec], n: int, strata: NDArray[Any] | None = None, groups: NDArray[Any] | None = None
) -> Floats:
    """Resample several metrics, models or subsets of rows on the same samples.

    Args:
        specs: what to compute, k of them; neighbours with the same `rows` array share the work of picking rows.
        n: the number of all rows.
        strata: classes of shape (n,) within which rows are drawn.
        groups: entity of each row, shape (n,); entities are drawn whole, and `strata` are not looked at.

    Returns:
        Shape (2000, k); NaN where a sample does not define a metric.
    """
    kernels = [spec.prepare(spec.judged) for spec in specs]
    drawn = np.concatenate([_together(specs, kernels, weights) for weights in samples(n, strata, groups)])
    return drawn if groups is None else _widened(specs, drawn, groups)


def _widened(specs: Sequence[Spec], drawn: Floats, groups: NDArray[Any]) -> Floats:
    """Spread samples of few entities as far from the estimate as so few warrant."""
    entity = np.unique(groups.astype(str), return_inverse=True)[1]
    wider = [widening(len(np.unique(entity if spec.rows is None else entity[spec.rows]))) for spec in specs]
    points = np.array([spec.point() for spec in specs])
    return np.asarray(points + (drawn - points) * wider)


def widening(entities: int) -> float:
    """Say how much too narrow intervals of so many entities are.

    Resampling k of them forgets the k - 1 degrees of freedom, and that their spread is an estimate (Hesterberg 2015,
    The American Statistician 69, on narrowness bias). One entity shows no spread: nothing widens that.
    """
    if entities < 2:
        return 1.0
    return float(np.sqrt(entities / (entities - 1)) * student.ppf(0.95, entities - 1) / NormalDist().inv_cdf(0.95))


def _together(specs: Sequence[Spec], kernels: Sequence[Kernel], weights: Floats) -> Floats:
    found = np.empty((len(weights), len(specs)))
    rows, part = None, weights
    for number, (spec, kernel) in enumerate(zip(specs, kernels, strict=True)):
        if spec.rows is not rows:
            rows, part = spec.rows, weights if spec.rows is None else weights.take(spec.rows, axis=1)
        found[:, number] = kernel(part)
    return found


def differences(name: str, challenger: Judged, champion: Judged, groups: NDArray[Any] | None = None) -> Floats:
    """Resample the difference of a metric between two models on the same rows.

    Args:
        name: a scikit-learn scorer or `neg_expected_calibration_error`.
        challenger: scores on n rows.
        champion: scores on the same n rows.
        groups: entity of each row, shape (n,); entities are drawn whole. Without it rows are drawn within classes.

    Returns:
        Challenger minus champion in each resample, shape (2000,), less those where the metric is not defined.

    Raises:
        MlopsError: The metric is not defined in one resample of twenty, or all rows are one entity's.
    """
    if groups is not None and len(np.unique(groups.astype(str))) == 1:
        raise MlopsError(
            f"all {len(groups)} test rows are of one entity (the contract's `group`), so nothing says how others fare. "
            "Hold out more entities."
        )
    found = _joint(name, (challenger, champion), groups)
    return _finite(name, found[:, 0] - found[:, 1])


def values(name: str, judged: Judged, groups: NDArray[Any] | None = None) -> Floats:
    """Resample a metric of one model; shape (2000,) less the resamples where it is not defined."""
    return _finite(name, _joint(name, (judged,), groups)[:, 0])


def _joint(name: str, models: Sequence[Judged], groups: NDArray[Any] | None) -> Floats:
    first = models[0]
    specs = [Spec(prepare_of(name), judged) for judged in models]
    strata = common_strata(first.truth) if name in CLASS_MEANS else strata_of(first)
    return joint(specs, len(first.truth), strata, groups)


def strata_of(judged: Judged) -> NDArray[Any] | None:
    """Return the classes within which rows are drawn: every sample has as many of each as the rows."""
    return None if judged.is_regression else judged.truth


def common_strata(truth: NDArray[Any]) -> NDArray[Any]:
    """Draw classes of fewer than ten rows together with the smallest of the others.

    A mean over classes gives a class of one row as much weight as any, and were it in every sample, nothing would vary.
    """
    labels, place, counts = np.unique(truth, return_inverse=True, return_counts=True)
    order = np.argsort(counts, kind="stable")
    rare = int((counts < RARE).sum())
    if len(labels) < 3 or not rare:
        return truth
    stratum = np.arange(len(labels))
    stratum[order[: rare + 1]] = order[0]
    return stratum[place]


def _finite(name: str, drawn: Floats) -> Floats:
    kept = drawn[np.isfinite(drawn)]
    if len(kept) < ENOUGH * len(drawn):
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
