"""What each change of an environment was: a release, a promotion, a way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlops.delivery.git import Git
from mlops.delivery.history import Standing, history, taken_back
from mlops.delivery.layout import environments
from mlops.delivery.records import Record

Kind = Literal["released", "promoted", "rolled back", "brought back", "taken away", "unreadable"]


@dataclass(frozen=True)
class Event:
    """One change: `source` is the environment that a promotion came from, `undone` the rollback that ended it."""

    standing: Standing
    kind: Kind
    source: str = ""
    undone: Standing | None = None

    @property
    def words(self) -> str:
        """What happened, for a sentence."""
        record = self.standing.record
        return {
            "promoted": f"promoted from {self.source}",
            "rolled back": f"rolled back to {record.id if record else 'nothing'}",
        }.get(self.kind, self.kind)

    @property
    def metric(self) -> tuple[str, float] | None:
        """The metric that decided, which a record has first."""
        record = self.standing.record
        return next(iter(record.metrics.items()), None) if record else None


def read(git: Git, env: str, rev: str) -> list[Event]:
    """Tell an environment's changes as of a commit, newest first."""
    others = {other: history(git, other, rev) for other in environments(git, rev) if other != env}
    line = git.first_parent(rev)
    return events(history(git, env, rev), others, {sha: len(line) - at for at, sha in enumerate(line)})


def events(
    standings: Sequence[Standing], others: Mapping[str, Sequence[Standing]], order: Mapping[str, int]
) -> list[Event]:
    """Name each change by what stood before, here and elsewhere.

    Args:
        standings: What stood in the environment, newest first.
        others: The same of every other environment.
        order: The place of each commit on the main branch, the newest having the highest.
    """
    undone = taken_back(standings)
    kinds = {s.sha: _kind(standings[at:], others, order) for at, s in enumerate(standings)}
    # A release that came back took nothing back: it ended a rollback.
    ended = {sha: by for sha, by in undone.items() if kinds[by.sha][0] != "brought back"}
    return [Event(s, *kinds[s.sha], undone=ended.get(s.sha)) for s in standings]


def as_json(event: Event) -> dict[str, Any]:
    """Tell a change with its full values."""
    standing, record, by = event.standing, event.standing.record, event.undone
    return {
        "when": standing.date.isoformat(),
        "release": record.id if record else None,
        "happened": event.kind,
        "promoted_from": event.source or None,
        "metrics": record.metrics if record else None,
        "metric": event.metric[0] if event.metric else None,
        "who": standing.author,
        "commit": standing.sha,
        "subject": standing.subject,
        "source_commit": record.commit if record else None,
        "identity": record.identity if record else None,
        "image": f"{record.image.repository}@{record.image.digest}" if record else None,
        "rolled_back_by": {"commit": by.sha, "who": by.author, "when": by.date.isoformat()} if by else None,
        "problem": standing.problem or None,
    }


def _kind(
    standings: Sequence[Standing], others: Mapping[str, Sequence[Standing]], order: Mapping[str, int]
) -> tuple[Kind, str]:
    now, earlier = standings[0], standings[1:]
    if now.problem:
        return "unreadable", ""
    if now.record is None:
        return "taken away", ""
    if any(standing.record == now.record for standing in earlier):
        return ("brought back" if _came_later(now.record, earlier) else "rolled back"), ""
    at = order[now.sha]
    source = next((env for env, there in others.items() if _stood(now.record, there, order, at)), "")
    return ("promoted", source) if source else ("released", "")


def _came_later(record: Record, earlier: Sequence[Standing]) -> bool:
    """Tell whether a record first stood after the one that it follows: then it is no way back."""
    before = earlier[0].record
    if before is None:
        return not earlier[0].problem
    first = [max(at for at, s in enumerate(earlier) if s.record == wanted) for wanted in (record, before)]
    return first[0] < first[1]


def _stood(record: Record, standings: Sequence[Standing], order: Mapping[str, int], before: int) -> bool:
    return any(standing.record == record and order[standing.sha] < before for standing in standings)
