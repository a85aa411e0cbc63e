"""`POST /feedback`: what became of predictions, by their signed ids."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from mlops.contract.columns import convert
from mlops.contract.limits import breaches
from mlops.contract.model import Contract, Scalar
from mlops.contract.request import wording
from mlops.contract.task import Task
from mlops.serving.body import items_of
from mlops.serving.feedback_seen import Id, Seen
from mlops.serving.journal import Journal
from mlops.serving.metrics import Telemetry
from mlops.serving.token import Forged, Told, Unreadable, read
from mlops.serving.token_keys import Keys

Result = Literal["counted", "repeated", "late", "forged", "invalid"]
SKEW = 60_000  # ms by which the clocks of two replicas may differ
KEYS = {"prediction_id", "outcome"}
OFF = "this server signs no prediction ids, so it knows no outcomes; start it with --signing-key FILE"
WORDS = {
    "repeated": "the outcome of this id was taken before",
    "late": "the prediction is too old, or from the future, for the live metric; the outcome is kept for training",
    "forged": "no key of this service has signed this id as it is; send it back unchanged",
}


@dataclass(frozen=True)
class Judged:
    """One item of a request; `told` and `outcome` are there where its id and outcome hold."""

    result: Result
    detail: str = ""
    told: Told | None = None
    outcome: Scalar | None = None


class Feedback:
    """Takes outcomes; any replica with the key can, for any release's predictions."""

    def __init__(
        self,
        known: Known,
        release: str,
        keys: Keys,
        seen: Seen,
        journal: Journal | None,
        telemetry: Telemetry,
        late_after: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.known = known
        self.keys = keys
        self.seen = seen
        self.journal = None if known.contract.target.restricted else journal
        self.telemetry = telemetry
        self.release = release
        self.late_after = late_after
        self.clock = clock

    def answer(self, body: bytes) -> bytes:
        """Answer the body of a request, item by item.

        Raises:
            Refusal: The body is no JSON or of another shape.
        """
        now = int(self.clock() * 1000)
        judged = self._taken([self._judge(item, now) for item in items_of(body, "outcomes")], now)
        for item in judged:
            self.telemetry.feedback(item.result)
            if item.result == "counted" and item.told is not None and item.outcome is not None:
                self._count(item.told, item.outcome)
        self.telemetry.elsewhere.tell()
        return json.dumps({"results": [_answered(item) for item in judged]}).encode()

    def _judge(self, item: Any, now: int) -> Judged:
        if not isinstance(item, dict) or set(item) != KEYS or not isinstance(item["prediction_id"], str):
            return Judged("invalid", 'an item is {"prediction_id": text, "outcome": value}')
        try:
            told = read(self.keys.all(), item["prediction_id"])
        except Forged:
            return Judged("forged")
        except Unreadable as error:
            return Judged("invalid", f"prediction_id: {error}")
        outcome = item["outcome"]
        if wrong := self.known.wrong(outcome) or _far(told, outcome):
            return Judged("invalid", f"outcome: {wrong}")
        timely = now - self.late_after <= told.at <= now + SKEW
        return Judged("counted" if timely else "late", "", told, outcome)

    def _count(self, told: Told, outcome: Scalar) -> None:
        if told.release != self.release:
            self.telemetry.elsewhere.count(told, outcome)
        elif told.task == "binary":
            self.telemetry.outcome(told.release, told.slices, told.score, outcome == told.label)
        elif told.task == "multiclass" and told.label is not None:
            self.telemetry.outcome(told.release, told.slices, told.label, outcome)
        else:
            self.telemetry.outcome(told.release, told.slices, told.score, outcome)

    def _taken(self, judged: Sequence[Judged], now: int) -> list[Judged]:
        """Mark what was taken before, here or in another process; the first outcome of an id wins."""
        first: dict[Id, int] = {}
        for number, item in enumerate(judged):
            if item.told is not None:
                first.setdefault((item.told.at, item.told.nonce), number)

        def keep(new: set[Id]) -> None:
            if self.journal is not None:
                self.journal.outcomes([_line(judged[number], now) for key, number in first.items() if key in new])

        new = {first[key] for key in self.seen.take(first, now, keep)}
        return [
            replace(item, result="repeated") if item.told is not None and number not in new else item
            for number, item in enumerate(judged)
        ]


class Known:
    """Which outcomes there are, by the contract's target and the task."""

    def __init__(self, contract: Contract, task: Task) -> None:
        self.contract = contract
        self.column = contract.target
        rules = [rule for rule in self.column.rules if rule.kind != "unique" and rule.severity == "error"]
        self.rules = rules
        listed = any(rule.kind == "enum" for rule in rules)
        self.labels = None if task.task == "regression" or listed else task.classes

    def wrong(self, outcome: Any) -> str:
        """Say what is wrong with an outcome; "" if nothing."""
        if outcome is None:
            return "is null; send it once it is known"
        values, bad = convert(self.contract, self.column, [outcome])
        if bad:
            return bad[0].rule
        for rule in self.rules:
            if np.any(breaches(rule, self.column.kind, values)):
                return wording(rule).rstrip(".")
        if self.labels is not None and outcome not in self.labels:
            return f"is not one of {', '.join(map(repr, self.labels))}"
        return ""


def _far(told: Told, outcome: Any) -> str:
    if told.task != "regression" or not isinstance(outcome, int | float):
        return ""
    error = float(outcome) - told.score
    return "" if math.isfinite(error * error) else "is so far from the prediction that its square is no number"


def _line(item: Judged, now: int) -> bytes:
    told = item.told
    assert told is not None
    found = {"at": told.at, "nonce": told.nonce.hex(), "release": told.release, "told": now, "outcome": item.outcome}
    found |= {"late": item.result == "late"}
    return json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


def _answered(item: Judged) -> dict[str, str]:
    detail = item.detail or WORDS.get(item.result, "")
    return {"result": item.result} | ({"detail": detail} if detail else {})
