"""Metrics on many samples at once.

A bootstrap sample is a vector of counts, one a row. Metrics that are ratios of weighted sums are then matrix products,
rank metrics cumulated sums; any other scorer is computed sample by sample. A sample that does not define a metric gets
NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mlops.contract.errors import MlopsError
from mlops.pipeline import ranking
from mlops.pipeline.measures import ECE, Floats, Judged, brier, confidence, measure
from mlops.pipeline.ranking import Kernel, Prepare, ratio


def prepare_of(name: str) -> Prepare:
    """Return what prepares a metric's kernel: at once where we know how, else one by one."""
    return KERNELS.get(name) or partial(_by_sample, name)


def _by_sample(name: str, judged: Judged) -> Kernel:
    return lambda weights: np.array([_one(name, judged, counts) for counts in weights])


def _one(name: str, judged: Judged, counts: Floats) -> float:
    try:
        return measure(name, judged.rows(np.repeat(np.arange(len(counts)), counts.astype(np.int64))))
    except MlopsError:
        return float("nan")


def _binary(name: str, prepare: Prepare) -> Prepare:
    return lambda judged: prepare(judged) if judged.scores.shape[1] == 2 else _by_sample(name, judged)


def mean_loss(loss: Callable[[Judged], Floats]) -> Prepare:
    """Prepare the negated mean of a loss of each row."""

    def prepare(judged: Judged) -> Kernel:
        losses = loss(judged)
        return lambda weights: -ratio(weights @ losses, weights.sum(axis=1))

    return prepare


def square(judged: Judged) -> Floats:
    """Squared error of each row."""
    return np.asarray((judged.truth - judged.scores) ** 2, dtype=np.float64)


def absolute(judged: Judged) -> Floats:
    """Absolute error of each row."""
    return np.asarray(np.abs(judged.truth - judged.scores), dtype=np.float64)


def log_loss(judged: Judged) -> Floats:
    """Log loss of each row, of scores as they are: those of a model that knows a class more do not add up to 1."""
    scores = np.clip(judged.scores, np.finfo(np.float64).eps, 1.0)
    return np.asarray(-np.log(scores)[np.arange(len(scores)), judged.truth])


def _wrong(judged: Judged) -> Floats:
    return np.asarray(judged.predictions != judged.truth, dtype=np.float64)


def _accuracy(judged: Judged) -> Kernel:
    kernel = mean_loss(_wrong)(judged)
    return lambda weights: 1 + kernel(weights)


def _root(judged: Judged) -> Kernel:
    kernel = mean_loss(square)(judged)
    return lambda weights: -np.sqrt(-kernel(weights))


def _calibration(judged: Judged) -> Kernel:
    bin_, gap = confidence(judged)
    gaps = np.eye(10)[bin_] * gap[:, None]
    return lambda weights: -ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))


def _r2(judged: Judged) -> Kernel:
    # Around the mean of all, so that large values do not cancel.
    truth = judged.truth.astype(np.float64) - judged.truth.mean()
    moments = np.stack([np.ones_like(truth), truth, truth**2, square(judged)], axis=1)

    def kernel(weights: Floats) -> Floats:
        total, first, second, errors = (weights @ moments).T
        return 1 - ratio(errors, second - first**2 / np.maximum(total, 1))

    return kernel


def _class_counts(judged: Judged, classes: Any) -> Callable[[Floats], tuple[Floats, Floats, Floats]]:
    """Count hits, true and predicted rows of each class: shapes (B, k)."""
    truth = judged.truth[:, None] == np.asarray(classes)
    said = judged.predictions[:, None] == np.asarray(classes)
    columns = np.hstack([truth & said, truth, said]).astype(np.float64)

    def count(weights: Floats) -> tuple[Floats, Floats, Floats]:
        hits, there, named = np.split(weights @ columns, 3, axis=1)
        return hits, there, named

    return count


def _balanced_accuracy(judged: Judged) -> Kernel:
    count = _class_counts(judged, np.unique(judged.truth))

    def kernel(weights: Floats) -> Floats:
        hits, there, _ = count(weights)
        return _mean_of_defined(ratio(hits, there))

    return kernel


def _f1_macro(judged: Judged) -> Kernel:
    count = _class_counts(judged, np.arange(judged.scores.shape[1]))

    def kernel(weights: Floats) -> Floats:
        hits, there, named = count(weights)
        return _mean_of_defined(ratio(2 * hits, there + named))

    return kernel


def _mean_of_defined(parts: Floats) -> Floats:
    known = np.isfinite(parts)
    return ratio(np.where(known, parts, 0).sum(axis=1), known.sum(axis=1))


def _of_positives(score: Callable[[Floats, Floats, Floats], Floats]) -> Prepare:
    def prepare(judged: Judged) -> Kernel:
        count = _class_counts(judged, [1])
        return lambda weights: np.nan_to_num(score(*(part[:, 0] for part in count(weights))))

    return prepare


KERNELS: dict[str, Prepare] = {
    "roc_auc": _binary("roc_auc", ranking.roc_auc),
    "average_precision": _binary("average_precision", ranking.average_precision),
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "f1": _of_positives(lambda hits, there, said: ratio(2 * hits, there + said)),
    "precision": _of_positives(lambda hits, there, said: ratio(hits, said)),
    "recall": _of_positives(lambda hits, there, said: ratio(hits, there)),
    "f1_macro": _f1_macro,
    "neg_log_loss": mean_loss(log_loss),
    "neg_brier_score": mean_loss(brier),
    ECE: _calibration,
    "r2": _r2,
    "neg_mean_absolute_error": mean_loss(absolute),
    "neg_mean_squared_error": mean_loss(square),
    "neg_root_mean_squared_error": _root,
}
