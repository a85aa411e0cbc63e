"""The pipeline runs once, gives the same bytes, survives being killed, and waits for nobody."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from living import LivingProject
from nbclient import NotebookClient

pytestmark = pytest.mark.pipeline
JUDGED = ("gate.json", "report.md", "report.html")
RESULTS = ("build/bundle", "build/split", "reports")
# Python, but for a training that ends only when it is killed.
STAYS = """#!/bin/sh
case "$*" in *mlops.pipeline.train*) echo in training; exec tail -f /dev/null ;; esac
exec "{python}" "$@"
"""


def results(project: LivingProject) -> dict[str, bytes]:
    """Read what the pipeline wrote."""
    files = [path for folder in RESULTS for path in (project.path / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(project.path)): path.read_bytes() for path in files if path.name not in JUDGED}


def clean_clone(project: LivingProject, folder: Path) -> LivingProject:
    """Clone a project with its data, and without any result of it."""
    clone = LivingProject(folder / project.path.name, project.envs)
    clone.path.mkdir(parents=True)
    clone.git("clone", "--quiet", str(project.path), ".")
    clone.git("remote", "set-url", "origin", project.git("remote", "get-url", "origin"))
    storage = project.path.parent / f"{project.path.name}-storage" / "dvc"
    clone.dvc("remote", "modify", "--local", "storage", "url", str(storage))
    clone.dvc("pull", "--quiet", "--recursive", "data/raw")
    return clone


def test_a_second_run_does_nothing(project: LivingProject) -> None:
    said = project.dvc("repro")
    assert said.count("didn't change, skipping") == 5
    assert "Running stage" not in said


def test_a_clean_clone_trains_to_the_same_bytes(project: LivingProject, tmp_path: Path) -> None:
    clone = clean_clone(project, tmp_path / "elsewhere")
    assert "Running stage 'train'" in clone.dvc("repro")
    assert results(clone) == results(project)
    assert clone.git("status", "--porcelain") == ""


def test_a_clean_clone_restores_instead_of_training(project: LivingProject, tmp_path: Path) -> None:
    clone = clean_clone(project, tmp_path / "elsewhere")
    clone.dvc("pull", "--quiet", "--run-cache")
    assert "Running stage" not in clone.dvc("repro", "--pull")
    assert results(clone) == results(project)


def test_a_killed_run_resumes(project: LivingProject, tmp_path: Path) -> None:
    clone = clean_clone(project, tmp_path / "elsewhere")
    env = clone.environment()
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text(STAYS.format(python=sys.executable))
    program.chmod(0o755)
    running = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=clone.path,
        env=env | {"PATH": f"{program.parent}{os.pathsep}{env['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    assert "in training\n" in running.stdout
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    running.stdout.close()
    again = clone.dvc("repro")
    assert "Stage 'validate' didn't change, skipping" in again
    assert "Running stage 'train'" in again
    assert results(clone) == results(project)


def test_a_tracking_server_that_never_answers_is_not_waited_for(project: LivingProject) -> None:
    before = results(project)
    cache = project.path / ".mlops"
    cache.mkdir(exist_ok=True)
    log = cache / "notebook.log"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (cache / "notebook.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the notebook waits for it: who waits for the notebook never ends
            subprocess.run(
                [sys.executable, "-m", "mlops.pipeline.evaluate"],
                cwd=project.path,
                env=project.environment() | {"MLOPS_NOTEBOOK": "on", "MLFLOW_TRACKING_URI": uri},
                check=True,
                timeout=300,
            )
            assert log.read_text() == ""
        deadline = time.monotonic() + 600
        while "MLflow has no note of this run" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    assert results(project) == before


def test_the_lab_notebook_holds_the_run(project: LivingProject) -> None:
    project.run(sys.executable, "-m", "mlops.pipeline.notebook", ".")
    runs = project.run(
        sys.executable,
        "-c",
        "import mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db');"
        "runs = mlflow.search_runs(experiment_names=['pipeline']);"
        "print(runs[['metrics.roc_auc', 'params.model.learning_rate', 'tags.git.commit']].to_string())",
    )
    assert project.git("rev-parse", "HEAD") in runs
    assert "0.1" in runs
    assert project.git("status", "--porcelain") == ""


def test_try_is_quick_and_leaves_no_trace(project: LivingProject) -> None:
    said = project.mlops("try", "--rows", "500")
    assert "500 of" in said
    assert re.search(r"champion  \S+-1 has roc_auc 0\.\d+ on the same rows", said)
    said = project.mlops("try", "--rows", "100000")
    assert "Not worse than the champion: roc_auc +0.0000" in said
    assert project.git("status", "--porcelain") == ""


def test_the_notebook_runs(project: LivingProject, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in project.environment().items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(project.path / "notebooks" / "explore.ipynb", as_version=4)
    where = {"metadata": {"path": str(project.path)}}
    NotebookClient(notebook, timeout=600, startup_timeout=600, iopub_timeout=600, resources=where).execute()
    assert "roc_auc" in str(notebook.cells[-1].outputs)
