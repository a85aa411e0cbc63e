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

    `whole` are those that must be there. `uncached` are outputs that Git holds: DVC has no object of them.
    """

    owners: Mapping[str, str]
    whole: frozenset[str]
    uncached: frozenset[str]


@contextmanager
def opened(settings: Settings, git: Git) -> Iterator[tuple[Remote, Callable[[Iterable[State]], Needed]]]:
    """Open the remote, and what tells which of its objects states need."""
    from dvc.exceptions import DvcException  # type: ignore[import-untyped]
    from dvc.repo import Repo  # type: ignore[import-untyped]

    place = default_remote(settings.root)
    with tempfile.TemporaryDirectory(prefix="mlops-gc-", ignore_cleanup_errors=True) as scratch:
        clone = Path(scratch) / "clone"
        git.run("clone", "--quiet", "--shared", "--no-checkout", str(git.toplevel()), str(clone))
        (clone / ".dvc").mkdir()
        shutil.copyfile(settings.root / ".dvc" / "config", clone / ".dvc" / "config")
        link_remote(clone, settings.root)
        try:
            with Repo(str(clone), config={"core": {"site_cache_dir": f"{scratch}/site"}}) as repo:
                remote = Remote(f"The DVC remote {place.url!r}", repo.cloud.get_remote(None, "gc"))
                yield remote, lambda states: _needed(repo, Git(clone), place.name, states)
        except DvcException as error:
            raise MlopsError(f"DVC cannot open {place.url!r}: {error}") from error


def _needed(repo: Any, git: Git, remote: str, states: Iterable[State]) -> Needed:
    owners: dict[str, str] = {}
    whole: set[str] = set()
    uncached: set[str] = set()
    for state in dict.fromkeys(states):
        for out in _outputs(repo, git, state):
            found = out.hash_info.value if out.hash_info else None
            here = out.use_cache and out.can_push and not out.stage.is_repo_import and out.remote in (None, remote)
            if found is None and here and state.whole:
                raise MlopsError(
                    f"{state.owner}: its dvc.lock does not name {str(out)!r}, so nobody knows what it needs. "
                    "Nothing is deleted: `git revert` the edit of its lock."
                )
            if found is None:
                continue
            owners.setdefault(found, state.owner)
            (whole if here and state.whole else set()).add(found)
            (set() if out.use_cache else uncached).add(found)
    return Needed(owners, frozenset(whole), frozenset(uncached))


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
