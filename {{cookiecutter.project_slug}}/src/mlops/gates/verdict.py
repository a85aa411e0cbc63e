"""Worse, not worse, or cannot tell: a non-inferiority test on the difference of two models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlops.pipeline.measures import Floats

Answer = Literal["worse", "not worse", "cannot tell"]
ONE_SIDED_95 = 1.645
POWER_80 = 0.842


@dataclass(frozen=True)
class Comparison:
    """A metric's difference, challenger minus champion, with one-sided 95 % bounds, all in the metric's unit."""

    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    smallest_loss: float
    answer: Answer


def compare(champion: float, challenger: float, resampled: Floats, margin: float) -> Comparison:
    """Judge a difference by its bootstrap distribution.

    Worse: the estimate is below -margin and the one-sided 95 % upper bound below 0. Not worse: the lower bound is above
    -margin. Otherwise these rows cannot tell, and `smallest_loss` is the true loss that they would show in four cases
    of five: (1.645 + 0.842) standard errors, as for any one-sided test (Piaggio et al. 2012, JAMA 308, on margins), and
    0.842 of them beyond the margin, as the estimate must be beyond it.

    Args:
        champion: its metric on the rows.
        challenger: its metric on the same rows.
        resampled: differences in bootstrap samples, shape (B,).
        margin: a loss smaller than this is not a loss; positive.
    """
    difference = challenger - champion
    low, high = (float(value) for value in np.quantile(resampled, [0.05, 0.95]))
    error = float(resampled.std())
    smallest = max(margin, ONE_SIDED_95 * error) + POWER_80 * error
    return Comparison(champion, challenger, difference, low, high, smallest, answer(difference, low, high, margin))


def answer(difference: float, low: float, high: float, margin: float) -> Answer:
    """Apply the three verdicts."""
    if difference < -margin and high < 0:
        return "worse"
    return "not worse" if low > -margin else "cannot tell"


def upper_bounds(differences: Floats, resampled: Floats) -> Floats:
    """Bound k differences from above, all at once with 95 % confidence.

    The bounds are so many standard errors above the estimates as the largest studentised error of the k exceeds in one
    of twenty resamples (Romano and Wolf 2005, Econometrica 73, section 4). As errors of one resample are looked at
    together, groups that share rows cost little.

    Args:
        differences: estimates, shape (k,).
        resampled: the same in bootstrap samples, shape (B, k), NaN where a sample does not define one.

    Returns:
        Shape (k,); the estimate itself where it is the same in every sample.
    """
    spread = np.nanstd(resampled, axis=0)
    varies = spread > 1e-12
    if not varies.any():
        return differences
    errors = (differences - resampled)[:, varies] / spread[varies]
    largest = np.max(np.where(np.isfinite(errors), errors, -np.inf), axis=1)
    return np.asarray(differences + float(np.quantile(largest, 0.95)) * spread)
