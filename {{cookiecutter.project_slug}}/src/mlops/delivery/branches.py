"""Where every branch is, of the remote and of this clone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlops.contract.errors import MlopsError
from mlops.delivery.git import Git, complaint, without_credentials
from mlops.delivery.trunk import Trunk

HEADS = "refs/heads/"
TRIES = 5
# Objects come, and no ref, tag or FETCH_HEAD of a person changes.
UNSEEN = ("--no-tags", "--no-write-fetch-head", "--refmap=")


@dataclass(frozen=True)
class Heads:
    """Where the main branch and all others are: `branches` by name."""

    tip: str
    branches: Mapping[str, str]


def heads(trunk: Trunk) -> Heads:
    """Ask where all branches are; no ref of this clone moves but the main branch's.

    Raises:
        MlopsError: The remote cannot be reached.
    """
    tip = trunk.tip()
    branches = dict(_refs(trunk.git.text("for-each-ref", "--format=%(objectname)%09%(refname)", HEADS)))
    if trunk.remote:
        branches |= {f"{trunk.remote}/{name}": sha for name, sha in _remote_heads(trunk.git, trunk.remote).items()}
    return Heads(tip, branches)


def _remote_heads(git: Git, remote: str) -> dict[str, str]:
    where = f"{remote!r} ({without_credentials(git.remote_url(remote) or 'no url')})"
    for _ in range(TRIES):
        asked = git.attempt("ls-remote", "--heads", remote)
        if asked.returncode:
            raise MlopsError(f"{where} could not be asked for its branches: {complaint(asked)}")
        found = dict(_refs(asked.stdout.decode("utf-8", "surrogateescape")))
        missing = [sha for sha in set(found.values()) if git.attempt("cat-file", "-e", sha).returncode]
        if not missing:
            return found
        done = git.attempt("fetch", "--quiet", *UNSEEN, remote, *missing)
    raise MlopsError(f"{where}: the heads of its branches could not be fetched: {complaint(done)} Run again.")


def _refs(lines: str) -> Iterator[tuple[str, str]]:
    for line in lines.splitlines():
        sha, _, name = line.partition("\t")
        yield name.removeprefix(HEADS), sha
