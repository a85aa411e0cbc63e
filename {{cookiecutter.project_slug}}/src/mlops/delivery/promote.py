"""Promote: copy what one environment has run healthy to another, byte for byte, by one commit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.history import Order, Standing, held, history, newest, order_of
from mlops.delivery.layout import machine_files, replacement, require_environment
from mlops.delivery.publish import ATTEMPTS, Draft, Land, Outcome, Sleep, publish
from mlops.delivery.records import Record
from mlops.delivery.release import ANY, Decision, message
from mlops.delivery.trunk import Trunk


@dataclass(frozen=True)
class Way:
    """From which environment to which, and how the commit gets there."""

    source: str
    target: str
    via: str = "pr"

    @property
    def command(self) -> str:
        """The command that goes this way in spite of what holds it up."""
        by = "" if self.via == "pr" else f" --via {self.via}"
        return f"mlops promote --from {self.source} --to {self.target}{by} --force"


@dataclass(frozen=True)
class Soaking(Decision):
    """Not yet: what stands runs healthy and must do so for `left` longer."""

    left: timedelta = timedelta(0)


@dataclass(frozen=True)
class Question:
    """What one commit of main says about a promotion: both histories, newest first, and the order of commits."""

    source: Sequence[Standing]
    target: Sequence[Standing]
    order: Order

    @property
    def record(self) -> Record | None:
        """The release that would be promoted."""
        return self.source[0].record if self.source else None

    @property
    def champion(self) -> Record | None:
        """The release that it would replace."""
        return self.target[0].record if self.target else None


def ask(trunk: Trunk, way: Way, base: str) -> Question:
    """Read what a commit says.

    Raises:
        MlopsError: One of the environments does not exist, or both are one.
    """
    for env in (way.source, way.target):
        require_environment(trunk.git, base, env)
    if way.source == way.target:
        raise MlopsError(f"--from and --to are both {way.source!r}. Name two environments.")
    source, target = (history(trunk.git, env, base) for env in (way.source, way.target))
    return Question(source, target, order_of(trunk.git, base, [*source, *target]))


def decide(question: Question, way: Way, *, force: bool = False) -> Decision:
    """Decide by both histories whether a promotion goes out. See design.md, *Held* and *Order*.

    Raises:
        Refused: There is nothing to promote, or it is older than what the target has had; no force gets past it.
        MlopsError: What stands in either is unreadable.
    """
    record = _promotable(question, way)
    if question.champion == record:
        return Decision("nothing", f"{way.target} has {record.id} already. Nothing to do.")
    _require_readable(way.target, question.target)
    best, order = newest(question.target, question.order), question.order
    if best and order.get(record.commit, 0) < order.get(best.commit, 0):
        raise Refused(
            f"{way.target} has had {best.id} of the newer commit {best.commit[:10]}, and {record.id} is older. "
            f"`mlops rollback --env {way.target} --to ID` goes back to a release it had."
        )
    hold = held(question.source, order)
    if hold and not force:
        return Decision("held", _held(way.source, hold.by, hold.newest.id, record.id, f"`{way.command}` promotes that"))
    hold, now = held(question.target, order), question.champion
    if hold and not force and not (now and now.identity == record.identity):
        ends = f"`{way.command}` promotes in spite of it"
        return Decision("held", _held(way.target, hold.by, hold.newest.id, now.id if now else "nothing", ends))
    return Decision("go", "")


def soaked(record: Record, way: Way, healthy: datetime | None, soak: int, now: datetime) -> Decision:
    """Decide whether a release has run long enough.

    Args:
        record: The release.
        way: From where to where.
        healthy: Since when the source environment has run it healthy; None where it does not.
        soak: For how many minutes it must have.
        now: The time.
    """
    ends = f"`{way.command}` does not wait."
    if healthy is None:
        return Decision("held", f"{way.source} does not run {record.id} healthy. See `mlops status`; {ends}")
    left = timedelta(minutes=soak) - (now - healthy)
    if left <= timedelta(0):
        return Decision("go", "")
    return Soaking(
        "held",
        f"{way.source} has run {record.id} healthy since {healthy:%Y-%m-%d %H:%M} ({healthy.tzname()}), and promotion "
        f"waits for {soak} minutes of it (`soak` in pyproject.toml): {_minutes(left)} to go. {ends}",
        left,
    )


def promote(
    trunk: Trunk,
    way: Way,
    *,
    force: bool = False,
    judged: Record | None = None,
    judged_against: str | None = ANY,
    attempts: int = ATTEMPTS,
    sleep: Sleep = time.sleep,
    land: Land | None = None,
) -> Outcome:
    """Promote by one commit that touches only the target environment's folder; `values.yaml` stays as it is.

    Args:
        trunk: The branch to commit to.
        way: From where to where.
        force: Promote although one of them was rolled back.
        judged: The release that the gate passed; it must still be what is promoted.
        judged_against: The id of the release it was compared with, None for none; it must still stand.
        attempts: How often to try when others push at the same time.
        sleep: How to wait between attempts.
        land: How the commit gets there; default by a push.

    Raises:
        Refused: There is nothing to promote, or one of them is held.
        MlopsError: Either changed meanwhile, or main cannot be moved.
    """

    def draft(base: str) -> Draft | Outcome:
        question = ask(trunk, way, base)
        verdict, record, before = decide(question, way, force=force), question.record, question.champion
        if verdict.kind == "held":
            raise Refused(verdict.words)
        if verdict.kind == "nothing" or record is None:
            return Outcome("nothing", verdict.words, record)
        if judged not in (None, record):
            raise MlopsError(f"{way.source} changed while {judged and judged.id} was judged. Run again.")
        if judged_against not in (ANY, before.id if before else None):
            raise MlopsError(f"{way.target} changed while {record.id} was judged against {judged_against}. Run again.")
        changes = replacement(trunk.git, base, way.target, machine_files(trunk.git, base, way.source))
        words = f"Promoted {record.id} from {way.source} to {way.target}" + (
            f" in place of {before.id}." if before else ", the first one there."
        )
        branch = f"mlops/{way.target}-{record.id}"
        text = message(f"Promote {record.id} from {way.source} to {way.target}", way.target, record, before)
        return Draft(way.target, record, changes, text, words, branch)

    return publish(trunk, draft, attempts=attempts, sleep=sleep, land=land)


def _promotable(question: Question, way: Way) -> Record:
    _require_readable(way.source, question.source)
    if question.record is None:
        gone = f": {question.source[0].by} took it away" if question.source else ""
        raise Refused(f"{way.source} has no release{gone}. `mlops release --env {way.source}` makes one.")
    return question.record


def _require_readable(env: str, standings: Sequence[Standing]) -> None:
    if standings and standings[0].problem:
        raise MlopsError(
            f"{standings[0].problem} It came to {env} by {standings[0].by}. "
            f"`mlops rollback --env {env}` restores what stood before."
        )


def _held(env: str, by: Standing, newest_id: str, now: str, ends: str) -> str:
    return (
        f"{env} is held: {by.by} took it back from {newest_id} to {now}. "
        f"`git revert {by.sha[:10]}` brings {newest_id} back; {ends}."
    )


def _minutes(left: timedelta) -> str:
    return f"{-(-left // timedelta(minutes=1))} min"
