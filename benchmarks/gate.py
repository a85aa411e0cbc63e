"""How long `mlops gate` and `mlops report` take on the flights, beside training that model.

Prints seconds, and their ratio to `dvc repro` of the same change in the same run. Takes two to three minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from baking import bake
from living import LivingProject, living


def released(folder: Path) -> LivingProject:
    """Bake the example, bring its first batches, train and release: a champion to judge against."""
    project = living(bake(folder, python_version=f"{sys.version_info.major}.{sys.version_info.minor}").path, folder)
    project.mlops("data", "next", "--initial")
    project.dvc("repro")
    project.commit("First model")
    project.publish(folder / "origin.git")
    project.mlops("release", "--env", "staging")
    return project


def seconds(work: object, *arguments: str) -> float:
    start = time.perf_counter()
    work(*arguments)  # type: ignore[operator]
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gate-") as scratch:
        os.environ.setdefault("HOME", scratch)
        project = released(Path(scratch))
        project.edit("params.yaml", "max_iter: 40", "max_iter: 60")
        trained = seconds(project.dvc, "repro")
        print(f"{'dvc repro':<14}{trained:6.1f} s")
        for command in ("gate", "report"):
            took = seconds(project.mlops, command)
            print(f"{f'mlops {command}':<14}{took:6.1f} s  {took / trained:4.2f} of training")


if __name__ == "__main__":
    main()
