from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from baking import bake
from forge.forge_api import Repository
from forge.forged import ForgedProject, found
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


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, envs: Path) -> LivingProject:
    """A project with a table of its own and a first model, whose results the others restore."""
    folder = tmp_path_factory.mktemp("trained")
    project = living(bake(folder, **answers("sales")).path, envs)
    sales(0, 2400).to_csv(folder / "sales.csv", index=False)
    project.mlops("contract", "infer", str(folder / "sales.csv"), "--target", "returned")
    project.mlops("data", "add", str(folder / "sales.csv"))
    project.dvc("repro")
    project.dvc("push", "--quiet", "--run-cache")
    return project


Begin = Callable[[str], ForgedProject]


@pytest.fixture(scope="session")
def begin(
    place: Place, trained: LivingProject, envs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Begin]:
    """Make projects on the forge: `begin(name)` has data and a first model on its protected main."""
    made: list[ForgedProject] = []

    def one(name: str) -> ForgedProject:
        slug = f"g-{name}-{int(time.time())}"
        folder = tmp_path_factory.mktemp(name)
        path = bake(folder, **answers(slug)).path
        project = ForgedProject(path, envs, Repository(place, slug))
        made.append(project)
        found(project, trained, place)
        return project

    yield one
    for project in made:
        project.forge.ask("DELETE", "")


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
