"""A linear model on the same features: what the real one must be worth its trees for."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import Feature, Task
from mlops.data.sample import evenly
from mlops.pipeline import dataset
from mlops.pipeline.fit import scores
from mlops.pipeline.labels import encode
from mlops.pipeline.measures import Judged, measure
from mlops.settings import Settings

ROWS = 20_000
RAREST = 20
STEPS = 100


def linear(
    settings: Settings, agreed: Contract, task: Task, train: pd.DataFrame, test: pd.DataFrame, metric: str
) -> float | str:
    """Score a logistic or ridge regression on the model's own features.

    Args:
        settings: where the user's `features()` is.
        agreed: the contract.
        task: the model's; its threshold is the linear model's, too.
        train: typed rows, of which at most 20,000 are used, evenly.
        test: typed rows to score.
        metric: the deciding one.

    Returns:
        The metric, or why there is none: a baseline that fails is no reason not to judge the model.
    """
    function = dataset.features_function(settings)
    picked = train.iloc[evenly(len(train), ROWS)]
    try:
        inputs, asked = (
            dataset.fill_constants(dataset.features(function, agreed, rows), task.features) for rows in (picked, test)
        )
        model = build(task.features, regression=not task.classes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(inputs, encode(picked[task.target], task.classes))
        said = scores(model, asked, len(task.classes))
        return measure(metric, Judged(encode(test[task.target], task.classes), said, task.threshold))
    except (ValueError, MlopsError) as error:
        return f"a linear model could not be fitted: {error}"


def build(features: tuple[Feature, ...], *, regression: bool) -> Any:
    """Make the pipeline: numbers imputed, marked where missing and scaled; text one-hot, rare values as one."""
    numbers = [feature.name for feature in features if feature.kind == "float"]
    texts = [feature.name for feature in features if feature.kind == "string"]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
            ("texts", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RAREST), texts),
        ]
    )
    return make_pipeline(columns, Ridge() if regression else LogisticRegression(max_iter=STEPS))
