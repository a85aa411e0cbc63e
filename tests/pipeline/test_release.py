"""Released, replaced, taken back: through the commands that a person runs, on a project with a table of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from living import LivingProject

pytestmark = pytest.mark.pipeline
MACHINES = ("release.yaml", "dvc.lock", "metrics.json", "model-card.md")


def test_history_of_a_release_its_successor_and_the_way_back(
    successor: LivingProject, more: Callable[[int, int], pd.DataFrame], tmp_path: Path
) -> None:
    project = successor
    source = project.git("rev-parse", "origin/main~1")
    first, files = project.record(rev=source), machine_files(project, source)
    second = project.record()
    assert (second["commit"], second["data"]["batches"]) == (source, 2)
    assert second["identity"] != first["identity"]
    gain = json.loads(project.git("show", "origin/main:deploy/envs/staging/metrics.json"))["gain"]
    assert (gain["over"], gain["metric"], abs(gain["difference"]) < 0.2) == (first["id"], "roc_auc", True)

    changed = project.git("diff", "--name-only", f"{source}..origin/main").splitlines()
    assert all(path.startswith("deploy/envs/staging/") for path in changed)

    project.git("revert", "--no-edit", project.git("rev-parse", "origin/main"))
    project.git("push", "origin", "main")
    assert project.record() == first
    assert machine_files(project) == files

    words = project.mlops("release", "--env", "staging", expect=1)
    assert "held" in words
    assert "Test" in words
    more(3600, 600).to_csv(tmp_path / "even-later.csv", index=False)
    project.mlops("data", "add", str(tmp_path / "even-later.csv"))
    project.dvc("repro")
    project.commit("Even more rows")
    project.git("push", "origin", "main")
    assert "held" in project.mlops("release", "--env", "staging", expect=1)
    assert project.record() == first
    assert "Released" in project.mlops("release", "--env", "staging", "--force")
    assert project.record()["data"]["batches"] == 3


def test_rollback_is_what_git_revert_would_have_done(successor: LivingProject) -> None:
    project = successor
    first, files = project.record(rev="origin/main~1"), machine_files(project, "origin/main~1")
    assert (project.record() == first, machine_files(project) == files) == (False, False)
    values = project.git("rev-parse", "origin/main:deploy/envs/staging/values.yaml")
    project.mlops("rollback", "--env", "staging")
    assert (project.record(), machine_files(project)) == (first, files)
    assert project.git("rev-parse", "origin/main:deploy/envs/staging/values.yaml") == values


def test_reverting_the_source_releases_the_old_image_without_training(project: LivingProject) -> None:
    first = project.record()
    project.edit("params.yaml", "learning_rate: 0.1", "learning_rate: 0.08")
    project.dvc("repro")
    project.commit("Smaller steps")
    project.git("push", "origin", "main")
    project.mlops("release", "--env", "staging")
    project.git("revert", "--no-edit", "HEAD~1")
    said = project.dvc("repro")
    assert "is cached - skipping run" in said
    assert "mlops.pipeline.train" not in said
    project.commit("The lock as it was") if project.git("status", "--porcelain") else None
    project.git("push", "origin", "main")
    assert "nothing to build" in project.mlops("release", "--env", "staging")
    back = project.record()
    assert (back["identity"], back["image"]) == (first["identity"], first["image"])
    assert back["id"] != first["id"]


def test_a_change_of_the_chart_alone_is_released_without_training(project: LivingProject) -> None:
    first = project.record()
    project.edit("deploy/chart/values.yaml", "\nreplicas: 1\n", "\nreplicas: 3\n")
    source = project.commit("Answer from three pods")
    project.git("push", "origin", "main")
    assert project.git("diff", "--name-only", "HEAD~1", "--", "deploy/envs") == "", "nothing that runs has changed"
    assert "python -m mlops.pipeline" not in project.dvc("repro")
    assert "nothing to build" in project.mlops("release", "--env", "staging")
    second = project.record()
    assert (second["identity"], second["commit"]) == (first["identity"], source)
    changed = project.git("diff", "--name-only", f"{source}..origin/main").splitlines()
    assert changed == [f"deploy/envs/staging/{name}" for name in ("chart/values.yaml", "metrics.json", "release.yaml")]


def test_reverting_a_batch_releases_what_stood_before(
    project: LivingProject, more: Callable[[int, int], pd.DataFrame], tmp_path: Path
) -> None:
    first = project.record()
    more(2400, 600).to_csv(tmp_path / "later.csv", index=False)
    project.mlops("data", "add", str(tmp_path / "later.csv"))
    project.dvc("repro")
    project.commit("More rows")
    project.git("push", "origin", "main")
    project.mlops("release", "--env", "staging")
    project.git("revert", "--no-edit", "HEAD~1")
    project.dvc("checkout")
    project.dvc("repro")
    project.git("push", "origin", "main")
    said = project.mlops("gate", "--base", "HEAD~1")
    assert "It stood here before, so this does not block" in said
    assert "nothing to build" in project.mlops("release", "--env", "staging")
    assert project.record()["identity"] == first["identity"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.edit("params.yaml", "max_iter", "max_itr"), "Not up to date"),
        (lambda p: (p.path / "note.txt").write_text("x"), "Not committed: 'note.txt'"),
    ],
)
def test_what_is_not_committed_is_not_released(
    project: LivingProject, spoil: Callable[[LivingProject], object], words: str
) -> None:
    spoil(project)
    assert words in project.mlops("release", "--env", "staging", expect=2)


def test_an_unknown_environment_gets_the_near_name(project: LivingProject) -> None:
    assert "Did you mean 'staging'?" in project.mlops("release", "--env", "stagin", expect=2)


def machine_files(project: LivingProject, rev: str = "origin/main") -> dict[str, str]:
    return {name: project.git("rev-parse", f"{rev}:deploy/envs/staging/{name}") for name in MACHINES}
