"""A clone at a commit, beside the working tree: nobody's files, index or branch move."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from mlops.delivery.git import Git
from mlops.delivery.remote import link_remote
from mlops.settings import Settings

ENVIRONMENTS = "envs"


def clone_at(git: Git, commit: str, target: Path) -> None:
    """Clone a repository and check one of its commits out; objects are shared, not copied.

    Raises:
        MlopsError: There is no such commit, or the disk is full.
    """
    # The user's checkout hooks and line-ending settings would make it another tree than the one committed.
    settings = ("-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false")
    git.run(*settings, "clone", "--quiet", "--shared", "--no-checkout", str(git.toplevel()), str(target))
    Git(target).run(*settings, "checkout", "--quiet", "--detach", commit)


@contextmanager
def workplace(settings: Settings, git: Git, commit: str) -> Iterator[Path]:
    """Make a clone to train in, with the project's DVC remote, cache and serving environments; it goes at the end.

    As long as it is there, programs that are started import the project's code from it.
    """
    settings.cache.mkdir(parents=True, exist_ok=True)
    scratches = tempfile.TemporaryDirectory(dir=settings.cache, prefix="work-", ignore_cleanup_errors=True)
    with _ending_well(), scratches as scratch:
        root = Path(scratch) / "clone"
        clone_at(git, commit, root)
        link_remote(root, settings.root)
        kept = os.environ.get("MLOPS_ENVS") or str(settings.cache / ENVIRONMENTS)
        with _environ({"PYTHONPATH": str(root / "src"), "MLOPS_ENVS": kept}):
            yield root


@contextmanager
def _ending_well() -> Iterator[None]:
    """Let a signal that would end this process at once end it by an exception: what was begun is put away."""
    before = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def _environ(changes: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
