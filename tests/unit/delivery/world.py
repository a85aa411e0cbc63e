"""A real origin and real clones of a small project, with a clock that stands still."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mlops.delivery.candidate import Candidate
from mlops.delivery.commit import write
from mlops.delivery.git import Git
from mlops.delivery.image import ImageRef
from mlops.delivery.publish import Outcome
from mlops.delivery.records import ContractRef, Data, Model, Record, parse
from mlops.delivery.release import release
from mlops.delivery.rollback import rollback
from mlops.delivery.trunk import Trunk

NOON = datetime(2013, 5, 1, 12, tzinfo=UTC)
STAGING = "deploy/envs/staging"
FIRST = {
    "README.md": "A project.\n",
    "src/app.py": "version = 0\n",
    "deploy/chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n",
    "deploy/chart/templates/app.yaml": "kind: Deployment\n",
    f"{STAGING}/values.yaml": "replicas: 2\n",
    "deploy/envs/production/values.yaml": "replicas: 4\n",
}
PERSON = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


def sh(folder: Path, *args: str, **env: str) -> str:
    """Run git as a person would."""
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", "-c", "init.templateDir=", *args], cwd=folder,
        env={**os.environ, **PERSON, **env}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, f"git {args}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def hexed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def image(content: str) -> ImageRef:
    return ImageRef(f"sha256:{hexed(content)}", "local/project", f"sha256:{hexed('digest ' + content)}")


def no_sleep(_: float) -> None:
    """Wait for nothing."""


@dataclass
class Clone:
    path: Path
    branch: str = "main"
    remote: str | None = "origin"
    git: Git = field(init=False)

    def __post_init__(self) -> None:
        self.git = Git(self.path)

    @property
    def trunk(self) -> Trunk:
        return Trunk(self.git, self.branch, self.remote)

    def sh(self, *args: str, **env: str) -> str:
        return sh(self.path, *args, **env)

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        for name, text in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_bytes(text.encode() if isinstance(text, str) else text)

    def commit(self, message: str, files: Mapping[str, str | bytes | None]) -> str:
        self.write(files)
        self.sh("add", "--all")
        self.sh("commit", "--quiet", "--message", message)
        return self.git.head()

    def source(self, version: str) -> str:
        """Commit and push a source change; name the commit."""
        sha = self.commit(f"Version {version}", {"src/app.py": f"version = {version!r}\n"})
        self.push()
        return sha

    def push(self) -> None:
        if self.remote:
            self.sh("push", "--quiet", "origin", f"HEAD:refs/heads/{self.branch}")

    def pull(self) -> None:
        if self.remote:
            self.sh("pull", "--quiet", "--ff-only", "origin", self.branch)

    def revert(self, *revs: str) -> str:
        """Revert commits and push, as from any Git client."""
        self.pull()
        self.sh("revert", "--no-edit", *revs)
        self.push()
        return self.git.head()

    def candidate(self, commit: str, content: str) -> Candidate:
        """A model of that commit; everything in it follows from `content`."""
        chart = self.git.ls(commit, "deploy/chart")
        return Candidate(
            commit=commit,
            model=Model(sha256=hexed(f"model {content}")),
            data=Data(sha256=hexed("data"), batches=3, rows=81000),
            contract=ContractRef(version="1.0.0", sha256=hexed("contract")),
            metrics={"roc_auc": 0.7},
            files={
                "dvc.lock": write(self.git, f"lock of {content}\n".encode()),
                "metrics.json": write(self.git, f'{{"of": "{content}"}}\n'.encode()),
                "model-card.md": write(self.git, f"# Card of {content}\n".encode()),
                **{f"chart/{path}": entry for path, entry in chart.items()},
            },
        )

    def release(self, commit: str, content: str, *, env: str = "staging", force: bool = False) -> Outcome:
        made = self.candidate(commit, content)
        return release(self.trunk, env, made, image(content), force=force, now=NOON, sleep=no_sleep)

    def rollback(self, env: str = "staging", to: str | None = None) -> Outcome:
        return rollback(self.trunk, env, to, sleep=no_sleep)

    def ship(self, version: str) -> Outcome:
        """Commit a source change and release what comes of it."""
        self.pull()
        return self.release(self.source(version), version)

    def standing(self, env: str = "staging") -> Record | None:
        text = self.git.show(self.trunk.tip(), f"deploy/envs/{env}/release.yaml")
        return None if text is None else parse(text)

    def tree(self, rev: str | None = None) -> str:
        return self.sh("ls-tree", "-r", rev or self.trunk.tip(), "--", "deploy/envs")


@dataclass
class World:
    root: Path
    branch: str = "main"

    @property
    def origin(self) -> Path:
        return self.root / "origin.git"

    def clone(self, name: str) -> Clone:
        sh(self.root, "clone", "--quiet", str(self.origin), name)
        return Clone(self.root / name, self.branch)


def found(root: Path, branch: str = "main") -> World:
    """Make an origin with a first commit."""
    world = World(root, branch)
    sh(root, "init", "--quiet", "--bare", f"--initial-branch={branch}", str(world.origin))
    sh(root, "init", "--quiet", f"--initial-branch={branch}", "seed")
    seed = Clone(root / "seed", branch)
    seed.sh("remote", "add", "origin", str(world.origin))
    seed.commit("First", FIRST)
    seed.push()
    return world


def copied(world: Path, folder: Path) -> Clone:
    """Copy a folder with `origin.git` and its clone `ada`; the copy's clone has the copy's origin."""
    shutil.copytree(world, folder, dirs_exist_ok=True, symlinks=True)
    clone = Clone(folder / "ada")
    clone.sh("remote", "set-url", "origin", str(folder / "origin.git"))
    return clone
