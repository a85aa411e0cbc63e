"""A project with a long past: real Git, real DVC, a folder as remote, images as folders."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dvc.repo import Repo
from unit.delivery.project import CONFIG, IGNORED
from unit.delivery.world import NOON, STAGING, Clone, World, found, hexed, image, no_sleep, sh

from mlops.delivery.candidate import Candidate
from mlops.delivery.commit import commit_tree, write
from mlops.delivery.gc import Collector, Plan
from mlops.delivery.images import Folders
from mlops.delivery.layout import machine_files, replacement
from mlops.delivery.records import Record, parse
from mlops.delivery.release import release
from mlops.settings import Settings

PIPELINE = {
    "pyproject.toml": '[project]\nname = "project"\n[tool.mlops]\npackage = "p"\nfeatures = "p.f"\nmodel = "p.m"\n',
    ".dvc/config": CONFIG,
    ".dvc/.gitignore": IGNORED,
    ".gitignore": "/build/\n/.mlops/\n",
    "data/raw/.gitignore": "*.csv\n",
    "dvc.yaml": (
        "stages:\n"
        "  split:\n    cmd: mkdir -p build && cp -r data/raw build/split && rm -f build/split/*.dvc\n"
        "    deps: [data/raw]\n    outs: [build/split]\n"
        "  train:\n"
        "    cmd: cp -r build/split build/bundle && cp recipe.txt build/bundle/model.onnx\n"
        "    deps: [build/split, recipe.txt]\n    outs: [build/bundle]\n"
        "  measure:\n    cmd: (cat build/bundle/model.onnx; echo m) > metrics.json\n"
        "    deps: [build/bundle]\n    metrics: [metrics.json: {cache: false}]\n"
    ),
}
OLD = 3 * 24 * 3600


@dataclass(frozen=True)
class Past:
    """A world with releases 1 to 7, as they were made; the project is in the clone `ada`."""

    world: World

    @property
    def clone(self) -> Clone:
        return Clone(self.world.root / "ada")

    @property
    def settings(self) -> Settings:
        return Settings(root=self.clone.path, slug="project", package="p", features="p.f", model="p.m")

    @property
    def remote(self) -> Path:
        return self.world.root / "remote"

    @property
    def images(self) -> Folders:
        return Folders(self.world.root)

    def copy(self, folder: Path) -> Past:
        shutil.copytree(self.world.root, folder, symlinks=True)
        there = Past(World(folder))
        there.clone.sh("remote", "set-url", "origin", str(there.world.origin))
        return there

    def collector(self, keep: int = 2) -> Collector:
        return Collector(self.settings, self.clone.trunk, self.images, keep)

    def collect(self, keep: int = 2) -> Plan:
        collector = self.collector(keep)
        return collector.sweep(collector.plan())

    def files(self) -> dict[str, str]:
        """What lies at the remote and beside it, to see that nothing went."""
        folders = (self.remote, self.world.root / "images", self.world.root / "tags")
        return {
            str(path): hexed(path.read_text()) for folder in folders for path in folder.rglob("*") if path.is_file()
        }

    def age(self) -> None:
        """Let all that was sent be days old."""
        then = time.time() - OLD
        for path in self.remote.rglob("*"):
            os.utime(path, (then, then))

    def record(self, number: int) -> Record:
        standings = self.clone.sh("log", "--format=%H", f"--grep=Release 20130501-{number} ", "origin/main").split()
        return self.record_at(standings[-1])

    def record_at(self, rev: str, env: str = "staging") -> Record:
        return parse(self.clone.git.show(rev, f"deploy/envs/{env}/release.yaml") or b"")

    def source(self, recipe: str, files: Mapping[str, str] | None = None) -> str:
        """Commit a source change, reproduce, and send what came out to the remote."""
        clone = self.clone
        clone.write({"recipe.txt": recipe, "metrics.json": f"{recipe}m\n", **(files or {})})
        with chdir(clone.path), Repo() as repo:
            for name in files or {}:
                repo.add(name)
            clone.sh("add", "--", "recipe.txt", "metrics.json", "data")
            clone.sh("commit", "--quiet", "--message", f"Recipe {recipe}")
            repo.reproduce()
            repo.push(run_cache=True)
        return clone.git.head()

    def release(self, recipe: str, files: Mapping[str, str] | None = None) -> Record:
        """Release what comes of a source change to staging."""
        self.clone.pull()
        commit = self.source(recipe, files)
        self.clone.push()
        return self.publish(commit, recipe)

    def publish(self, commit: str, content: str, *, force: bool = False) -> Record:
        clone = self.clone
        made: Candidate = clone.candidate(commit, content)
        lock = write(clone.git, (clone.path / "dvc.lock").read_bytes())
        made = replace(made, files={**made.files, "dvc.lock": lock})
        self.lay(content)
        done = release(clone.trunk, "staging", made, image(content), force=force, now=NOON, sleep=no_sleep)
        assert done.record is not None
        return done.record

    def lay(self, content: str) -> None:
        """Make an image as the local builder would lay it."""
        named = image(content)
        folder = self.world.root / "images" / named.digest.removeprefix("sha256:")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model").write_text(content)
        (self.world.root / "tags").mkdir(exist_ok=True)
        (self.world.root / "tags" / named.identity.removeprefix("sha256:")).write_text(named.digest + "\n")

    def promote(self, rev: str, to: str) -> str:
        """Copy staging's release to production, on a branch."""
        git = self.clone.git
        base = self.clone.trunk.tip()
        changes = replacement(git, base, "production", machine_files(git, rev, "staging"))
        sha = commit_tree(git, base, changes, "Promote")
        self.clone.sh("push", "--quiet", "origin", f"{sha}:refs/heads/{to}")
        return sha

    def restores(self, commit: str, lock: bytes | None, name: str = "fresh") -> str:
        """Bring a state back in a fresh clone with an empty cache; returns the model, or why it is not whole."""
        folder = self.world.root / name
        shutil.rmtree(folder, ignore_errors=True)
        sh(self.world.root, "clone", "--quiet", str(self.world.origin), name)
        sh(folder, "checkout", "--quiet", commit)
        if lock is not None:
            (folder / "dvc.lock").write_bytes(lock)
        with chdir(folder), Repo() as repo:
            try:
                repo.pull()
            except Exception as error:
                return type(error).__name__
            assert repo.status() == {}
        return (folder / "build/bundle/model.onnx").read_text()

    def restored(self, record: Record) -> str:
        """Bring a release back by its record's commit and the lock that came with it."""
        found = self.clone.sh("log", "--format=%H", "-S", record.id, "origin/main", "--", STAGING).split()
        return self.restores(record.commit, self.clone.git.show(found[-1], f"{STAGING}/dvc.lock"))


@contextmanager
def site(folder: Path) -> Iterator[None]:
    """Keep DVC's own notes of repositories out of this machine's."""
    before = os.environ.get("DVC_SITE_CACHE_DIR")
    os.environ["DVC_SITE_CACHE_DIR"] = str(folder)
    yield
    os.environ.pop("DVC_SITE_CACHE_DIR")
    if before is not None:
        os.environ["DVC_SITE_CACHE_DIR"] = before


def past(root: Path) -> Past:
    """Make the past: releases 1 to 7, of which production has had the fourth; staging went back to 3, then to 2."""
    made = Past(found(root))
    clone = made.world.clone("ada")
    clone.commit("Pipeline", PIPELINE)
    clone.push()
    made.release("1", {"data/raw/a.csv": "a\n1\n"})
    for number in "234567":
        made.release(number, {"data/raw/b.csv": "b\n2\n"} if number == "5" else None)
        if number == "4":
            made.promote(clone.trunk.tip(), "main")
    clone.rollback(to="20130501-3")
    clone.rollback()
    made.age()
    return made
