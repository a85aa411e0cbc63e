"""What must stay, read from Git: which releases, and with each of them which commit, lock and image.

Of every environment that ever had a release:

- the last N distinct releases that stood there, the one that stands first;
- what `mlops rollback` would reach in N - 1 steps, which after a rollback are others;
- H, the one with the newest source commit that ever stood: a hold could end and bring it back.

A release needs its image, the data that its commit's `.dvc` files name, and the outputs that the `dvc.lock` beside its
record names. A lock may have been edited while its record stood: the first and the last of each standing stay.

The head of every branch, of the remote and of this clone, needs what its own `.dvc` files and `dvc.lock` name, and the
releases that it would bring into deploy/envs/: open pull requests of people and of `mlops`. What a branch merely has
from main counts by main's history.

What cannot be read might name what is needed, so it is an error, and nothing is deleted. One exception: an unreadable
record that is older than all that stays, because neither a rollback nor a hold can reach it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.branches import Heads
from mlops.delivery.git import Entry, Git
from mlops.delivery.history import Order, Standing, history, newest, order_of
from mlops.delivery.layout import ENVS, RECORD, folder
from mlops.delivery.records import Record, parse
from mlops.delivery.rollback import choose

LOCK = "dvc.lock"


@dataclass(frozen=True)
class State:
    """What must stay restorable: the stages and data files of a commit, under a lock.

    `lock` names a blob, as a release has it; None means the commit's own. `whole` says that the remote must have all of
    it: what stands now and H. An older release may have gone by a smaller `--keep`, a branch may not be pushed yet.
    """

    owner: str
    commit: str
    lock: str | None = None
    whole: bool = False


@dataclass(frozen=True)
class Kept:
    """What must stay, and which releases and images go by that."""

    releases: Mapping[str, tuple[str, ...]]
    gone: tuple[str, ...]
    states: tuple[State, ...]
    digests: frozenset[str]
    released: frozenset[str]


def kept(git: Git, at: Heads, keep: int) -> Kept:
    """Say what must stay when the last `keep` releases of every environment do.

    Raises:
        MlopsError: A record, a lock or a commit that may be needed cannot be read.
    """
    histories = {env: history(git, env, at.tip) for env in _environments(git, at.tip)}
    stay = {env: chosen(env, s, order_of(git, at.tip, s), keep) for env, s in histories.items()}
    opened = [found for name, sha in sorted(at.branches.items()) for found in _opened(git, name, sha, at.tip)]
    records = [record for some in stay.values() for record in some] + [record for record, _ in opened]
    released = [s.record for standings in histories.values() for s in standings if s.record]
    ids = {record.id for record in records}
    states = [s for env, some in stay.items() for s in _states(git, env, histories[env], some, at.tip)]
    states += [state for _, state in opened]
    states += [State("the main branch", at.tip), *(State(f"branch {n!r}", s) for n, s in at.branches.items())]
    return Kept(
        releases={env: tuple(record.id for record in some) for env, some in stay.items()},
        gone=tuple(dict.fromkeys(record.id for record in reversed(released) if record.id not in ids)),
        states=tuple(states),
        digests=frozenset(record.image.digest for record in records),
        released=frozenset(record.image.digest for record in released),
    )


def chosen(env: str, standings: Sequence[Standing], order: Order, keep: int) -> list[Record]:
    """Choose which releases of an environment stay, newest first.

    Raises:
        MlopsError: One of those that would count is unreadable.
    """
    found: list[Record] = []
    for standing in standings:
        if len(found) == keep:
            break
        if standing.problem:
            raise MlopsError(
                f"{standing.problem} It came to {env} by {standing.by}, and is among the last {keep} releases there: "
                "nothing is deleted. Where it is mended already, a smaller --keep leaves it out."
            )
        found += [standing.record] if standing.record and standing.record not in found else []
    head = newest(standings, order)
    for record in (*_ways_back(env, standings, keep), *([head] if head else [])):
        found += [record] if record not in found else []
    return found


def _ways_back(env: str, standings: Sequence[Standing], keep: int) -> Iterator[Record]:
    """Follow `mlops rollback`, step by step."""
    path = list(standings)
    for _ in range(keep - 1):
        try:
            record = choose(env, path).record
        except Refused:
            return
        yield record
        path.insert(0, replace(path[0], record=record))


def _states(git: Git, env: str, standings: Sequence[Standing], records: list[Record], tip: str) -> Iterator[State]:
    ends = [tip, *(f"{standing.sha}^1" for standing in standings)]
    vital = [standings[0].record, newest(standings, order_of(git, tip, standings))] if standings else []
    for standing, end in zip(standings, ends, strict=False):
        record = standing.record
        if record is None or record not in records:
            continue
        owner = f"release {record.id} of {env}"
        commit = _known(git, record, owner)
        for rev in (standing.sha, end):
            lock = git.ls(rev, folder(env)).get(LOCK)
            if lock is None:
                raise MlopsError(
                    f"{owner} has no dvc.lock in {rev[:10]}. Nothing is deleted: `git revert` its removal."
                )
            yield State(owner, commit, lock.sha, whole=record in vital)


def _opened(git: Git, name: str, sha: str, tip: str) -> Iterator[tuple[Record, State]]:
    """Find the releases that a branch would bring into deploy/envs/."""
    base = git.attempt("merge-base", tip, sha)
    before = {} if base.returncode else git.ls(base.stdout.decode().split()[0], ENVS)
    now = git.ls(sha, ENVS)
    for path in now:
        env, _, file = path.partition("/")
        pair = (path, f"{env}/{LOCK}")
        if file != RECORD or all(now.get(p) == before.get(p) for p in pair):
            continue
        record = parse(git.blobs([now[path].sha])[now[path].sha], f"branch {name!r}: {folder(env)}/{RECORD}")
        owner = f"release {record.id} on branch {name!r}"
        yield record, State(owner, _known(git, record, owner), _lock_of(now, env, owner))


def _lock_of(files: Mapping[str, Entry], env: str, owner: str) -> str:
    if f"{env}/{LOCK}" not in files:
        raise MlopsError(f"{owner} has no {folder(env)}/{LOCK}. Nothing is deleted: mend or delete the branch.")
    return files[f"{env}/{LOCK}"].sha


def _known(git: Git, record: Record, owner: str) -> str:
    if git.attempt("cat-file", "-e", f"{record.commit}^{{commit}}").returncode:
        raise MlopsError(f"{owner} was made from {record.commit}, which is not here. `git fetch`, then try again.")
    return record.commit


def _environments(git: Git, rev: str) -> list[str]:
    """List every environment that ever had a record: to revert an environment's removal brings it back."""
    spec = f":(top,glob){ENVS}/*/{RECORD}"
    paths = git.text(
        "-c", "core.quotePath=false", "log", "--first-parent", "-m", "--name-only", "--format=", rev, "--", spec
    )
    return sorted({path.split("/")[-2] for path in paths.splitlines() if path})
