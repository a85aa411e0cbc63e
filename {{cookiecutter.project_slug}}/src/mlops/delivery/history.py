"""What stood in an environment, when and by whom: read from file contents along the main branch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import zip_longest

from mlops.contract.errors import MlopsError
from mlops.delivery.git import Git
from mlops.delivery.layout import ENVS, RECORD, folder
from mlops.delivery.records import Record, parse, render

FORMAT = "--format=tformat:%H%x00%an%x00%aI%x00%s"
SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")

# Every attempt of a busy release reads the same history again.
_record = lru_cache(maxsize=4096)(parse)

# How far up the main branch a commit lies; a commit that came by a merge lies just below that merge.
Order = Mapping[str, int]


@dataclass(frozen=True)
class Standing:
    """What an environment held from one commit on.

    `record` is None where the release was taken away, and where the file is unreadable: `problem` says why.
    """

    env: str
    record: Record | None
    sha: str
    author: str
    date: datetime
    subject: str
    problem: str = ""

    @property
    def by(self) -> str:
        """Who did it, when and how, for a sentence."""
        return f"{self.author} on {self.date:%Y-%m-%d %H:%M} ({self.sha[:10]}, {self.subject!r})"


@dataclass(frozen=True)
class Hold:
    """Somebody took the newest release back: `by` is the change that did, `newest` the record it took away."""

    by: Standing
    newest: Record


def history(git: Git, env: str, rev: str) -> list[Standing]:
    """List what stood in an environment along the first-parent line of `rev`, newest first.

    Merge, squash and rebase merges all count once: where they changed the main branch. The same record rewritten
    in other words is one standing.
    """
    return _distinct(_changes(git, rev, f"{folder(env)}/{RECORD}"))


def current(standings: Sequence[Standing]) -> Record | None:
    """Give the record that stands now, None where there is none.

    Raises:
        MlopsError: release.yaml is unreadable.
    """
    if standings and standings[0].problem:
        raise MlopsError(f"{standings[0].problem} It came by {standings[0].by}.")
    return standings[0].record if standings else None


def place(git: Git, rev: str, commits: Iterable[str] = ()) -> dict[str, int]:
    """Number the first-parent line of `rev` from the oldest up, and with it `commits` that came by a merge."""
    line = git.first_parent(rev)
    order = {sha: 2 * at + 2 for at, sha in enumerate(reversed(line))}
    for commit in set(commits) - order.keys():
        if git.is_ancestor(commit, rev):
            path = set(git.text("rev-list", "--ancestry-path", f"{commit}..{rev}").split())
            merge = next(sha for sha in reversed(line) if sha in path)
            order[commit] = order[merge] - 1
    return order


def order_of(git: Git, rev: str, standings: Sequence[Standing], *commits: str) -> Order:
    """Place every commit that `decide` and `held` need to compare."""
    return place(git, rev, [*commits, *(s.record.commit for s in standings if s.record)])


def newest(standings: Sequence[Standing], order: Order) -> Record | None:
    """Find H: the record with the newest source commit that ever stood; of one commit, the one that appeared later."""
    first_seen: dict[str, Record] = {}
    for standing in reversed(standings):
        if standing.record:
            first_seen.setdefault(render(standing.record), standing.record)
    ranked = list(enumerate(first_seen.values()))
    best = max(ranked, key=lambda item: (order.get(item[1].commit, 0), item[0]), default=None)
    return best[1] if best else None


def held(standings: Sequence[Standing], order: Order) -> Hold | None:
    """Tell whether somebody rolled the environment back: what stands is not H."""
    head = newest(standings, order)
    if head is None or standings[0].record == head:
        return None
    return Hold(by=standings[0], newest=head)


def taken_back(standings: Sequence[Standing]) -> dict[str, Standing]:
    """Map the commit of each standing that a rollback ended to that rollback.

    A change is a rollback when it puts back a record that had stood before, or none.
    """
    ended: dict[str, Standing] = {}
    for at in range(len(standings) - 1):
        after, before = standings[at], standings[at + 1]
        returned = any(older.record == after.record for older in standings[at + 2 :])
        if before.record and not after.problem and (after.record is None or returned):
            ended[before.sha] = after
    return ended


def next_id(git: Git, rev: str, day: date) -> str:
    """Give the next free release id of a UTC day, counted over all environments."""
    prefix = f"{day:%Y%m%d}-"
    counts = [int(record.id.removeprefix(prefix)) for record in given(git, rev) if record.id.startswith(prefix)]
    return f"{prefix}{max(counts, default=0) + 1}"


def given(git: Git, rev: str) -> list[Record]:
    """List every record that a change along the first-parent line put anywhere."""
    return [standing.record for standing in _changes(git, rev, f"{ENVS}/*/{RECORD}") if standing.record]


def _changes(git: Git, rev: str, pathspec: str) -> list[Standing]:
    options = ("--first-parent", "-m", "--raw", "--no-abbrev", "-z", "--no-renames", "--no-show-signature")
    spec = f":(top,glob){pathspec}" if "*" in pathspec else f":(top,literal){pathspec}"
    out = git.run("-c", "log.showRoot=true", "log", *options, FORMAT, git.rev_parse(rev), "--", spec)
    found = list(_parsed(os.fsdecode(out).split("\0")))
    texts = git.blobs(blob for _, _, blob in found if set(blob) != {"0"})
    return [_read(standing, path, texts.get(blob)) for standing, path, blob in found]


def _parsed(tokens: list[str]) -> Iterator[tuple[Standing, str, str]]:
    """Read `git log -z --raw`: a commit's four fields, then `:modes blobs letter` and a path for each change."""
    rest = iter(tokens)
    sha = author = when = subject = ""
    for token in rest:
        if token.lstrip("\n").startswith(":"):
            path = next(rest)
            date_ = datetime.fromisoformat(when)
            yield Standing(path.split("/")[-2], None, sha, author, date_, subject), path, token.split()[3]
        elif SHA.fullmatch(token):
            sha, author, when, subject = token, _printable(next(rest)), next(rest), _printable(next(rest))


def _printable(text: str) -> str:
    """Keep what somebody wrote into a commit from steering the terminal that shows it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _read(standing: Standing, path: str, text: bytes | None) -> Standing:
    if text is None:
        return standing
    try:
        return replace(standing, record=_record(text, path))
    except MlopsError as error:
        return replace(standing, problem=str(error))


def _distinct(standings: list[Standing]) -> list[Standing]:
    pairs = zip_longest(standings, standings[1:])
    return [s for s, older in pairs if older is None or s.problem or older.problem or s.record != older.record]
