"""Where a release lies in Git, and whose file is whose."""

from __future__ import annotations

import difflib

from mlops.contract.errors import MlopsError
from mlops.delivery.git import Entry, Git

ENVS = "deploy/envs"
RECORD = "release.yaml"
FIRST = "staging"  # The environment that main releases to; the others get what it has run.
PEOPLES = frozenset({"values.yaml"})


def folder(env: str) -> str:
    """Name the folder of an environment."""
    return f"{ENVS}/{env}"


def machine_files(git: Git, rev: str, env: str) -> dict[str, Entry]:
    """List the files of an environment that only commands write: all but people's `values.yaml`."""
    return {path: entry for path, entry in git.ls(rev, folder(env)).items() if path not in PEOPLES}


def replacement(git: Git, base: str, env: str, files: dict[str, Entry]) -> dict[str, Entry | None]:
    """Say what must change for an environment to hold exactly `files` beside what is people's."""
    now = machine_files(git, base, env)
    gone: dict[str, Entry | None] = {path: None for path in now.keys() - files.keys()}
    changed = {path: entry for path, entry in files.items() if now.get(path) != entry and path not in PEOPLES}
    return {f"{folder(env)}/{path}": entry for path, entry in sorted({**gone, **changed}.items())}


def environments(git: Git, rev: str) -> list[str]:
    """List the environments of a commit."""
    return sorted({path.split("/", 1)[0] for path in git.ls(rev, ENVS) if "/" in path})


def require_environment(git: Git, rev: str, env: str) -> None:
    """Check that an environment exists.

    Raises:
        MlopsError: It does not; the message names the nearest one.
    """
    known = environments(git, rev)
    if env in known:
        return
    near = difflib.get_close_matches(env, known, 1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There is {', '.join(map(repr, known)) or 'none'}."
    raise MlopsError(
        f"No environment {env!r}: {folder(env)}/values.yaml is not committed. {hint} "
        f"To add one, commit {ENVS}/<name>/values.yaml."
    )
