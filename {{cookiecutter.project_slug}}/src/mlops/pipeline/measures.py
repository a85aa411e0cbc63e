"""Any scikit-learn scorer, and expected calibration error, on scores that are already there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names, log_loss

from mlops.contract.errors import MlopsError

Floats = NDArray[np.float64]
ECE = "neg_expected_calibration_error"
ECE_EDGES = np.arange(1, 10) / 10
# Scorers of clusterings, and ratios without a best value: no share of the way to the best can be told.
UNSUITED = {
    "adjusted_mutual_info_score",
    "adjusted_rand_score",
    "completeness_score",
    "fowlkes_mallows_score",
    "homogeneity_score",
    "mutual_info_score",
    "neg_negative_likelihood_ratio",
    "normalized_mutual_info_score",
    "positive_likelihood_ratio",
    "rand_score",
    "v_measure_score",
}
DEFAULT = {
    "binary": ("roc_auc", "average_precision", "f1", "accuracy", "neg_log_loss", "neg_brier_score"),
    "multiclass": ("balanced_accuracy", "accuracy", "f1_macro", "neg_log_loss"),
    "regression": ("r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"),
}


@dataclass(frozen=True)
class Judged:
    """One model's scores beside the truth.

    Args of the constructor: `truth` of shape (n,): class numbers, or values for regression; `scores` of shape (n, k)
    with probabilities, or (n,) for regression; `threshold` on the second column for a binary task, else None.
    """

    truth: NDArray[Any]
    scores: Floats
    threshold: float | None = None

    @property
    def is_regression(self) -> bool:
        """Whether scores are values, not probabilities."""
        return self.scores.ndim == 1

    @property
    def predictions(self) -> NDArray[Any]:
        """Class numbers of shape (n,), or the values themselves."""
        if self.is_regression:
            return self.scores
        if self.threshold is not None:
            return (self.scores[:, 1] >= self.threshold).astype(np.int64)
        return np.asarray(self.scores.argmax(axis=1))

    def rows(self, index: NDArray[Any]) -> Judged:
        """Keep some rows, by number or mask."""
        return Judged(self.truth[index], self.scores[index], self.threshold)


class _Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    def __init__(self, judged: Judged | None = None) -> None:
        self.judged = judged

    def fit(self, X: Any, y: Any) -> _Classifier:
        return self

    @property
    def classes_(self) -> NDArray[np.int64]:
        assert self.judged is not None
        return np.arange(self.judged.scores.shape[1])

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        assert self.judged is not None
        return np.asarray(self.judged.predictions[X[:, 0]])

    def predict_proba(self, X: NDArray[Any]) -> Floats:
        assert self.judged is not None
        return np.asarray(self.judged.scores[X[:, 0]])


class _Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    def __init__(self, judged: Judged | None = None) -> None:
        self.judged = judged

    def fit(self, X: Any, y: Any) -> _Regressor:
        return self

    def predict(self, X: NDArray[Any]) -> Floats:
        assert self.judged is not None
        return np.asarray(self.judged.scores[X[:, 0]])


def known(name: str) -> str:
    """Return the name of a metric if it is a scikit-learn scorer or ours, `neg_expected_calibration_error`.

    Raises:
        MlopsError: There is none of that name, or it does not judge predictions.
    """
    if name in UNSUITED:
        raise MlopsError(f"metric {name!r} does not say how good predictions are. Name another.")
    if name != ECE and name not in get_scorer_names():
        names = ", ".join(sorted({*get_scorer_names(), ECE} - UNSUITED))
        raise MlopsError(f"metric {name!r} is not a scikit-learn scorer. Name one of {names}.")
    return name


def measure(name: str, judged: Judged) -> float:
    """Compute one metric, greater being better.

    Raises:
        MlopsError: The rows do not define it, for example ROC AUC where all rows are of one class.
    """
    rows = len(judged.truth)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = float(_score(known(name), judged))
    except (ValueError, TypeError, AttributeError) as error:
        raise MlopsError(f"metric {name!r} cannot be computed on {rows} test rows{_why(judged)}: {error}") from error
    if not np.isfinite(value):
        raise MlopsError(f"metric {name!r} is {value} on {rows} test rows{_why(judged)}. Hold out more rows.")
    return value


def _score(name: str, judged: Judged) -> float:
    if not judged.is_regression and name in OURS:
        return OURS[name](judged)
    if name == "average_precision" and judged.scores.shape[1] == 2 and not (judged.truth == 1).any():
        raise ValueError("no row is positive")  # scikit-learn says 0
    estimator = _Regressor(judged) if judged.is_regression else _Classifier(judged)
    return float(get_scorer(name)(estimator, np.arange(len(judged.truth))[:, None], judged.truth))


def brier(judged: Judged) -> Floats:
    """Return each row's squared distance of scores and truth (Brier 1950): of the positive alone, or of all classes."""
    if judged.scores.shape[1] == 2:
        return np.asarray((judged.scores[:, 1] - judged.truth) ** 2)
    return np.asarray(((judged.scores - np.eye(judged.scores.shape[1])[judged.truth]) ** 2).sum(axis=1))


def confidence(judged: Judged) -> tuple[NDArray[np.int64], Floats]:
    """Put rows into ten bins of equal width by what the model claims, as expected calibration error does.

    The claim is the score of the positive, against the outcome; of several classes the largest score, against being
    right (Guo et al. 2017, On Calibration of Modern Neural Networks, section 2).

    Returns:
        Bin of each row from 0 to 9, lower edges excluded, and outcome minus claim, both of shape (n,).
    """
    if judged.scores.shape[1] == 2:
        claim, outcome = judged.scores[:, 1], judged.truth == 1
    else:
        claim, outcome = judged.scores.max(axis=1), judged.scores.argmax(axis=1) == judged.truth
    return np.searchsorted(ECE_EDGES, claim, side="left"), outcome - claim


def calibration_error(judged: Judged) -> float:
    """Return the expected calibration error, from 0 (as sure as right) to 1."""
    bins, gap = confidence(judged)
    return float(np.abs(np.bincount(bins, gap, minlength=10)).sum() / len(gap))


# Scikit-learn's would guess the classes from the rows, which may lack one.
OURS: dict[str, Callable[[Judged], float]] = {
    "neg_log_loss": lambda judged: (
        -float(log_loss(judged.truth, judged.scores, labels=np.arange(judged.scores.shape[1])))
    ),
    "neg_brier_score": lambda judged: -float(brier(judged).mean()),
    ECE: lambda judged: -calibration_error(judged),
}


def _why(judged: Judged) -> str:
    if judged.is_regression or len(np.unique(judged.truth)) > 1:
        return ""
    return ", which are all of one class"


def best_possible(name: str) -> float:
    """Return the best value of a scorer: 0 for losses (which scikit-learn negates), 1 for scores."""
    return 0.0 if name.startswith("neg_") or name == "max_error" else 1.0
