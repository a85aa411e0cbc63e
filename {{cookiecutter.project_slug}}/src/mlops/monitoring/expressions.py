"""The statistics of `judge` in PromQL, as pieces of text that rules put together."""

from __future__ import annotations

from collections.abc import Sequence

# Everything is selected by this; the chart puts its own job in its place.
JOB = 'job=~".+"'
RELEASE = ("job", "release")
COLUMN = (*RELEASE, "kind", "slice", "column")
TEST = (*COLUMN, "rule")


def by(labels: Sequence[str]) -> str:
    """Write the labels of an aggregation or of a match."""
    return f"({', '.join(labels)})"


def total(labels: Sequence[str], what: str) -> str:
    """Sum over all else but these labels."""
    return f"sum by {by(labels)} ({what})"


def grown(labels: Sequence[str], counter: str, window: str, match: str = "", offset: str = "") -> str:
    """Sum what a counter grew by in a window: over replicas, and over restarts, as each series grows by itself."""
    chosen = ", ".join(filter(None, (JOB, match)))
    shifted = f" offset {offset}" if offset else ""
    return total(labels, f"increase({counter}{{{chosen}}}[{window}]{shifted})")


def told(labels: Sequence[str], gauge: str, match: str = "") -> str:
    """Take what each replica tells alike."""
    return f"max by {by(labels)} ({gauge}{{{', '.join(filter(None, (JOB, match)))}}})"


def n_log_n(rows: str) -> str:
    """Write x ln x, which is 0 for 0."""
    return f"{rows} * ln({rows} + ({rows} == bool 0))"


def evidence(observed: str, reference: str, n: str, m: str, labels: Sequence[str]) -> str:
    """Write G of two samples: see `judge.evidence`.

    Args:
        observed: rows by bin.
        reference: rows by bin, with the same labels.
        n: all that are observed, by labels.
        m: all of the reference, by labels.
        labels: what is left when the bins are summed up.
    """
    terms = f"{n_log_n(observed)} + {n_log_n(reference)} - {n_log_n(f'({observed} + {reference})')}"
    whole = f"{n_log_n(f'({n} + {m})')} - {n_log_n(n)} - {n_log_n(m)}"
    return f"2 * clamp_min({total(labels, terms)} + {whole}, 0)"


def effect(observed: str, reference: str, n: str, m: str, labels: Sequence[str]) -> str:
    """Write the population stability index less what it is expected to be without drift: see `judge.effect`.

    Args: as of `evidence`.
    """
    bins = f"count by {by(labels)} ({reference})"
    p, q = (
        f"(({rows} + 0.5) / on {by(labels)} group_left () ({every} + {bins} / 2))"
        for rows, every in ((observed, f"({n} > 0)"), (reference, m))
    )
    index = total(labels, f"({p} - {q}) * ln({p} / {q})")
    return f"{index} - ({bins} - 1) * (1 / ({n} > 0) + 1 / {m})"


def auc(rows: str, below: str, labels: Sequence[str]) -> str:
    """Write the area under the ROC curve of scores in bins: a tie within a bin counts half.

    Args:
        rows: outcomes by bin and outcome, 0 or 1.
        below: outcomes in all lower bins, the same way.
        labels: what is left when the bins are summed up.
    """
    positive, negative, lower = (f'{name}{{outcome="{one}"}}' for name, one in ((rows, 1), (rows, 0), (below, 0)))
    won = f"{positive} * ignoring (outcome) ({lower} + {negative} / 2)"
    return f"{total(labels, won)} / ({total(labels, positive)} * {total(labels, negative)})"


def auc_variance(area: str, positive: str, negative: str) -> str:
    """Write the variance of an area under the ROC curve (Hanley & McNeil 1982)."""
    first = f"({area} / (2 - {area}) - {area} ^ 2)"
    second = f"(2 * {area} ^ 2 / (1 + {area}) - {area} ^ 2)"
    spread = f"{area} * (1 - {area}) + ({positive} - 1) * {first} + ({negative} - 1) * {second}"
    return f"({spread}) / ({positive} * {negative})"
