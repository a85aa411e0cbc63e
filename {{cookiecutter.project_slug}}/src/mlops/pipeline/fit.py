"""Fit the user's estimator on the training rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract, Scalar
from mlops.contract.task import Feature
from mlops.pipeline import dataset
from mlops.pipeline.labels import classes, encode
from mlops.pipeline.measures import Floats, Judged, measure
from mlops.pipeline.params import Maximize, Params
from mlops.settings import Settings

FOLDS = 3


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator with what it takes to call it. `example` holds the training features."""

    estimator: Any
    features: tuple[Feature, ...]
    classes: tuple[Scalar, ...]
    threshold: float | None
    example: pd.DataFrame

    @property
    def name(self) -> str:
        """The estimator's class; of a pipeline, its last step's."""
        last = self.estimator.steps[-1][1] if hasattr(self.estimator, "steps") else self.estimator
        return type(last).__name__

    def scores(self, frame: pd.DataFrame) -> Floats:
        """Score feature rows: (n, k) probabilities in the order of `classes`, or (n,) values."""
        return scores(self.estimator, dataset.fill_constants(frame, self.features), len(self.classes))


def scores(estimator: Any, frame: pd.DataFrame, k: int) -> Floats:
    """Call an estimator; a class it has not seen gets probability 0."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Found unknown categories")
        if not k:
            return np.asarray(estimator.predict(frame), dtype=np.float64).reshape(-1)
        seen = np.asarray(estimator.predict_proba(frame), dtype=np.float64)
    full = np.zeros((len(frame), k))
    full[:, np.asarray(estimator.classes_, dtype=np.int64)] = seen
    return full


def fit(settings: Settings, agreed: Contract, params: Params, train: pd.DataFrame, known: pd.Series) -> Fitted:
    """Fit on typed training rows.

    Args:
        settings: where the user's modules are.
        agreed: the contract.
        params: task, threshold and the estimator's own numbers.
        train: typed rows.
        known: the target of all labelled rows, so that a class that only the test rows have is known.

    Raises:
        MlopsError: The features, the labels or the estimator's parameters do not fit.
    """
    frame = dataset.features(dataset.features_function(settings), agreed, train)
    if frame.shape[1] == 0:
        raise MlopsError(f"{settings.features}: features() returned no feature. Return one array at least.")
    described = dataset.describe(frame)
    frame = dataset.fill_constants(frame, described)
    labels = classes(known, params)
    truth = encode(train[agreed.target.name], labels)
    estimator = build(settings, params)
    threshold = _threshold(estimator, frame, truth, params, dataset.entities(agreed, train))
    return Fitted(_fit(estimator, frame, truth), described, labels, threshold, frame)


def build(settings: Settings, params: Params) -> BaseEstimator:
    """Call the user's `build`.

    Raises:
        MlopsError: It does not accept the numbers of params.yaml.
    """
    module = dataset.user_module(settings, settings.model)
    try:
        return module.build(params.task, **params.model)
    except (AttributeError, TypeError, ValueError) as error:
        raise MlopsError(
            f"{settings.model}.build(task={params.task!r}, **{params.model!r}): {error}. Correct it."
        ) from error


def _fit(estimator: Any, frame: pd.DataFrame, truth: NDArray[Any]) -> Any:
    try:
        return estimator.fit(frame, truth)
    except Exception as error:
        raise MlopsError(
            f"model.py: the estimator cannot be fitted on {len(frame)} rows of {', '.join(map(repr, frame))}: "
            f"{type(error).__name__}: {error}. Correct model.py, or the numbers under `model` in params.yaml."
        ) from error


def _threshold(
    estimator: Any, frame: pd.DataFrame, truth: NDArray[Any], params: Params, groups: NDArray[Any] | None
) -> float | None:
    if params.task != "binary":
        return None
    if not isinstance(params.threshold, Maximize):
        return float(params.threshold)
    if np.bincount(truth, minlength=2).min() < FOLDS:
        raise MlopsError(
            f"params.yaml: threshold {{maximize: {params.threshold.maximize}}} needs {FOLDS} rows of each class. "
            "Write a number, such as 0.5."
        )
    judged = Judged(truth, _held_out_scores(estimator, frame, truth, groups))
    return best_threshold(judged, params.threshold.maximize)


def _held_out_scores(estimator: Any, frame: pd.DataFrame, truth: NDArray[Any], groups: NDArray[Any] | None) -> Floats:
    grouped = groups is not None and len(np.unique(groups)) >= FOLDS
    folds = StratifiedGroupKFold(FOLDS) if grouped else StratifiedKFold(FOLDS)
    held_out = np.zeros((len(truth), 2))
    for inside, outside in folds.split(frame, truth, groups):
        part = frame.iloc[inside]
        # A column may be empty in a fold only; it is a constant there, too.
        described = dataset.describe(part)
        fold = _fit(clone(estimator), dataset.fill_constants(part, described), truth[inside])
        held_out[outside] = scores(fold, dataset.fill_constants(frame.iloc[outside], described), 2)
    return held_out


def best_threshold(judged: Judged, metric: str) -> float:
    """Find the threshold with the best metric among a hundred quantiles of the scores."""
    candidates = np.unique(np.quantile(judged.scores[:, 1], np.linspace(0.01, 0.99, 99)))
    values = [measure(metric, Judged(judged.truth, judged.scores, float(c))) for c in candidates]
    if len(candidates) > 1 and len(set(values)) == 1:
        raise MlopsError(
            f"params.yaml: threshold {{maximize: {metric}}}: {metric} is the same for every threshold. Maximize f1, "
            "balanced_accuracy or another metric of predictions, or write a number."
        )
    return round(float(candidates[int(np.argmax(values))]), 6)
