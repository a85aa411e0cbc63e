"""What a finding means, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.monitoring.judge import LEAST_ROWS, Finding, distribution_bins
from mlops.serving.profile import Monitored, Part, Profile


def sentence(finding: Finding, profile: Profile, rows: Mapping[str, float]) -> str:
    """Say in a line what a finding means for who knows the data.

    Args:
        finding: of `judge`.
        profile: by which it was judged.
        rows: the window's rows of this column and slice, by bin.
    """
    change = f"{_percent(finding.share)} of the rows, {_percent(finding.expected)} in the reference"
    if finding.rule == "nulls":
        more = "more" if finding.share > finding.expected else "less"
        return f"it is {more} often null: in {change}"
    if finding.rule == "range":
        return f"values lie outside of what the reference has: in {change}"
    if finding.rule == "unseen":
        return f"values are new, the reference has none of them: in {change}"
    column, part = _part(finding, profile)
    label, share, expected = _most_moved(part, rows)
    what = "predictions are" if finding.kind == "prediction" else "it is"
    change = f"{_percent(share)} of the rows, {_percent(expected)} in the reference"
    return f"{what} spread otherwise: {column.meaning(label)} has {change}"


def numbers(finding: Finding) -> str:
    """Say what was measured and what it takes."""
    name = "PSI beyond noise" if finding.rule == "distribution" else "difference"
    return (
        f"{name} {finding.effect:.3f} (drift from {finding.least:g}), evidence G {finding.evidence:.1f} "
        f"(drift above {finding.critical:.1f}), {finding.rows} rows against {finding.reference}"
    )


def too_few(rows: int) -> str:
    """Say why a small window shows nothing."""
    return f"{rows} row{'s' * (rows != 1)} cannot show drift: each rule needs {LEAST_ROWS} of them."


def _part(finding: Finding, profile: Profile) -> tuple[Monitored, Part]:
    return next(
        (column, part)
        for column, part in profile.parts()
        if (column.kind, column.name, str(part.slice or "")) == (finding.kind, finding.column, finding.slice)
    )


def _most_moved(part: Part, rows: Mapping[str, float]) -> tuple[str, float, float]:
    bins = distribution_bins(part.rows)
    n, m = (sum(given.get(name, 0.0) for name in bins) for given in (rows, part.rows))
    shares = {name: (rows.get(name, 0.0) / n, part.rows[name] / m) for name in bins}
    label = max(bins, key=lambda name: abs(shares[name][0] - shares[name][1]))
    return label, *shares[label]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
