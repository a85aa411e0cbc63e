"""A project with a real origin, a storage folder and real images, and its releases as commits."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unit.serving.bundle_factory import make_bundle, sha256
from unit.serving.processes import SOURCE

from mlops.delivery.builder import LocalBuilder
from mlops.delivery.image import identity, manifest
from mlops.delivery.records import ContractRef, Data, Image, Model, Record, render
from mlops.settings import Settings, find

PERSON = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
COMMITTER = {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
RELEASE = "deploy/envs/staging/release.yaml"
DVC = """\
[core]
    remote = storage
['remote "storage"']
    url = {storage}/dvc
"""
PYPROJECT = """\
[project]
name = "parcels"

[tool.mlops]
package = "parcels"
features = "parcels.features"
model = "parcels.model"
"""


@dataclass(frozen=True)
class Project:
    """A clone that people work in; `settings` is another one that is reconciled."""

    root: Path
    storage: Path
    settings: Settings

    def image(self, bundle: Path) -> tuple[str, str]:
        """Build the image of a bundle and return its identity and digest."""
        shutil.rmtree(self.root / "build" / "bundle", ignore_errors=True)
        shutil.copytree(bundle, self.root / "build" / "bundle")
        files = manifest(self.root)
        name = identity(replace(self.settings, root=self.root), files)
        return name, LocalBuilder(self.storage, "local/parcels").build(name, files)

    def record(self, bundle: Path, name: str) -> Record:
        """Build a bundle's image and describe its release."""
        content, digest = self.image(bundle)
        return Record(
            id=name,
            identity=content,
            commit=git(self.root, "rev-parse", "HEAD"),
            image=Image(repository="local/parcels", digest=digest),
            model=Model(sha256=sha256(bundle / "model.onnx")),
            data=Data(sha256="3" * 64, batches=1, rows=200),
            contract=ContractRef(version="1.2.0", sha256=sha256(bundle / "contract.yaml")),
            metrics={"roc_auc": 0.5},
        )

    def release(self, record: Record) -> str:
        """Commit and push a record as `mlops release` does, and name the commit."""
        (self.root / RELEASE).write_text(render(record))
        return self.push(f"Release {record.id}")

    def push(self, message: str) -> str:
        git(self.root, "add", "deploy")
        git(self.root, "commit", "--quiet", "-m", message)
        git(self.root, "push", "--quiet", "origin", "HEAD:main")
        return git(self.root, "rev-parse", "HEAD")

    def revert(self) -> None:
        """Take the newest release back, as a person does."""
        git(self.root, "revert", "--no-edit", "HEAD")
        git(self.root, "push", "--quiet", "origin", "HEAD:main")

    def revert_to_nothing(self) -> None:
        """Remove the record, as the revert of a very first release does."""
        (self.root / RELEASE).unlink()
        self.push("Revert the first release")


def found(folder: Path) -> Project:
    """Make origin, storage, and two clones."""
    origin, root, watched, storage = (folder / name for name in ("origin.git", "ada", "watched", "storage"))
    git(folder, "init", "--quiet", "--bare", "-b", "main", str(origin))
    git(folder, "init", "--quiet", "-b", "main", str(root))
    git(root, "remote", "add", "origin", str(origin))
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text(
        f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {storage}/dvc\n"
    )
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / ".gitignore").write_text("/build\n/src/mlops\n/requirements\n/.mlops\n")
    (root / "deploy" / "envs" / "staging").mkdir(parents=True)
    (root / "deploy" / "envs" / "staging" / "values.yaml").write_text("replicas: 1\n")
    for part in ("contract", "serving"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCE / "mlops" / part, root / "src" / "mlops" / part, ignore=ignore)
    shutil.copy(SOURCE / "mlops" / "__init__.py", root / "src" / "mlops")
    (root / "requirements").mkdir()
    shutil.copy(SOURCE.parent / "requirements" / "serve.txt", root / "requirements")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "Start")
    git(root, "push", "--quiet", "origin", "main")
    git(folder, "clone", "--quiet", str(origin), str(watched))
    return Project(root, storage, find(watched))


def bundle(folder: Path, seed: int, **more: Any) -> Path:
    """Make a bundle whose model differs by its seed."""
    return make_bundle(folder / f"bundle-{seed}-{len(more)}", seed=seed, **more)


def git(folder: Path, *args: str) -> str:
    env = {**os.environ, **PERSON, **COMMITTER, "LC_ALL": "C"}
    done = subprocess.run(["git", *args], cwd=folder, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()
