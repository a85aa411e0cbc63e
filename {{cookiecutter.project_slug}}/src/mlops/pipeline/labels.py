"""The target as the estimator wants it: class numbers, or values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract.errors import MlopsError
from mlops.contract.model import Scalar
from mlops.pipeline.params import Params


def classes(target: pd.Series, params: Params) -> tuple[Scalar, ...]:
    """List the labels in the order of the scores' columns: sorted, a binary task's positive last.

    Raises:
        MlopsError: The number of labels or `positive` does not fit the task.
    """
    if params.task == "regression":
        return ()
    labels = sorted((plain(label) for label in target.dropna().unique()), key=lambda label: (str(type(label)), label))
    if params.task == "multiclass":
        return _several(target, labels)
    if len(labels) != 2:
        raise MlopsError(
            f"params.yaml: task 'binary' needs two labels, but column {target.name!r} has {len(labels)}: "
            f"{labels[:5]!r}. Correct the task or the data."
        )
    if not any(_same(label, params.positive) for label in labels):
        raise MlopsError(
            f"params.yaml: positive {params.positive!r} is not a label of {target.name!r}. "
            f"Write {labels[0]!r} or {labels[1]!r}."
        )
    return tuple(sorted(labels, key=lambda label: _same(label, params.positive)))


def _several(target: pd.Series, labels: list[Scalar]) -> tuple[Scalar, ...]:
    if len(labels) < 2:
        raise MlopsError(f"column {target.name!r} has one label only: {labels!r}. There is nothing to learn.")
    return tuple(labels)


def _same(label: Scalar, other: Any) -> bool:
    return isinstance(label, bool) == isinstance(other, bool) and label == other


def plain(value: Any) -> Scalar:
    """Make a Python scalar of a NumPy or pandas one."""
    scalar: Scalar = value.item() if isinstance(value, np.generic) else value
    return scalar


def encode(target: pd.Series, labels: tuple[Scalar, ...]) -> NDArray[Any]:
    """Turn labels into class numbers of shape (n,), or values into float64 where there are no classes.

    Raises:
        MlopsError: A label is not one of the classes.
    """
    if not labels:
        return target.to_numpy(dtype=np.float64)
    numbers = {label: number for number, label in enumerate(labels)}
    unknown = [value for value in target.unique() if plain(value) not in numbers]
    if unknown:
        raise MlopsError(f"column {target.name!r}: label {unknown[0]!r} is not among {labels!r}.")
    return np.array([numbers[plain(value)] for value in target], dtype=np.int64)
