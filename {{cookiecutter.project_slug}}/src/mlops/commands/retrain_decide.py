"""Whether a retrained model is worth a pull request: decided from what was measured, whoever asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mlops.monitoring.judge import Finding

DAY = "%Y%m%d"


@dataclass(frozen=True)
class Drift:
    """How the newest batch compares with the champion's reference: the findings that drifted, or why none is known."""

    batch: str
    found: tuple[Finding, ...] = ()
    unknown: str = ""


@dataclass(frozen=True)
class Age:
    """The day of the champion's release, and after how long it is too old."""

    released: date
    stale_after: timedelta

    def old(self, today: date) -> bool:
        """Tell whether it is too old."""
        return today - self.released > self.stale_after

    def became_old(self, looked: date, today: date) -> bool:
        """Tell whether it is too old, and was not yet on the day of a look."""
        return self.old(today) and not self.old(looked)


@dataclass(frozen=True)
class Evidence:
    """What is known of a model that the gate lets pass.

    `answers` are the gate's, one for each bar: "better", "not worse", "cannot tell" or "worse"; none where nothing
    was compared. Without a champion `drift` and `age` are None.
    """

    answers: tuple[str, ...]
    drift: Drift | None
    age: Age | None
    today: date


@dataclass(frozen=True)
class Decision:
    """Whether to propose, and why: words that follow "because"."""

    propose: bool
    why: str


def decide(evidence: Evidence) -> Decision:
    """Propose what is not worse and better, or timely: drift is shown, or the champion is too old."""
    drift, age = evidence.drift, evidence.age
    if drift is None or age is None:
        return Decision(True, "there is no release yet")
    if "worse" in evidence.answers:
        return Decision(False, "it is worse than the champion")
    reasons = [
        "it is better than the champion" if better(evidence.answers) else "",
        f"{drift.batch} drifted from what the champion knows" if drift.found else "",
        f"the champion is {_days(evidence)} days old" if age.old(evidence.today) else "",
    ]
    if any(reasons):
        return Decision(True, " and ".join(filter(None, reasons)))
    shown = f"whether {drift.batch} drifted is not known: {drift.unknown}" if drift.unknown else "no drift is shown"
    limit = age.stale_after.days
    return Decision(
        False, f"it is not better than the champion, {shown}, and the champion is {_days(evidence)} of {limit} days old"
    )


def better(answers: Sequence[str]) -> bool:
    """Tell whether every bar finds the model better."""
    return bool(answers) and set(answers) == {"better"}


def answers(report: Mapping[str, Any]) -> tuple[str, ...]:
    """Read the answers from the content of reports/gate.json; better is what lies above zero with all its interval."""
    found = [judgement["comparison"] for judgement in report["judgements"] if judgement.get("comparison")]
    return tuple("better" if one["low"] > 0 else str(one["answer"]) for one in found)


def _days(evidence: Evidence) -> int:
    assert evidence.age is not None
    return (evidence.today - evidence.age.released).days
