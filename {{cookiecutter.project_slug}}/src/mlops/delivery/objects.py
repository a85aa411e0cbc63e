"""What states of the repository need of the DVC remote.

DVC itself says what a state needs: it reads the stages of commits that are made in a temporary clone, each with its
lock at the root. Nothing is brought into a cache.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.delivery.commit import commit_tree
from mlops.delivery.git import Entry, Git
from mlops.delivery.remote import default_remote, link_remote
from mlops.delivery.retention import LOCK, State
from mlops.delivery.stored import Remote
from mlops.settings import Settings


@dataclass(frozen=True)
class Needed:
    """Objects that states need, each with who needs it.

    `whole` are those that must be there; `elsewhere` are those that `dvc push` does not send to this remote: outputs
    that Git holds, imports, and what has a remote of its own.
    """

    owners: Mapping[str, str]
    whole: frozenset[str]
    elsewhere: frozenset[str]


@contextmanager
def opened(settings: Settings, git: Git) -> Iterator[tuple[Remote, Callable[[Iterable[State]], Needed]]]:
    """Open the remote, and what tells which of its objects states need."""
    from dvc.exceptions import DvcException  # type: ignore[import-untyped]
    from dvc.repo import Repo  # type: ignore[import-untyped]

    place = default_remote(settings.root)
    # An address relative to .dvc/ means nothing to whoever reads it.
    where = str(place.folder or place.url)
    with tempfile.TemporaryDirectory(prefix="mlops-gc-", ignore_cleanup_errors=True) as scratch:
        clone = Path(scratch) / "clone"
        git.run("clone", "--quiet", "--shared", "--no-checkout", str(git.toplevel()), str(clone))
        (clone / ".dvc").mkdir()
        shutil.copyfile(settings.root / ".dvc" / "config", clone / ".dvc" / "config")
        link_remote(clone, settings.root)
        try:
            with Repo(str(clone), config={"core": {"site_cache_dir": f"{scratch}/site"}}) as repo:
                remote = Remote(f"The DVC remote {where!r}", repo.cloud.get_remote(None, "gc"))
                yield remote, lambda states: _needed(repo, Git(clone), place.name, states)
        except DvcException as error:
            raise MlopsError(f"DVC cannot open {where!r}: {error}") from error


def _needed(repo: Any, git: Git, remote: str, states: Iterable[State]) -> Needed:
    owners: dict[str, str] = {}
    whole: set[str] = set()
    elsewhere: set[str] = set()
    for state in sorted({(s.commit, s.lock, s.whole): s for s in states}.values(), key=lambda s: not s.whole):
        for out in _outputs(repo, git, state):
            name = out.hash_info.value if out.hash_info else None
            here = _belongs(out, remote)
            if name is None and here and state.lock:
                raise MlopsError(
                    f"{state.owner}: its dvc.lock does not name {str(out)!r}, so nobody knows what it needs. "
                    "Nothing is deleted: `git revert` the edit of its lock."
                )
            if name is None:
                continue
            owners.setdefault(name, state.owner)
            if not here:
                elsewhere.add(name)
            elif state.whole:
                whole.add(name)
    return Needed(owners, frozenset(whole), frozenset(elsewhere))


def _belongs(out: Any, remote: str) -> bool:
    """Tell whether `dvc push` sends an output to the remote, where `stored` lists it."""
    sent = out.use_cache and out.can_push and not out.stage.is_repo_import
    return bool(sent and out.hash_name == "md5" and out.remote in (None, remote))


def _outputs(repo: Any, git: Git, state: State) -> list[Any]:
    from dvc.exceptions import DvcException

    changes = {} if state.lock is None else {LOCK: Entry("100644", state.lock)}
    rev = commit_tree(git, state.commit, changes, state.owner) if changes else state.commit
    try:
        with repo.switch(rev):
            return [out for stage in repo.index.stages for out in stage.outs]
    except (DvcException, OSError, ValueError) as error:
        raise MlopsError(
            f"{state.owner}: DVC cannot read its stages at {state.commit[:10]}: {error} "
            "Nothing is deleted: mend them, or delete the branch."
        ) from error
