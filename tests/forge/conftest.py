from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pandas as pd
import pytest
from baking import bake
from forge.forge_api import Repository
from forge.forged import ForgedProject, adopt, found
from forge.place import ROOT, NoPlace, Place
from forge.place import place as find_place
from forge.story import Story
from living import LivingProject, living
from pipeline.conftest import sales

PACKAGE = "model_of_sales"
LOGS = ROOT / "build" / "forge"
KEPT = pytest.StashKey[list[Path]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for path in config.stash.get(KEPT, []):
        terminalreporter.write_line(f"log  {path.relative_to(ROOT)}")


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    try:
        with find_place() as there:
            yield there
    except NoPlace as error:
        pytest.exit(str(error), returncode=2)


@pytest.fixture
def story(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Iterator[Story]:
    """A log of what a test did, in build/forge."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{request.node.name.removeprefix('test_')}.log"
    pytestconfig.stash.setdefault(KEPT, []).append(path)
    with path.open("w", encoding="utf-8") as file:
        yield Story(file)


@pytest.fixture(scope="session")
def envs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ROOT / ".cache" / "envs"


class Train(Protocol):
    """Makes projects with a table and a first model."""

    def __call__(self, name: str, table: pd.DataFrame, target: str = "returned") -> LivingProject:
        """Train on a table."""


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory, envs: Path) -> Train:
    """Make projects with a table and a first model, whose results others restore."""

    def one(name: str, table: pd.DataFrame, target: str = "returned") -> LivingProject:
        folder = tmp_path_factory.mktemp(name)
        project = living(bake(folder, **answers("sales")).path, envs)
        table.to_csv(folder / "sales.csv", index=False)
        project.mlops("contract", "infer", str(folder / "sales.csv"), "--target", target)
        project.mlops("data", "add", str(folder / "sales.csv"))
        project.dvc("repro")
        project.dvc("push", "--quiet", "--run-cache")
        return project

    return one


@pytest.fixture(scope="session")
def trained(train: Train) -> LivingProject:
    """A project with a table of its own and a first model."""
    return train("trained", sales(0, 2400))


Edits = Mapping[str, Callable[[str], str]]
NONE: Edits = {}


class Begin(Protocol):
    """Makes projects on the forge."""

    def __call__(self, name: str, of: LivingProject | None = None, edits: Edits = NONE) -> ForgedProject:
        """Have data and a first model (of another project) on its protected main; `edits` rewrite files before."""


@pytest.fixture(scope="session")
def begin(
    place: Place, trained: LivingProject, envs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Begin]:
    """Make projects on the forge, and take them away in the end."""
    made: list[ForgedProject] = []

    def one(name: str, of: LivingProject | None = None, edits: Edits = NONE) -> ForgedProject:
        slug = f"g-{name}-{int(time.time())}"
        folder = tmp_path_factory.mktemp(name)
        path = bake(folder, **answers(slug)).path
        project = ForgedProject(path, envs, Repository(place, slug))
        made.append(project)
        adopt(project, of or trained)
        for file, edit in edits.items():
            before = (path / file).read_text(encoding="utf-8") if (path / file).exists() else ""
            (path / file).write_text(edit(before), encoding="utf-8")
        project.mlops("monitoring", "build")
        found(project)
        return project

    yield one
    for project in made:
        for owner in place.names.values():  # forks, too
            project.forge.ask("DELETE", f"/repos/{owner}/{project.forge.name}")


def answers(slug: str) -> dict[str, str]:
    """Answer for a project of that name; its Python is ours."""
    return {
        "project_name": slug,
        "project_slug": slug,
        "package_name": PACKAGE,
        "example_data": "no",
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "repository_url": f"https://git.example.com/dev/{slug}.git",
    }
