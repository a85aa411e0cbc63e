"""The commit status of an environment, as a forge has it: which commits are asked, and how often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from mlops.delivery.forge import Status
from mlops.delivery.git import Git
from mlops.delivery.history import Standing

MOST = 20  # commits asked, counted back from the newest, and as many on from the release
Told = list[tuple[str, Status | None]]


class Statuses(Protocol):
    """A forge, as far as it is asked here."""

    def status(self, sha: str, context: str) -> Status | None:
        """Read the newest commit status of a context."""


def holders(git: Git, now: Standing, tip: str) -> Sequence[str]:
    """List the commits of main that carry the record which stands, newest first, back to the one that brought it."""
    line = git.first_parent(tip)
    since = line[: line.index(now.sha) + 1]
    return since if len(since) <= 2 * MOST else [*since[:MOST], *since[-MOST:]]


class Reports:
    """What a forge has told of each commit.

    A forge counts requests: GitHub allows the token of a job 1000 an hour. So the first round asks back to the newest
    commit that has a status, and each later one at most three that it knows: the newest, the one that has a status, and
    in turn one of those between, where Argo CD may have been meanwhile. What is older is settled.
    """

    def __init__(self, forge: Callable[[], Statuses], context: str) -> None:
        """Ask nothing yet."""
        self._forge, self._context = forge, context
        self._told: dict[str, Status | None] = {}
        self._round = 0

    def of(self, commits: Sequence[str]) -> Told:
        """Tell the statuses of commits, newest first; None where there is none, or none was asked for.

        Raises:
            MlopsError: The forge does not answer.
        """
        again = self._again(commits)
        for sha in commits:
            if sha in again or sha not in self._told:
                self._told[sha] = self._forge().status(sha, self._context)
            if self._told[sha]:
                break
        return [(sha, self._told.get(sha)) for sha in commits]

    def _again(self, commits: Sequence[str]) -> set[str]:
        known = [sha for sha in commits if sha in self._told]
        answered = next((at for at, sha in enumerate(known) if self._told[sha]), None)
        between = known[1 : len(known) if answered is None else answered]
        self._round += 1
        turn = between[self._round % len(between) :][:1] if between else []
        return {*known[:1], *turn, *(known[answered : answered + 1] if answered is not None else [])}
