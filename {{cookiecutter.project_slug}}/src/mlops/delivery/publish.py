"""Bring one commit onto the main branch while others do the same: fetch, apply again, push, wait a little."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from mlops.contract.errors import MlopsError
from mlops.delivery.commit import Changes, commit_tree
from mlops.delivery.records import Record
from mlops.delivery.trunk import Trunk

ATTEMPTS = 40
Sleep = Callable[[float], None]


class Moved(Exception):
    """Somebody else moved the main branch first."""


@dataclass(frozen=True)
class Draft:
    """A commit to be: its changes, its message, and what to tell when it has landed."""

    record: Record
    changes: Changes
    message: str
    words: str


@dataclass(frozen=True)
class Outcome:
    """What happened: `done` by `commit`, or `nothing` because it stood already or a newer one does."""

    kind: Literal["done", "nothing"]
    words: str
    record: Record | None
    commit: str | None = None


def publish(
    trunk: Trunk, draft: Callable[[str], Draft | Outcome], *, attempts: int = ATTEMPTS, sleep: Sleep = time.sleep
) -> Outcome:
    """Land a commit that `draft` makes for the newest main; it is asked again whenever main has moved.

    Raises:
        MlopsError: Somebody else was faster every time, or the remote refuses.
    """
    tries = Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait_random_exponential(multiplier=0.2, max=8),
        retry=retry_if_exception_type(Moved),
        sleep=sleep,
        reraise=True,
    )
    try:
        return tries(_once, trunk, draft)
    except Moved:
        raise MlopsError(f"{trunk.where} moved {attempts} times in a row. Nothing was changed; run again.") from None


def _once(trunk: Trunk, draft: Callable[[str], Draft | Outcome]) -> Outcome:
    base = trunk.tip()
    made = draft(base)
    if isinstance(made, Outcome):
        return made
    if not made.changes:
        return Outcome("nothing", f"{made.words} Nothing had to change.", made.record)
    sha = commit_tree(trunk.git, base, made.changes, made.message)
    if not trunk.advance(sha, base):
        raise Moved
    where = "" if trunk.remote else f" No remote: committed to {trunk.where} alone."
    note = trunk.follow(sha)
    words = f"{made.words} Commit {sha[:10]}; `git revert {sha[:10]}` undoes it.{where}{' ' * bool(note)}{note}"
    return Outcome("done", words, made.record, sha)
