"""A stage's cached result is another one's as soon as anything that it runs changes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml
from baking import PROJECT

SOURCE = PROJECT / "src"
STAGES = yaml.safe_load(
    (PROJECT / "dvc.yaml").read_text(encoding="utf-8").replace("{{ cookiecutter.package_name }}", "p")
)
ENVIRONMENT = {".python-version", "requirements/train.txt"}


def imported(path: Path) -> set[Path]:
    """List the modules of mlops that a module imports, wherever in it."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            file = SOURCE / (name.replace(".", "/") + ".py")
            if name.startswith("mlops.") and file.is_file():
                found.add(file)
    return found


def everything(path: Path) -> set[Path]:
    """List what a module imports, directly or not, and itself."""
    seen, waiting = set(), {path}
    while waiting:
        at = waiting.pop()
        seen.add(at)
        waiting |= imported(at) - seen
    return seen


@pytest.mark.parametrize("name", STAGES["stages"])
def test_a_stage_depends_on_all_that_it_runs(name: str) -> None:
    stage = STAGES["stages"][name]
    assert stage["cmd"] == f"python -m mlops.pipeline.{name}"
    deps = [dep.rstrip("/") for dep in stage["deps"]]
    needed = {path.relative_to(PROJECT).as_posix() for path in everything(SOURCE / "mlops" / "pipeline" / f"{name}.py")}
    missing = {path for path in needed if not any(path == dep or path.startswith(f"{dep}/") for dep in deps)}
    assert not missing, f"dvc.yaml: {name} lacks {sorted(missing)}"
    assert set(deps) >= ENVIRONMENT
    if name in ("train", "evaluate"):
        assert {"requirements/serve.txt", "src/mlops/serving"} <= set(deps)


def test_every_dependency_exists() -> None:
    for stage in STAGES["stages"].values():
        for dep in stage["deps"]:
            if dep.startswith("src/mlops"):
                assert (PROJECT / dep).exists(), dep
