"""Ask every gate of one bar, and say yes or no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from mlops.contract.model import Contract
from mlops.gates.bar import Gates
from mlops.gates.contest import Rows, difference
from mlops.gates.match import Check, Match, Question
from mlops.gates.policy import ask, softened
from mlops.gates.rows import ENOUGH
from mlops.gates.verdict import Comparison
from mlops.pipeline.evaluate import dummy, skill
from mlops.pipeline.measures import measure

FIRST = Check("champion", "pass", "Nothing runs here yet: there is no champion, and the floor alone decides.")


@dataclass(frozen=True)
class Bar:
    """What is asked for, of which rows; `tagging` is the contract whose roles of columns count."""

    name: str
    gates: Gates
    rows: Rows
    tagging: Contract


@dataclass(frozen=True)
class Judgement:
    """All answers under one bar; `dropped` counts test rows that the champion had been trained on."""

    bar: str
    metric: str
    rows: int
    dropped: int
    checks: tuple[Check, ...]
    score: float
    dummy: float
    skill: float
    comparison: Comparison | None = None
    gates: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether no gate blocks."""
        return all(check.outcome != "block" for check in self.checks)


def judge(bar: Bar, match: Match, common: Iterable[Check], further: Mapping[str, Question], today: date) -> Judgement:
    """Judge a challenger under one bar.

    Args:
        bar: what is asked for.
        match: both models' scores on the same rows.
        common: answers that do not depend on the bar.
        further: the other gates, by name, each asked only if it is not off.
        today: the day on which overrides must still hold.

    Raises:
        MlopsError: A metric is not defined on these rows, or a gate could not be answered.
    """
    gates, challenger = bar.gates, match.challenger
    score = measure(gates.metric, challenger)
    floor = measure(gates.metric, dummy(match.task, match.train, match.rows))
    gained = skill(gates.metric, score, floor)
    found = _versus(gates, match)
    asked: dict[str, Question] = {
        "dummy": lambda: beats_dummy(gates, score, floor, gained),
        "champion": lambda: against(gates, match, found),
        **further,
    }
    checks = (
        *(softened(gates, check, today) for check in common),
        *(ask(gates, name, gate, today) for name, gate in asked.items()),
    )
    rows, settings = len(match.rows), gates.model_dump(mode="json")
    return Judgement(bar.name, gates.metric, rows, match.dropped, checks, score, floor, gained, found, settings)


def _versus(gates: Gates, match: Match) -> Comparison | None:
    if match.champion is None:
        return None
    return difference(gates.metric, gates.margin, match.challenger, match.champion, match.groups)


def against(gates: Gates, match: Match, found: Comparison | None) -> Check:
    """Say what the comparison with the champion came to, or why there is none."""
    if match.problem:
        return Check("champion", "block", f"It cannot be compared: {match.problem}")
    return FIRST if found is None else not_worse(gates, found, len(match.rows), match.measured_on)


def beats_dummy(gates: Gates, score: float, floor: float, gained: float) -> Check:
    """Ask for a share of the way from the dummy to the best possible."""
    words = (
        f"{gates.metric} {score:.4f} is {gained:.1%} of the way from a dummy's {floor:.4f} to the best possible; "
        f"{gates.beats_dummy_by:.0%} is asked for."
    )
    # A dummy itself is never enough, even where nothing is asked for.
    return Check("dummy", "pass" if gained > 0 and gained >= gates.beats_dummy_by else "block", words)


def not_worse(gates: Gates, found: Comparison, rows: int, measured_on: int | None = None) -> Check:
    """Turn a comparison into an outcome and a sentence.

    Rows that cannot tell, and are fewer than 30 % of those on which the champion was measured, block: a small batch
    that becomes the test rows would let anything pass.
    """
    bounds = (
        f"{gates.metric} {found.difference:+.4f} (90 % interval {found.low:+.4f} to {found.high:+.4f}) on {rows} rows"
    )
    if found.answer == "worse":
        return Check("champion", "block", f"Worse than the champion: {bounds}, beyond the margin of {gates.margin}.")
    if found.answer == "not worse":
        word = "Better" if found.low > 0 else "Not worse"
        return Check("champion", "pass", f"{word} than the champion: {bounds}, margin {gates.margin}.")
    few = measured_on is not None and rows < ENOUGH * measured_on
    words = (
        f"Cannot tell whether it is worse by more than the margin of {gates.margin}: {bounds}. "
        f"The smallest loss that these rows could show is {found.smallest_loss:.4f}."
    )
    if few:
        words += f" The champion was measured on {measured_on}: hold out more rows, or bring a larger batch."
    return Check("champion", "block" if few else gates.when_unsure, words)


def as_json(judgement: Judgement) -> dict[str, Any]:
    """Turn a judgement into plain values."""
    return {**asdict(judgement), "passed": judgement.passed}
