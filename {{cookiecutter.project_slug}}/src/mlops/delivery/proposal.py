"""Propose a trained model: one commit on top of main, on one branch that each proposal replaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery.candidate import source_commit
from mlops.delivery.commit import Changes, commit_tree, write
from mlops.delivery.forge import Forge
from mlops.delivery.git import Entry, Git
from mlops.delivery.layout import ENVS
from mlops.delivery.trunk import Trunk

BRANCH = "mlops/retrain"
NOTHING = ""  # pushed to a branch, it removes the branch
RAW = "data/raw/"
FILES = ("dvc.lock", "docs/model-card.md")


@dataclass(frozen=True)
class Proposal:
    """A commit to be on top of `base`, and the pull request that asks for it; its title is the message's first line."""

    base: str
    changes: Changes
    message: str
    body: str


def changes(git: Git, root: Path) -> Changes:
    """List what retraining changed in a clone: pointers to data, the lock and the card. They become blobs of `git`."""
    paths = [path for path in Git(root).dirty() if _belongs(path)]
    return {path: _entry(git, root / path) for path in paths}


def stands(trunk: Trunk, made: Changes, base: str) -> bool:
    """Tell whether the branch proposes these changes of `base` already.

    Raises:
        MlopsError: The remote cannot be reached.
    """
    there = trunk.branch_tip(BRANCH)
    return there is not None and same(trunk.git, there, commit_tree(trunk.git, base, made, BRANCH), base)


def propose(trunk: Trunk, forge: Forge, made: Proposal) -> str:
    """Let the branch be this one commit, and open its pull request or give the open one its text; its web address.

    Raises:
        MlopsError: The remote or the forge refuses, or somebody else moves the branch at the same time.
    """
    there = trunk.branch_tip(BRANCH)
    commit = commit_tree(trunk.git, made.base, made.changes, made.message)
    if not trunk.put_branch(BRANCH, commit, there):
        raise MlopsError(f"Somebody else moved the branch {BRANCH} at the same time. Run again.")
    try:
        return forge.open_pull(BRANCH, trunk.branch, made.message.partition("\n")[0], made.body)
    except MlopsError:
        # Left there, the branch would pass for a proposal that was made.
        trunk.put_branch(BRANCH, there or NOTHING, commit)
        raise


def same(git: Git, there: str, commit: str, base: str) -> bool:
    """Tell whether a branch proposes already what a commit on top of `base` would; releases since do not count."""
    spec = ("--", ":(top)", f":(top,exclude){ENVS}")
    current = git.is_ancestor(source_commit(git, base), there)
    return current and not git.text("diff", "--name-only", there, commit, *spec)


def _belongs(path: str) -> bool:
    name = path.removeprefix(RAW)
    return path in FILES or (path.startswith(RAW) and (name == ".gitignore" or name.endswith(".dvc")))


def _entry(git: Git, path: Path) -> Entry | None:
    return write(git, path.read_bytes()) if path.is_file() else None
