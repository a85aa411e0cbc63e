"""The live metric as the alerts compute it: from counts of outcomes, against the reference window's."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from mlops.contract.task import TaskKind

ERRORS = 3  # so many standard errors are no chance
Counts = Mapping[str, float]
Estimate = tuple[float, float]


def loss(task: TaskKind, window: Counts, reference: Counts) -> tuple[float, float] | None:
    """Say how much worse the live metric is than in the reference window, and the standard error of that.

    ROC AUC of the bins, accuracy, or the mean absolute error as a share of the reference's.

    Args:
        task: of the model.
        window: outcomes as the profile counts them.
        reference: those of the profile.

    Returns:
        None where either cannot show the metric.
    """
    now, then = METRICS[task](window), METRICS[task](reference)
    if now is None or then is None:
        return None
    error = sqrt(now[1] ** 2 + then[1] ** 2)
    if task != "regression":
        return then[0] - now[0], error
    return None if then[0] <= 0 else ((now[0] - then[0]) / then[0], error / then[0])


def matters(found: tuple[float, float] | None, live_loss: float) -> bool:
    """Tell whether a loss is one that matters, and no chance."""
    return found is not None and found[0] > live_loss and found[0] > ERRORS * found[1]


def _auc(counts: Counts) -> Estimate | None:
    """Compute ROC AUC with its standard error (Hanley & McNeil 1982, Radiology 143); rows of one bin are ties."""
    bins = sorted({int(key.partition("/")[0]) for key in counts})
    positives, negatives = ([counts.get(f"{at}/{outcome}", 0.0) for at in bins] for outcome in (1, 0))
    m, n = sum(positives), sum(negatives)
    if not m or not n:
        return None
    below = 0.0
    won = 0.0
    for here, others in zip(positives, negatives, strict=True):
        won += here * (below + others / 2)
        below += others
    area = won / (m * n)
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (m - 1) * (one - area**2) + (n - 1) * (two - area**2)
    return area, sqrt(max(spread, 0.0) / (m * n))


def _accuracy(counts: Counts) -> Estimate | None:
    rows = counts["right"] + counts["wrong"]
    if not rows:
        return None
    share = counts["right"] / rows
    return share, sqrt(share * (1 - share) / rows)


def _absolute(counts: Counts) -> Estimate | None:
    rows = counts["rows"]
    if not rows:
        return None
    mean = counts["absolute"] / rows
    return mean, sqrt(max(counts["squared"] / rows - mean**2, 0.0) / rows)


METRICS = {"binary": _auc, "multiclass": _accuracy, "regression": _absolute}
