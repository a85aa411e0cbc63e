"""What became of the reference rows, in the terms in which the server counts outcomes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlops.contract.columns import Columns
from mlops.contract.task import Task
from mlops.monitoring.window import Array, predictions, rows_of
from mlops.serving.bins import Coder
from mlops.serving.profile import Outcomes, Profile, Slice


def outcomes(profile: Profile, columns: Columns, task: Task, scores: Array, target: pd.Series) -> tuple[Outcomes, ...]:
    """Count the outcomes of all rows, and of those of each slice of the profile.

    Args:
        profile: with the bins of the predictions.
        columns: arrays of shape (n,).
        task: of the model.
        scores: (n, k) or (n,).
        target: what came true, shape (n,); rows without it are left out.
    """
    known = target.notna().to_numpy(dtype=bool)
    slices = [Slice(name, value) for name, values in profile.slices.items() for value in values]
    masks = [(None, known), *((found, known & rows_of(found, columns)) for found in slices)]
    truth = target.to_numpy(dtype=object)
    if task.task == "regression":
        wrong = np.abs(np.where(known, truth, 0).astype(np.float64) - scores.reshape(-1))
        return tuple(Outcomes(name, _errors(wrong[mask])) for name, mask in masks)
    if task.task == "multiclass":
        chosen = np.array(task.classes, dtype=object)[scores.argmax(axis=1)]
        right = np.array([_same(a, b) for a, b in zip(truth, chosen, strict=True)], dtype=bool)
        return tuple(Outcomes(name, _right(right[mask])) for name, mask in masks)
    positive = np.array([_same(label, task.classes[1]) for label in truth], dtype=bool)
    column = next(found for found in profile.monitored if found.kind == "prediction")
    coder = Coder(column)
    codes = coder.codes(predictions(task, scores))
    bins = len(column.edges) + 1
    return tuple(Outcomes(name, _by_bin(codes[mask], positive[mask], bins)) for name, mask in masks)


def _same(found: object, label: object) -> bool:
    return found is not pd.NA and bool(found == label)


def _errors(wrong: Array) -> dict[str, float]:
    return {"rows": float(len(wrong)), "absolute": float(wrong.sum()), "squared": float((wrong**2).sum())}


def _right(right: Array) -> dict[str, float]:
    return {"right": float(right.sum()), "wrong": float((~right).sum())}


def _by_bin(codes: Array, positive: Array, bins: int) -> dict[str, float]:
    return {
        f"{at}/{outcome}": float(((codes == at) & (positive == bool(outcome))).sum())
        for at in range(bins)
        for outcome in (0, 1)
    }
