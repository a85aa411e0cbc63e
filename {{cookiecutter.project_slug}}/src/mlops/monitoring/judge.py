"""Has a window drifted from the reference? The rules that Prometheus evaluates, in NumPy.

Evidence is G, the likelihood ratio of two multinomial samples (Sokal & Rohlf, Biometry, ch. 17). The effect of a
`distribution` is the population stability index less what it is expected to be without drift (Yurdakul & Naranjo
2020); of the other rules it is a difference of shares. Only both together are drift: evidence alone finds the smallest
change in a large window, effect alone finds noise in a small one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops.serving.profile import ABOVE, BELOW, NULL, OUTSIDE, UNSEEN, Kind, Monitored, Part, Profile, Rule

LEAST_ROWS = 100
LEAST_EFFECT: dict[Rule, float] = {"distribution": 0.01, "nulls": 0.02, "range": 0.005, "unseen": 0.005}
OUTLYING: dict[Rule, tuple[str, ...]] = {"nulls": (NULL,), "range": (BELOW, ABOVE), "unseen": (UNSEEN,)}
Floats = NDArray[np.float64]
# Rows of a window by kind, slice ("" for all, else "column=value"), column, and bin.
Counts = Mapping[tuple[Kind, str, str], Mapping[str, float]]


@dataclass(frozen=True)
class Finding:
    """What one rule says of one column in one slice.

    `rows` and `reference` are the rows that the rule looked at, `share` and `expected` the shares of nulls, of values
    out of range or unseen (0 for a distribution).
    """

    kind: Kind
    column: str
    slice: str
    rule: Rule
    rows: int
    reference: int
    evidence: float
    critical: float
    effect: float
    least: float
    share: float = 0.0
    expected: float = 0.0

    @property
    def drifted(self) -> bool:
        """Whether there is evidence, and of a difference that matters, in enough rows."""
        return self.rows >= LEAST_ROWS and self.evidence > self.critical and self.effect >= self.least


def judge(profile: Profile, counts: Counts) -> list[Finding]:
    """Judge a window by all rules of a profile.

    Args:
        profile: the reference.
        counts: rows of the window by bin; a column or a slice that is not there has no rows.
    """
    found = []
    for column, part in profile.parts():
        key = str(part.slice or "")
        rows = counts.get((column.kind, key, column.name), {})
        found += [_finding(column, part, rule, rows) for rule in part.critical]
    return found


def _finding(column: Monitored, part: Part, rule: Rule, rows: Mapping[str, float]) -> Finding:
    judged = _distribution if rule == "distribution" else _share
    n, m, statistic, size, share, expected = judged(rule, rows, part.rows)
    return Finding(
        kind=column.kind,
        column=column.name,
        slice=str(part.slice or ""),
        rule=rule,
        rows=int(n),
        reference=int(m),
        evidence=statistic,
        critical=part.critical[rule],
        effect=size,
        least=LEAST_EFFECT[rule],
        share=share,
        expected=expected,
    )


Judged = tuple[float, float, float, float, float, float]


def _distribution(rule: Rule, rows: Mapping[str, float], reference: Mapping[str, float]) -> Judged:
    names = distribution_bins(reference)
    o, r = (np.array([given.get(name, 0.0) for name in names]) for given in (rows, reference))
    return float(o.sum()), float(r.sum()), float(evidence(o, r)), float(effect(o, r)), 0.0, 0.0


def _share(rule: Rule, rows: Mapping[str, float], reference: Mapping[str, float]) -> Judged:
    x, n = _of(OUTLYING[rule], rows, known=rule != "nulls")
    r, m = _of(OUTLYING[rule], reference, known=rule != "nulls")
    if not n or not m:
        return n, m, 0.0, 0.0, 0.0, 0.0
    more = x / n - r / m
    size = abs(more) if rule == "nulls" else more
    statistic = float(evidence(np.array([x, n - x]), np.array([r, m - r])))
    return n, m, statistic, size, x / n, r / m


def _of(bins: tuple[str, ...], rows: Mapping[str, float], known: bool) -> tuple[float, float]:
    total = sum(rows.values()) - (rows.get(NULL, 0.0) if known else 0.0)
    return sum(rows.get(name, 0.0) for name in bins), total


def distribution_bins(rows: Mapping[str, float]) -> list[str]:
    """List the bins that make the distribution."""
    return [name for name in rows if name not in OUTSIDE]


def evidence(o: Floats, r: Floats) -> Floats:
    """Compute G of two samples.

    Args:
        o: rows of the window, shape (bins,), or (windows, bins) for many windows at once.
        r: rows of the reference, shape (bins,).

    Returns:
        Shape () or (windows,).
    """
    n, m = o.sum(axis=-1), r.sum()
    parts = _n_log_n(o) - _n_log_n(o + r) + _n_log_n(r)
    total = parts.sum(axis=-1) + _n_log_n(n + m) - _n_log_n(n) - _n_log_n(m)
    return np.where((n > 0) & (m > 0), np.maximum(2.0 * total, 0.0), 0.0)


def effect(o: Floats, r: Floats) -> Floats:
    """Compute the population stability index of two samples less what it is expected to be without drift.

    Args:
        o: rows of the window, shape (bins,), or (windows, bins) for many windows at once.
        r: rows of the reference, shape (bins,).

    Returns:
        Shape () or (windows,).
    """
    n, m, bins = o.sum(axis=-1, keepdims=True), r.sum(), o.shape[-1]
    p, q = (o + 0.5) / (n + bins / 2), (r + 0.5) / (m + bins / 2)
    found = ((p - q) * np.log(p / q)).sum(axis=-1)
    n = n[..., 0]
    noise = (bins - 1) * (1 / np.maximum(n, 1) + 1 / max(m, 1))
    return np.where((n > 0) & (m > 0), found - noise, 0.0)


def _n_log_n(rows: Floats) -> Floats:
    values = np.asarray(rows, dtype=np.float64)
    return values * np.log(np.where(values > 0, values, 1.0))
