"""A branch trains once: main restores what the branch has pushed, whatever the lock says."""

from __future__ import annotations

from pathlib import Path

import pytest
from living import LivingProject

pytestmark = pytest.mark.pipeline
STAGES = ("validate", "prepare", "train", "evaluate")


def ran(said: str) -> list[str]:
    """List the stages that ran; the others were restored."""
    ways = dict(line.split(maxsplit=1) for line in said.splitlines()[-len(STAGES) :])
    assert tuple(ways) == STAGES and set(ways.values()) <= {"ran", "restored from the run-cache"}, said
    return [stage for stage, way in ways.items() if way == "ran"]


def test_main_restores_what_a_branch_has_trained(project: LivingProject, tmp_path: Path) -> None:
    before = (project.path / "dvc.lock").read_bytes()
    project.git("checkout", "--quiet", "-b", "branch")
    project.edit("params.yaml", "learning_rate: 0.1", "learning_rate: 0.08")
    project.commit("Smaller steps, and a lock of before")
    assert ran(project.mlops("reproduce")) == ["train", "evaluate"]
    assert not project.dvc("push", "--quiet", "--run-cache")
    trained = (project.path / "build/bundle/model.onnx").read_bytes()
    project.git("push", "--quiet", "origin", "branch:main")

    project.git("clone", "--quiet", str(tmp_path / "origin.git"), str(tmp_path / "main"))
    clone = LivingProject(tmp_path / "main", project.envs)
    assert (clone.path / "dvc.lock").read_bytes() == before
    clone.dvc("pull", "--quiet", "--recursive", "data/raw")
    said = clone.mlops("reproduce", "--main")
    assert ran(said) == [] and "mlops.pipeline" not in said
    assert (clone.path / "build/bundle/model.onnx").read_bytes() == trained
    assert not clone.dvc("status", "--quiet")
