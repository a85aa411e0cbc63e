"""Does the model treat the groups of a protected column less alike than the champion, or than the bar allows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops.gates.bar import Gates
from mlops.gates.match import Check, Match, Outcome
from mlops.gates.verdict import answer
from mlops.pipeline.fairness import Examined, Gap, bounds, examine, gap_values, group_values, plain
from mlops.pipeline.slicing import groups_of

GATED = {
    "binary": ("demographic_parity", "equal_opportunity", "equalized_odds"),
    "multiclass": ("error_rate",),
    "regression": ("mae",),
}
SAID = {
    "selection_rate": "{} is predicted positive in {:.1%} of rows and {} in {:.1%}",
    "true_positive_rate": "{} is predicted positive in {:.1%} of its truly positive rows and {} in {:.1%}",
    "false_positive_rate": "{} is predicted positive in {:.1%} of its truly negative rows and {} in {:.1%}",
    "error_rate": "{} is predicted wrongly in {:.1%} of rows and {} in {:.1%}",
    "mae": "The prediction for {} is off by {:.4g} on average and for {} by {:.4g}",
}
IN_FULL = {"mae": "mean absolute error"}
UNDECLARED = (
    "None declared: tag a column `protected` in contract.yaml, or say there why not (customProperties: fairness)."
)
UNSURE = ("cannot tell", "too few rows", "not defined")
LONGEST = 40


@dataclass(frozen=True)
class Finding:
    """One measure on one column: the challenger's gap, and what the report says of it."""

    column: str
    gap: Gap | None
    values: dict[str, Any]

    @property
    def badness(self) -> float:
        """What the finding that is put into words has most of."""
        return float(self.values["difference"] or 0.0) + 1e-3 * float(self.values["challenger"] or 0.0)


def check_fairness(match: Match, gates: Gates, none_because: str | None) -> Check:
    """Judge the gaps between groups of each protected column by their growth and, where the bar has one, a limit.

    *Worse* where a gap grew by more than the margin and its one-sided 95 % lower bound, over all columns and measures
    that are gated, is above 0; *too large* where it is above the limit and its lower bound, over all pairs of groups,
    is above 0.

    Args:
        match: both models on the same rows, with the protected columns.
        gates: the bar.
        none_because: why the contract declares no protected column, where it says so.
    """
    if not match.protected:
        details: dict[str, Any] = {"declared": none_because, "columns": []}
        if none_because is None:
            return Check("fairness", "warn", UNDECLARED, details)
        return Check("fairness", "pass", f"No protected column is declared: {none_because.rstrip('.')}.", details)
    models = [match.challenger] if match.champion is None else [match.challenger, match.champion]
    named = {name: groups_of(values, gates.slices.bins) for name, values in match.protected.items()}
    columns = examine(models, named, match.groups, gates.fairness.min_rows)
    found = [finding for column in columns for finding in _findings(match, gates, column, columns)]
    outcome, words = _answer(gates, [finding for finding in found if finding.values["gated"]], match)
    listed = [
        {
            "column": column.name,
            "groups": group_values(column),
            "measures": [finding.values for finding in found if finding.column == column.name],
        }
        for column in columns
    ]
    return Check("fairness", outcome, words, {"declared": None, "columns": listed})


def gated(match: Match, gates: Gates) -> tuple[str, ...]:
    """List the measures that decide: those of the bar, or the task's own."""
    return gates.fairness.measures or GATED[match.task.task]


def _findings(match: Match, gates: Gates, column: Examined, columns: list[Examined]) -> list[Finding]:
    deciding = gated(match, gates)
    same = _alike(match)
    tests = sum(None not in other.gaps.get(measure, (None,)) for other in columns for measure in deciding)
    return [
        Finding(
            column.name,
            gaps[0],
            {
                **gap_values(measure, gaps[0]),
                **_growth(gates, column, gaps, max(tests, 1), same),
                "limit": gates.fairness.max_gap,
                "limit_answer": _limit(gates, gaps[0]),
                "gated": measure in deciding,
            },
        )
        for measure, gaps in column.gaps.items()
    ]


def _growth(gates: Gates, column: Examined, gaps: tuple[Gap | None, ...], tests: int, same: bool) -> dict[str, Any]:
    """Compare the challenger's gap with the champion's; each keeps its own two groups, the furthest apart.

    The bounds are those that decide: the lower one allows for all `tests`. Models that say the `same` of every row are
    not told apart by the chance that few rows leave.
    """
    keys = ("champion", "difference", "difference_low", "difference_high")
    if gaps[0] is None:
        return {**dict.fromkeys(keys), "answer": "too few rows" if len(column.judged) < 2 else "not defined"}
    if len(gaps) == 1 or gaps[1] is None:
        return {**dict.fromkeys(keys), "answer": "no champion" if len(gaps) == 1 else "not defined"}
    growth, drawn = gaps[0].value - gaps[1].value, gaps[0].drawn - gaps[1].drawn
    low, high = (0.0, 0.0) if same else (bounds(drawn, tests)[0], bounds(drawn)[1])
    numbers = (plain(value) for value in (gaps[1].value, growth, low, high))
    # A growing gap is a loss: the three verdicts read it with its sign turned.
    return {**dict(zip(keys, numbers, strict=True)), "answer": answer(-growth, -high, -low, gates.fairness.margin)}


def _alike(match: Match) -> bool:
    return match.champion is not None and np.array_equal(match.challenger.predictions, match.champion.predictions)


def _limit(gates: Gates, gap: Gap | None) -> str | None:
    limit = gates.fairness.max_gap
    if limit is None:
        return None
    if gap is None:
        return "cannot tell"
    low, high = bounds(gap.drawn, gap.pairs)
    if gap.value > limit and low > 0:
        return "too large"
    return "within" if high < limit else "cannot tell"


def _answer(gates: Gates, found: list[Finding], match: Match) -> tuple[Outcome, str]:
    worse = [finding for finding in found if finding.values["answer"] == "worse"]
    large = [finding for finding in found if finding.values["limit_answer"] == "too large"]
    if worse or large:
        heads = [f"Less fair than the champion by {_names(worse)}."] if worse else []
        heads += [f"Beyond the limit of {gates.fairness.max_gap} by {_names(large)}."] if large else []
        return "block", " ".join([*heads, _sentence(_worst(worse or large), gates)])
    watched = found if match.champion is not None and not _alike(match) else []
    unsure = [finding for finding in watched if finding.values["answer"] in UNSURE]
    unsure += [
        finding for finding in found if finding.values["limit_answer"] == "cannot tell" and finding not in unsure
    ]
    if unsure:
        return gates.when_unsure, f"Cannot tell for {_names(unsure)}. {_sentence(_worst(unsure), gates)}"
    if not found:
        return "pass", "No measure of fairness applies to this task."
    shown = _sentence(_worst(found), gates)
    if match.champion is None:
        within = "" if gates.fairness.max_gap is None else f" No gap is above the limit of {gates.fairness.max_gap}."
        return "pass", f"There is no champion to compare with.{within} {shown}"
    return "pass", f"No gap between groups grew by {gates.fairness.margin} or more. {shown}"


def _names(found: list[Finding]) -> str:
    by_column: dict[str, list[str]] = {}
    for finding in found:
        measure = str(finding.values["measure"])
        by_column.setdefault(finding.column, []).append(IN_FULL.get(measure, measure.replace("_", " ")))
    columns: dict[str, list[str]] = {}
    for column, measures in by_column.items():
        columns.setdefault(", ".join(measures), []).append(column)
    return "; ".join(f"{measures} ({', '.join(named)})" for measures, named in columns.items())


def _worst(found: list[Finding]) -> Finding:
    return max(found, key=lambda finding: (finding.gap is not None, finding.badness))


def _sentence(finding: Finding, gates: Gates) -> str:
    gap, values = finding.gap, finding.values
    if gap is None:
        few = f"at least {gates.fairness.min_rows} rows, and outcomes of the kind in question"
        return f"{finding.column}: fewer than two groups can be measured ({few})."
    low, high = (f"{finding.column} = {_short(name)}" for name in (gap.lowest, gap.highest))
    rates = SAID[gap.rate].format(low, gap.low_rate, high, gap.high_rate)
    words = f"{rates}, a gap of {gap.value:.2f} ({values['low']:.2f} to {values['high']:.2f})"
    if values["champion"] is None:
        return f"{words}."
    may = f"a growth of {values['difference_low']:+.2f} to {values['difference_high']:+.2f}"
    return f"{words}; the champion's is {values['champion']:.2f}, {may}."


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
