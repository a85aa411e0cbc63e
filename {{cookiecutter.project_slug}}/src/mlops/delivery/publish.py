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
    """A commit to be: its changes, its message, what to tell when it has landed, and the branch of a pull request."""

    env: str
    record: Record
    changes: Changes
    message: str
    words: str
    branch: str


@dataclass(frozen=True)
class Outcome:
    """What happened: `done` by `commit`, `asked` by a pull request with it, or `nothing` had to or may be done."""

    kind: Literal["done", "asked", "nothing"]
    words: str
    record: Record | None
    commit: str | None = None


# Brings a commit that was made on top of `base` to where it belongs; None when somebody else was faster.
Land = Callable[[Trunk, Draft, str, str], Outcome | None]


def publish(
    trunk: Trunk,
    draft: Callable[[str], Draft | Outcome],
    *,
    attempts: int = ATTEMPTS,
    sleep: Sleep = time.sleep,
    land: Land | None = None,
) -> Outcome:
    """Land a commit that `draft` makes for the newest main; it is asked again whenever main has moved.

    Args:
        trunk: The branch that it is for.
        draft: Makes it for a newest commit, or says why there is nothing to do.
        attempts: How often to try when others push at the same time.
        sleep: How to wait between attempts.
        land: How it gets there: `push`, the default, or by a pull request.

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
        return tries(_once, trunk, draft, land or push)
    except Moved:
        raise MlopsError(f"{trunk.where} moved {attempts} times in a row. Nothing was changed; run again.") from None


def push(trunk: Trunk, made: Draft, commit: str, base: str) -> Outcome | None:
    """Move the main branch itself."""
    if not trunk.advance(commit, base):
        return None
    where = "" if trunk.remote else f" No remote: committed to {trunk.where} alone, where no cluster sees it."
    note = trunk.follow(commit)
    words = f"{made.words} Commit {commit[:10]}; `git revert {commit[:10]}` undoes it.{where}{' ' * bool(note)}{note}"
    return Outcome("done", words, made.record, commit)


def _once(trunk: Trunk, draft: Callable[[str], Draft | Outcome], land: Land) -> Outcome:
    base = trunk.tip()
    made = draft(base)
    if isinstance(made, Outcome):
        return made
    if not made.changes:
        return Outcome("nothing", f"{made.words} Nothing had to change.", made.record)
    landed = land(trunk, made, commit_tree(trunk.git, base, made.changes, made.message), base)
    if landed is None:
        raise Moved
    return landed
