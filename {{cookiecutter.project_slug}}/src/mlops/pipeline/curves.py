"""What plots of a model's scores need: a few hundred points, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from mlops.contract.model import Scalar
from mlops.data.sample import evenly
from mlops.pipeline.measures import Floats, Judged, confidence

POINTS = 200
RESIDUALS = 500
BINS = 10


def curves(judged: Judged, classes: Sequence[Scalar]) -> dict[str, Any]:
    """Compute the points of every plot that fits the task, as plain values.

    Args:
        judged: scores on n rows.
        classes: labels in the order of the scores' columns; none for regression.

    Returns:
        For a binary task `roc` ([false positive rate, true positive rate]) and `pr` ([recall, precision]), at most 200
        points each, left out where the rows are of one class; for all classes `calibration` in the bins of the expected
        calibration error, `confusion` (rows: truth) and `classes`; for regression at most 500 `residuals` ([predicted,
        truth less predicted], evenly by rank) and `calibration` in tenths of the rows.
    """
    if judged.is_regression:
        return {"residuals": _residuals(judged), "calibration": _tenths(judged)}
    numbers = np.arange(len(classes))
    return {
        **(_ranked(judged) if judged.threshold is not None else {}),
        "calibration": _calibration(judged),
        "confusion": confusion_matrix(judged.truth, judged.predictions, labels=numbers).tolist(),
        "classes": [str(label) for label in classes],
    }


def _ranked(judged: Judged) -> dict[str, Any]:
    if len(np.unique(judged.truth)) < 2:
        return {}
    false, true, _ = roc_curve(judged.truth, judged.scores[:, 1])
    precision, recall, _ = precision_recall_curve(judged.truth, judged.scores[:, 1], drop_intermediate=True)
    return {"roc": _points(_along(false, true)), "pr": _points(_along(recall, precision))}


def _along(x: Floats, y: Floats) -> list[tuple[float, float]]:
    """Keep points at even steps along x and y, the first and the last among them."""
    if len(x) <= POINTS:
        return list(zip(x, y, strict=True))
    length = np.cumsum(np.abs(np.diff(x, prepend=x[0])) + np.abs(np.diff(y, prepend=y[0])))
    kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], POINTS)).clip(max=len(x) - 1))
    return list(zip(x[kept], y[kept], strict=True))


def _calibration(judged: Judged) -> list[dict[str, Any]]:
    bins, gap = confidence(judged)
    claim = judged.scores[:, 1] if judged.scores.shape[1] == 2 else judged.scores.max(axis=1)
    return _binned(claim, gap + claim, (np.flatnonzero(bins == number) for number in range(BINS)))


def _tenths(judged: Judged) -> list[dict[str, Any]]:
    order = np.argsort(judged.scores, kind="stable")
    return _binned(judged.scores, judged.truth, np.array_split(order, BINS))


def _binned(score: Floats, rate: NDArray[Any], bins: Iterable[NDArray[Any]]) -> list[dict[str, Any]]:
    return [
        {"score": _round(score[rows].mean()), "rate": _round(rate[rows].mean()), "rows": len(rows)}
        for rows in bins
        if len(rows)
    ]


def _residuals(judged: Judged) -> list[list[float]]:
    order = np.argsort(judged.scores, kind="stable")
    picked = order[evenly(len(order), RESIDUALS)]
    return _points(zip(judged.scores[picked], (judged.truth - judged.scores)[picked], strict=True))


def _points(points: Iterable[tuple[float, float]]) -> list[list[float]]:
    return [[_round(x), _round(y)] for x, y in points]


def _round(value: float) -> float:
    return round(float(value), 6)
