"""How long the jobs of a pull request run on the flights: one that changes a document, and one that trains.

Runs both on a real Git forge, as `make forge-e2e` does, one job at a time. Prints the seconds of each job and of its
steps, their sum, and how long somebody waits for the required check where every job has a machine of its own. Packages
come from a cache. Takes about ten minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
os.environ.setdefault("FORGE_JOBS", "1")

from baking import bake
from forge.forge_api import Repository, Run
from forge.forged import ForgedProject, found
from forge.place import CACHE, Place, place

GOALS = {"a document": 60, "a model": 240}


def project(folder: Path, there: Place) -> ForgedProject:
    """Bake the example, bring its first batches, train, and let the forge's main release it."""
    slug = f"g-flights-{int(time.time())}"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    made = ForgedProject(
        bake(folder, project_slug=slug, python_version=python).path, CACHE / "envs", Repository(there, slug)
    )
    made.mlops("data", "next", "--initial")
    made.dvc("repro")
    made.dvc("push", "--quiet", "--run-cache")
    found(made)
    made.released(made.sha()).expect(release="success")
    return made


def proposed(project: ForgedProject, name: str, file: str, old: str, new: str) -> Run:
    """Open a pull request that changes one line, and wait for its jobs."""
    with project.branch(name, f"Change {file}"):
        project.edit(file, old, new)
    project.propose(name, f"Change {file}")
    return project.judged()


def told(what: str, run: Run) -> None:
    """Print the seconds of a run's jobs."""
    seconds = {"report": 0.0, **run.seconds}
    waits = max(seconds["check"], seconds["gate"]) + seconds["required"]
    each = "".join(f"{seconds[job]:9.0f}" for job in ("check", "gate", "report", "required"))
    print(f"{what:<12}{each}{sum(seconds.values()):9.0f}{waits:9.0f}{GOALS[what]:9}")
    for job in ("check", "gate"):
        steps = {name.removeprefix("Run "): took for name, took in run.steps(job).items() if took >= 2}
        if steps:
            print(f"  {job}: " + ", ".join(f"{name} {took:.0f}" for name, took in steps.items()))
    assert run.results["required"] == "success", run.results


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="ci-") as scratch, place() as there:
        os.environ["HOME"] = scratch
        made = project(Path(scratch), there)
        print(
            f"{'changes':<12}"
            + "".join(f"{head:>9}" for head in ("check", "gate", "report", "required", "sum", "waits", "goal"))
        )
        try:
            told("a document", proposed(made, "words", "README.md", "## Start", "## How to start"))
            told("a model", proposed(made, "model", "params.yaml", "max_iter: 40", "max_iter: 60"))
        finally:
            made.forge.ask("DELETE", "")


if __name__ == "__main__":
    main()
