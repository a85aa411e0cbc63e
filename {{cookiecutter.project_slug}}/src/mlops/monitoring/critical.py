"""What a statistic has to exceed, so that a clean window seldom alarms in any of its tests."""

from __future__ import annotations

from collections.abc import Mapping

from scipy.stats import chi2

from mlops.monitoring.judge import distribution_bins
from mlops.serving.profile import ABOVE, BELOW, NULL, UNSEEN, Kind, Rule

# Of a clean window, over all its tests: docs/reference/drift_error_rates.md shows what comes of it.
FAMILY_ERROR = 0.005
ONE_SIDED: tuple[Rule, ...] = ("range", "unseen")


def rules_of(kind: Kind, rows: Mapping[str, float]) -> tuple[Rule, ...]:
    """List the rules that judge a part of a profile, by the bins that it has."""
    found: list[Rule] = []
    if len(distribution_bins(rows)) > 1:
        found.append("distribution")
    if kind == "input" and NULL in rows:
        found.append("nulls")
    if BELOW in rows or ABOVE in rows:
        found.append("range")
    if UNSEEN in rows:
        found.append("unseen")
    return tuple(found)


def critical_values(kind: Kind, rows: Mapping[str, float], tests: int) -> dict[Rule, float]:
    """Give what G must exceed, by rule.

    The family error is shared out evenly over all tests of a profile (Bonferroni). G is compared with the chi-square
    distribution of so many degrees of freedom as there are bins less one (Wilks 1938); of `range` and `unseen` only
    more rows count, which is one of two sides.

    Args:
        kind: of the column.
        rows: reference rows by bin.
        tests: how many pairs of part and rule the profile has.
    """
    share = FAMILY_ERROR / max(tests, 1)
    bins = len(distribution_bins(rows))
    return {rule: _quantile(rule, bins, share) for rule in rules_of(kind, rows)}


def _quantile(rule: Rule, bins: int, share: float) -> float:
    freedom = bins - 1 if rule == "distribution" else 1
    tail = min(2 * share, 1.0) if rule in ONE_SIDED else share
    return round(float(chi2.isf(tail, freedom)), 4)
