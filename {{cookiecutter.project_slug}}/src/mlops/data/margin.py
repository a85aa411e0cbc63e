"""The metric that decides, and how large a loss on so many test rows is more than noise."""

from __future__ import annotations

import math

from mlops.contract.task import TaskKind
from mlops.data.target import Target

METRICS: dict[TaskKind, str] = {"binary": "roc_auc", "multiclass": "balanced_accuracy", "regression": "r2"}
SMALLEST, LARGEST = 0.005, 0.05
# What a fair model reaches: the score at which the standard error is taken.
TYPICAL = {"binary": 0.8, "multiclass": 0.75, "regression": 0.5}


def margin(target: Target, test_rows: int) -> float:
    """Take one standard error of the metric on the test rows, between 0.005 and 0.05."""
    return round(min(max(standard_error(target, test_rows), SMALLEST), LARGEST), 3)


def standard_error(target: Target, test_rows: int) -> float:
    """Estimate the metric's standard error, were its score a typical one.

    Args:
        target: the task and how often each class occurs.
        test_rows: the number of test rows.
    """
    part = test_rows / max(target.rows, 1)
    sizes = [max(1.0, part * count) for count in target.classes.values()]
    typical = TYPICAL[target.task]
    if target.task == "binary":
        return auc_error(typical, sizes[0], sizes[1])
    if target.task == "multiclass":
        return math.sqrt(sum(typical * (1 - typical) / size for size in sizes)) / len(sizes)
    return r2_error(typical, test_rows)


def auc_error(auc: float, ones: float, zeros: float) -> float:
    """Standard error of an area under the ROC curve (Hanley and McNeil 1982, Radiology 143, equation 2)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (ones - 1) * (q1 - auc**2) + (zeros - 1) * (q2 - auc**2)
    return math.sqrt(variance / (ones * zeros))


def r2_error(r2: float, rows: int) -> float:
    """Standard error of R² for many rows (Olkin and Finn 1995, Psychological Bulletin 118, section on R²)."""
    return math.sqrt(4 * r2 * (1 - r2) ** 2 / max(rows, 1))
