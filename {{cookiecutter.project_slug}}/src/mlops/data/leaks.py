"""Columns that give the target away: one of them alone predicts it all but perfectly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlops.data.profile import Profile
from mlops.data.target import Target

Array = np.ndarray[Any, Any]
FEWEST_ROWS = 200
FEWEST_PER_CLASS = 20
AUC, ACCURACY, CORRELATION, RANKS = 0.995, 0.995, 0.999, 0.9999
SAMPLE = 20_000
FOLDS = 5


def gives_away(column: Profile, target: Profile, decided: Target) -> str | None:
    """Say how well the column alone predicts the target, where that is too well to be true.

    Args:
        column: an input.
        target: the target's profile.
        decided: the task.

    Returns:
        What was measured, or None where nothing looks like a leak.
    """
    known = target.values.notna().to_numpy()
    rows = np.flatnonzero(known)
    if len(rows) > SAMPLE:
        rows = rows[np.linspace(0, len(rows) - 1, SAMPLE).astype(int)]
    values, labels = column.values.iloc[rows], target.values.iloc[rows]
    if decided.task == "regression":
        return _of_amounts(column, values, labels.to_numpy(dtype=float, na_value=np.nan))
    codes, _ = pd.factorize(labels, sort=True)
    if decided.task == "binary":
        return _of_two(column, values, codes)
    return _of_classes(column, values, codes)


def enough(decided: Target) -> bool:
    """Whether there are rows enough to call a perfect predictor a leak."""
    return decided.rows >= FEWEST_ROWS and min(decided.classes.values(), default=FEWEST_ROWS) >= FEWEST_PER_CLASS


def _of_two(column: Profile, values: pd.Series[Any], truth: Array) -> str | None:
    best = max(_auc(score, truth) for score in _scores(column, values, truth))
    return f"alone it tells the classes apart with an AUC of {best:.4f}" if best >= AUC else None


def _scores(column: Profile, values: pd.Series[Any], truth: Array) -> list[Array]:
    missing = values.isna().to_numpy(dtype=float)
    if column.kind == "string":
        return [missing, _fold_means(values, truth.astype(float))]
    return [missing, _numbers(values)]


def _auc(score: Array, truth: Array) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), in whichever direction is better."""
    ranks = pd.Series(score).rank().to_numpy()
    ones = int(truth.sum())
    zeros = len(truth) - ones
    if ones == 0 or zeros == 0:
        return 0.5
    area = (ranks[truth == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros)
    return float(max(area, 1 - area))


def _numbers(values: pd.Series[Any]) -> Array:
    """Give numbers and times as floats; a null lies below all."""
    if values.dtype.kind == "M":
        floats = values.to_numpy(dtype="datetime64[us]").astype("int64").astype(float)
        floats[values.isna().to_numpy()] = np.nan
    else:
        floats = values.to_numpy(dtype=float, na_value=np.nan)
    lowest = np.nanmin(floats, initial=0.0)
    return np.where(np.isnan(floats), lowest - 1.0, floats)


def _fold_means(values: pd.Series[Any], truth: Array) -> Array:
    """Give each row the mean target of its category in the other folds, so that a name of one row knows nothing."""
    fold = np.arange(len(truth)) % FOLDS
    table = pd.DataFrame({"value": values.astype(object).fillna("").to_numpy(), "truth": truth, "fold": fold})
    sums = table.groupby("value")["truth"].transform("sum") - table.groupby(["value", "fold"])["truth"].transform("sum")
    sizes = table.groupby("value")["truth"].transform("size") - table.groupby(["value", "fold"])["truth"].transform(
        "size"
    )
    means = sums / sizes.where(sizes > 0)
    return np.asarray(means.fillna(truth.mean()).to_numpy(dtype=float))


def _of_classes(column: Profile, values: pd.Series[Any], truth: Array) -> str | None:
    scores = _fold_classes(values, truth) if column.kind == "string" else _tree_classes(_numbers(values), truth)
    accuracy = float(np.mean(scores == truth))
    return f"alone it names the right class for {100 * accuracy:.1f} % of rows" if accuracy >= ACCURACY else None


def _fold_classes(values: pd.Series[Any], truth: Array) -> Array:
    classes = np.unique(truth)
    each = [_fold_means(values, (truth == label).astype(float)) for label in classes]
    return np.asarray(classes[np.argmax(np.stack(each), axis=0)])


def _tree_classes(numbers: Array, truth: Array) -> Array:
    from sklearn.model_selection import cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=2 * len(np.unique(truth)), random_state=0)
    return np.asarray(cross_val_predict(tree, numbers[:, None], truth, cv=FOLDS))


def _of_amounts(column: Profile, values: pd.Series[Any], truth: Array) -> str | None:
    if column.kind == "string":
        numbers, known = _fold_means(values, truth), values.notna().to_numpy()
    else:
        numbers, known = _numbers(values), values.notna().to_numpy()
    if known.sum() < FEWEST_ROWS or np.ptp(numbers[known]) == 0 or np.ptp(truth[known]) == 0:
        return None
    linear = abs(float(np.corrcoef(numbers[known], truth[known])[0, 1]))
    ranks = [pd.Series(array[known]).rank().to_numpy() for array in (numbers, truth)]
    monotone = abs(float(np.corrcoef(ranks[0], ranks[1])[0, 1]))
    if linear >= CORRELATION or monotone >= RANKS:
        return f"alone it follows the target with a correlation of {max(linear, monotone):.5f}"
    return None
