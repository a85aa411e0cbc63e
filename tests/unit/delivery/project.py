"""A whole small project: what `gather` and the builder read, and with DVC a pipeline that makes a bundle."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from unit.delivery.world import Clone, World, hexed

from mlops.delivery.dvc import environment
from mlops.settings import Settings

TASK = {
    "task": "binary", "target": "late", "classes": [False, True], "threshold": 0.5,
    "package": "p", "features": [], "split": {},
    "batches": [
        {"name": "0001-a.csv", "sha256": hexed("a"), "rows": 10},
        {"name": "0002-b.csv", "sha256": hexed("b"), "rows": 5},
    ],
}  # fmt: skip
CARD = b"# Model card\n"
SOURCE = {
    ".gitignore": "/build/\n/.mlops/\n/reports/\n__pycache__/\n",
    "pyproject.toml": "[tool.mlops]\n",
    "src/mlops/__init__.py": "",
    "src/mlops/contract/__init__.py": "",
    "src/mlops/contract/model.py": "x = 1\n",
    "src/mlops/serving/__init__.py": "",
    "src/mlops/delivery/__init__.py": "not in the image\n",
    "requirements/serve.txt": "numpy==2\n",
}
BUILT = {
    "build/bundle/model.onnx": "the model",
    "build/bundle/task.json": json.dumps(TASK),
    "build/bundle/contract.yaml": "version: 1.2.0\n",
    "build/bundle/p/features.py": "y = 1\n",
    "reports/metrics.json": '{"metrics": {"roc_auc": 0.75, "n": 15}}\n',
    "dvc.lock": "schema: '2.0'\n",
}
# A pipeline as small as DVC allows: the bundle follows from one file of the source.
PIPELINE = {
    "dvc.yaml": (
        "stages:\n  train:\n    cmd: python make.py\n    deps: [make.py, recipe.txt]\n"
        "    outs: [build/bundle]\n    metrics: [reports/metrics.json: {cache: false}]\n"
    ),
    "make.py": (
        "import json, pathlib\n"
        f"files = {json.dumps({k: v for k, v in BUILT.items() if k != 'dvc.lock'})}\n"
        "files['build/bundle/model.onnx'] = pathlib.Path('recipe.txt').read_text()\n"
        "for name, text in files.items():\n"
        "    path = pathlib.Path(name)\n    path.parent.mkdir(parents=True, exist_ok=True)\n    path.write_text(text)\n"
    ),
    "recipe.txt": "first\n",
}
CONFIG = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../../remote\n"
IGNORED = "/config.local\n/tmp\n/cache\n"


def settings(clone: Clone) -> Settings:
    return Settings(root=clone.path, slug="project", package="p", features="p.features", model="p.model")


def project(world: World, *, built: bool = True) -> Clone:
    """A pushed project without DVC, its outputs already there."""
    clone = world.clone("project")
    clone.commit("Project", SOURCE)
    clone.push()
    clone.write(BUILT if built else {})
    return clone


def dvc(folder: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *args], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, f"dvc {args}: {done.stdout}{done.stderr}"
    return done.stdout


def pipeline(world: World) -> Clone:
    """A pushed project with a DVC pipeline, reproduced, its remote a folder beside the clones."""
    clone = world.clone("project")
    clone.commit("Project", {**SOURCE, **PIPELINE, ".dvc/config": CONFIG, ".dvc/.gitignore": IGNORED})
    clone.push()
    return clone
