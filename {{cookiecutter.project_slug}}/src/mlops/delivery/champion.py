"""Fetch the release an environment has, complete enough to score it: source, bundle and requirements."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery.clones import clone_at
from mlops.delivery.dvc import Dvc
from mlops.delivery.git import Git
from mlops.delivery.history import current, history
from mlops.delivery.image import BUNDLE
from mlops.delivery.layout import folder
from mlops.delivery.records import Record
from mlops.delivery.remote import default_remote, link_remote
from mlops.settings import Settings


@dataclass(frozen=True)
class Champion:
    """A release that stands, as files: `root` is a clone at its commit with its lock and its bundle."""

    record: Record
    root: Path

    @property
    def source(self) -> Path:
        """The folder that holds its `mlops`."""
        return self.root / "src"

    @property
    def bundle(self) -> Path:
        """Its bundle."""
        return self.root / BUNDLE

    @property
    def requirements(self) -> Path:
        """What its server needs."""
        return self.root / "requirements" / "serve.txt"


def fetch(settings: Settings, git: Git, rev: str, env: str) -> Champion | None:
    """Fetch the release that an environment has at a commit; None where it has none.

    It is kept under the project's cache by its identity, and the working tree is not touched.

    Raises:
        MlopsError: The record is unreadable, or its commit, lock or bundle is missing or is not what it says.
    """
    record = current(history(git, env, rev))
    if record is None:
        return None
    champion = Champion(record, settings.cache / "champions" / record.identity.removeprefix("sha256:"))
    if not _whole(champion):
        _bring(settings, git, rev, env, champion)
    return champion


def _bring(settings: Settings, git: Git, rev: str, env: str, champion: Champion) -> None:
    lock = git.show(rev, f"{folder(env)}/dvc.lock")
    if lock is None:
        raise MlopsError(
            f"{env} has no dvc.lock beside its release {champion.record.id}. `git revert` what removed it."
        )
    parent = champion.root.parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".new-", ignore_cleanup_errors=True) as scratch:
        fresh = Champion(champion.record, Path(scratch) / "clone")
        _clone(git, champion.record, fresh.root)
        (fresh.root / "dvc.lock").write_bytes(lock)
        link_remote(fresh.root, settings.root)
        _pull(settings, fresh, env)
        _put(fresh, champion, Path(scratch) / "old")


def _clone(git: Git, record: Record, target: Path) -> None:
    try:
        git.rev_parse(record.commit)
    except MlopsError as error:
        raise MlopsError(
            f"Release {record.id} was made from {record.commit}, which is not here. `git fetch`."
        ) from error
    clone_at(git, record.commit, target)


def _pull(settings: Settings, fresh: Champion, env: str) -> None:
    try:
        Dvc(fresh.root).pull(BUNDLE.as_posix())
    except MlopsError as error:
        raise MlopsError(
            f"The bundle of {env}'s release {fresh.record.id} could not be brought from the DVC remote "
            f"{default_remote(settings.root).url!r}: {error} "
            "If it was lost, run `dvc push` in a clone that has it."
        ) from error
    if not _whole(fresh):
        raise MlopsError(
            f"{env}'s dvc.lock leads to another model than its release {fresh.record.id} names "
            f"({fresh.record.model.sha256}). `git revert` the edit of {folder(env)}/."
        )


def _whole(champion: Champion) -> bool:
    model = champion.bundle / "model.onnx"
    return model.is_file() and hashlib.sha256(model.read_bytes()).hexdigest() == champion.record.model.sha256


def _put(fresh: Champion, champion: Champion, old: Path) -> None:
    """Put the clone in its place by a rename; what another process put there meanwhile is as good."""
    if _whole(champion):
        return
    if champion.root.exists():
        os.rename(champion.root, old)  # noqa: PTH104
    try:
        os.rename(fresh.root, champion.root)  # noqa: PTH104
    except OSError:
        if not _whole(champion):
            raise
    shutil.rmtree(old, ignore_errors=True)
