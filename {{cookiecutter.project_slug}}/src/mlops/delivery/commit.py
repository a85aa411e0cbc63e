"""Commits that are made beside the working tree: nobody's files, index or branch move."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlops.delivery.git import Entry, Git

NOBODY = {"NAME": "mlops", "EMAIL": "mlops@localhost"}

Changes = Mapping[str, Entry | None]


def write(git: Git, data: bytes) -> Entry:
    """Store bytes as an ordinary file's blob, unfiltered by attributes or line-ending settings."""
    return Entry("100644", git.run("hash-object", "-w", "--stdin", stdin=data).decode().strip())


def commit_tree(git: Git, base: str, changes: Changes, message: str) -> str:
    """Commit placed (Entry) and removed (None) files on top of `base`, through an index of its own.

    Hooks and signing have no part in it, and it works on a detached HEAD and in a linked worktree.

    Returns:
        The new commit, to which no branch points yet.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git.run("read-tree", base, env=index)
        git.run("update-index", "-z", "--replace", "--index-info", stdin=_index_info(changes, len(base)), env=index)
        tree = git.run("write-tree", env=index).decode().strip()
    done = git.run("commit-tree", tree, "-p", base, "-F", "-", stdin=message.encode(), env=_identity(git))
    return done.decode().strip()


def _index_info(changes: Changes, width: int) -> bytes:
    removed = [f"0 {'0' * width}\t{path}\0" for path, entry in changes.items() if entry is None]
    placed = [f"{entry.mode} {entry.sha}\t{path}\0" for path, entry in changes.items() if entry is not None]
    return os.fsencode("".join(removed + placed))


def _identity(git: Git) -> dict[str, str]:
    """Name a committer where Git has none: a CI runner's HOME may be empty."""
    env: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        if git.attempt("-c", "user.useConfigOnly=true", "var", f"GIT_{role}_IDENT").returncode:
            env |= {f"GIT_{role}_{part}": value for part, value in NOBODY.items()}
    return env
