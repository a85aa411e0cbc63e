"""How the rows of a window fall into the bins of a profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops.contract.columns import Columns
from mlops.contract.task import Task
from mlops.serving.bins import Coder
from mlops.serving.profile import Kind, Monitored, Profile, Slice

Array = NDArray[Any]
HALF = 0.5


def count(
    profile: Profile, columns: Columns, predicted: Array | None = None
) -> dict[tuple[Kind, str, str], dict[str, float]]:
    """Count the rows of a window by column, slice and bin.

    Args:
        profile: says what is counted.
        columns: float64, object or datetime64 of shape (n,), as the contract gives inputs; those that are missing are
            not counted, and neither are their slices.
        predicted: the predictions as `predictions` gives them; not counted where they are not there.

    Returns:
        Rows by kind, slice ("" for all, else "column=value"), column, and bin: what `judge` takes.
    """
    found: dict[tuple[Kind, str, str], dict[str, float]] = {}
    masks: dict[Slice, Array] = {}
    for column, values in _given(profile, columns, predicted):
        coder = Coder(column)
        codes = coder.codes(values)
        for part in column.parts:
            inside = codes
            if part.slice is not None:
                if part.slice.column not in columns:
                    continue
                if part.slice not in masks:
                    masks[part.slice] = rows_of(part.slice, columns)
                inside = codes[masks[part.slice]]
            found[column.kind, str(part.slice or ""), column.name] = by_bin(coder, inside)
    return found


def _given(profile: Profile, columns: Columns, predicted: Array | None) -> Iterator[tuple[Monitored, Array]]:
    for column in profile.monitored:
        if column.kind == "prediction":
            if predicted is not None:
                yield column, predicted
        elif column.name in columns:
            yield column, columns[column.name]


def by_bin(coder: Coder, codes: Array) -> dict[str, float]:
    """Count codes by the label of their bin."""
    rows = np.bincount(codes, minlength=len(coder.labels)).tolist()
    return dict(zip(coder.labels, map(float, rows), strict=True))


def rows_of(slice_: Slice, columns: Mapping[str, Array]) -> Array:
    """Tell which rows belong to a slice, as the server does: a mask of shape (n,)."""
    return np.array([str(value) == slice_.value for value in columns[slice_.column].tolist()], dtype=bool)


def predictions(task: Task, scores: Array) -> Array:
    """Give what is counted of predictions: the probability of the positive class, the value, or the label's text.

    Args:
        task: of the model.
        scores: (n, k) probabilities in the order of the classes, or (n,) values.
    """
    if task.task == "regression":
        return np.asarray(scores, dtype=np.float64).reshape(-1)
    if task.task == "binary":
        return np.asarray(scores[:, 1], dtype=np.float64)
    labels = np.empty(len(scores), dtype=object)
    labels[:] = [str(task.classes[at]) for at in scores.argmax(axis=1).tolist()]
    return labels
