"""Release a candidate: decide by what stands, then commit the record to the environment's folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.candidate import Candidate
from mlops.delivery.commit import write
from mlops.delivery.history import Hold, Order, Standing, current, held, history, newest, next_id, order_of
from mlops.delivery.image import ImageRef
from mlops.delivery.layout import FIRST, RECORD, replacement, require_environment
from mlops.delivery.publish import ATTEMPTS, Draft, Land, Outcome, Sleep, publish
from mlops.delivery.records import Image, Record, render
from mlops.delivery.trunk import Trunk

ANY = "any"


@dataclass(frozen=True)
class Decision:
    """Whether a candidate may go out, and why."""

    kind: Literal["go", "nothing", "held"]
    words: str


def decide(
    commit: str, identity: str, standings: Sequence[Standing], order: Order, *, env: str, force: bool = False
) -> Decision:
    """Decide by an environment's history whether a candidate goes out. See design.md, *Held* and *Order*.

    Args:
        commit: The candidate's source commit.
        identity: The identity of its image.
        standings: What stood in the environment, newest first.
        order: The place of every commit on the main branch.
        env: The environment, for the words.
        force: Release although somebody rolled back.

    Raises:
        MlopsError: The commit is not on the main branch, or what stands now is unreadable.
    """
    if commit not in order:
        raise MlopsError(
            f"Commit {commit[:10]} is not on the main branch. Merge or push it first, then release from there."
        )
    head = newest(standings, order)
    if head and order[commit] < order.get(head.commit, 0):
        return Decision("nothing", f"{env} has had {head.id} of the newer commit {head.commit[:10]}: nothing to do.")
    hold = held(standings, order)
    now = _record(standings) if force else current(standings)
    if hold and not force and not (now and now.identity == identity):
        return Decision("held", held_words(env, standings, hold))
    if now and not hold and (now.commit, now.identity) == (commit, identity):
        return Decision("nothing", f"{env} has this very release: {now.id}. Nothing to do.")
    return Decision("go", "")


def held_words(env: str, standings: Sequence[Standing], hold: Hold) -> str:
    """Say who took what back, and what ends the hold."""
    now = _record(standings)
    way = f"release --env {env}" if env == FIRST else f"promote --to {env}"
    return (
        f"{env} is held: {hold.by.by} took it back from {hold.newest.id} to {now.id if now else 'nothing'}. "
        f"`git revert {hold.by.sha[:10]}` brings {hold.newest.id} back; "
        f"`mlops {way} --force` goes on in spite of it."
    )


def release(
    trunk: Trunk,
    env: str,
    candidate: Candidate,
    image: ImageRef,
    *,
    force: bool = False,
    judged_against: str | None = ANY,
    now: datetime | None = None,
    attempts: int = ATTEMPTS,
    sleep: Sleep = time.sleep,
    land: Land | None = None,
    there: Callable[[Image], bool] | None = None,
) -> Outcome:
    """Release a candidate to an environment by one commit that touches only the environment's folder.

    Args:
        trunk: The branch to commit to.
        env: The environment.
        candidate: What goes out.
        image: Its image, which exists already.
        force: Release although somebody rolled back.
        judged_against: The id of the release that the candidate was compared with, None for none; it must still stand.
        now: The time that names the release's day (default: now).
        attempts: How often to try when others push at the same time.
        sleep: How to wait between attempts.
        land: How the commit gets there; default by a push.
        there: Tells whether an image is where it was found, asked right before each commit: an old one may have been
            deleted meanwhile. Default: nobody asks.

    Raises:
        Refused: The environment is held.
        MlopsError: The commit is not on main, main cannot be moved, or the image is gone.
    """
    day = (now or datetime.now(UTC)).astimezone(UTC).date()

    def draft(base: str) -> Draft | Outcome:
        require_environment(trunk.git, base, env)
        standings = history(trunk.git, env, base)
        order = order_of(trunk.git, base, standings, candidate.commit)
        verdict = decide(candidate.commit, image.identity, standings, order, env=env, force=force)
        before = _record(standings)
        if verdict.kind == "held":
            raise Refused(verdict.words)
        if verdict.kind == "nothing":
            return Outcome("nothing", verdict.words, before)
        if judged_against not in (ANY, before.id if before else None):
            raise MlopsError(f"{env} changed while this model was judged against {judged_against}. Run again.")
        record = candidate.record(next_id(trunk.git, base, day), image)
        made = _draft(trunk, env, base, candidate, record, before)
        if there and not there(record.image):
            raise MlopsError(
                f"{image.repository} has no {image.digest[:19]}… any more, which was found there before: `mlops gc` or "
                f"somebody removed it meanwhile. Nothing was committed. Run again: the image is built anew."
            )
        return made

    return publish(trunk, draft, attempts=attempts, sleep=sleep, land=land)


def check(trunk: Trunk, env: str, commit: str, identity: str, *, force: bool = False) -> Decision:
    """Decide as `release` would, and change nothing: what a run asks before it builds or pushes anything."""
    base = trunk.tip()
    require_environment(trunk.git, base, env)
    standings = history(trunk.git, env, base)
    order = order_of(trunk.git, base, standings, commit)
    return decide(commit, identity, standings, order, env=env, force=force)


def _record(standings: Sequence[Standing]) -> Record | None:
    return standings[0].record if standings else None


def _draft(trunk: Trunk, env: str, base: str, candidate: Candidate, record: Record, before: Record | None) -> Draft:
    files = {**candidate.files, RECORD: write(trunk.git, render(record).encode())}
    words = f"Released {record.id} to {env}" + (f" in place of {before.id}." if before else ", the first one there.")
    changes = replacement(trunk.git, base, env, files)
    return Draft(
        env,
        record,
        changes,
        message(f"Release {record.id} to {env}", env, record, before),
        words,
        f"mlops/{env}-{record.id}",
    )


def message(subject: str, env: str, record: Record, before: Record | None) -> str:
    """Write the commit message of a release or a promotion to an environment."""
    lines = [
        f"identity  {record.identity}",
        f"commit    {record.commit}",
        f"data      {record.data.batches} batches, {record.data.rows} rows",
        f"replaces  {f'{before.id} ({before.identity[:19]})' if before else 'nothing: the first release here'}",
    ]
    width = max(map(len, record.metrics), default=0)
    metrics = [_metric(name, width, value, before) for name, value in record.metrics.items()]
    back = f"Take it back: git revert ':/^{subject}', or mlops rollback --env {env}."
    return "\n".join([subject, "", *lines, "", *metrics, "", back]) + "\n"


def _metric(name: str, width: int, value: float, before: Record | None) -> str:
    was = before.metrics.get(name) if before else None
    return f"{name:<{width}}  {value:.6g}" + (f" (was {was:.6g})" if was is not None else "")
