from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from baking import bake
from e2e.delivered import DeliveredProject
from e2e.place import NoPlace, Place, base_image
from e2e.place import place as find_place
from living import LivingProject, living
from pipeline.conftest import sales

PACKAGE = "model_of_sales"
ELSEWHERE = "https://git.example.com/e2e"  # The hooks refuse plain http, which a Git server on loopback speaks.
FIGURES = pytest.StashKey[dict[str, object]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was measured on the way: the figures of docs/reference/delivery.md."""
    for name, value in config.stash.get(FIGURES, {}).items():
        terminalreporter.write_line(f"figure  {name}: {value}")


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> dict[str, object]:
    """Collect what a test measures, by what it is."""
    return pytestconfig.stash.setdefault(FIGURES, {})


@pytest.fixture(scope="session")
def place() -> Place:
    try:
        found = find_place()
    except NoPlace as error:
        pytest.exit(str(error), returncode=2)
    base_image()
    return found


@pytest.fixture(scope="session")
def envs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "envs"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, envs: Path) -> LivingProject:
    """A project with a table of its own and a first model, whose results the others restore."""
    folder = tmp_path_factory.mktemp("trained")
    project = living(bake(folder, project_name="Sales", package_name=PACKAGE, example_data="no").path, envs)
    sales(0, 2400).to_csv(folder / "sales.csv", index=False)
    project.mlops("contract", "infer", str(folder / "sales.csv"), "--target", "returned")
    project.mlops("data", "add", str(folder / "sales.csv"))
    project.dvc("repro")
    project.dvc("push", "--quiet", "--run-cache")
    return project


Deliver = Callable[[str], DeliveredProject]


@pytest.fixture(scope="session")
def deliver(
    place: Place, trained: LivingProject, envs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deliver]:
    """Make projects that the cluster follows: `deliver(name)` has data and a first model on main, nothing released."""
    made: list[DeliveredProject] = []

    def one(name: str) -> DeliveredProject:
        folder = tmp_path_factory.mktemp(name)
        slug = f"e2e-{name}-{int(time.time())}"
        answers = {
            "project_name": slug,
            "project_slug": slug,
            "package_name": PACKAGE,
            "example_data": "no",
            "repository_url": f"{ELSEWHERE}/{slug}.git",
            "image_registry": f"{place.registry}/e2e",
        }
        project = DeliveredProject(bake(folder, **answers).path, envs, place, slug)
        made.append(project)
        begin(project, trained)
        return project

    yield one
    for project in made:
        remove(project)


def begin(project: DeliveredProject, trained: LivingProject) -> None:
    """Bring the table and the first model, point the project at the cluster, push, and let Argo CD follow."""
    (remote,) = trained.path.parent.glob("*storage*")
    shutil.copytree(remote, project.path.parent / f"{project.slug}-storage")
    for path in [*trained.path.glob("*.yaml"), trained.path / "dvc.lock"]:
        shutil.copy(path, project.path / path.name)
    for path in trained.path.glob("data/raw/*.dvc"):
        shutil.copy(path, project.path / "data/raw" / path.name)
    shutil.copy(trained.path / "data/raw/.gitignore", project.path / "data/raw/.gitignore")
    for path in project.path.glob("deploy/argocd/*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(ELSEWHERE, f"{project.place.git}/e2e"), encoding="utf-8")
    project.edit("pyproject.toml", 'ci = "github"\n', 'ci = "github"\ntarget = "argocd"\nsoak = 0\n')
    for env in ("staging", "production"):
        values = project.path / f"deploy/envs/{env}/values.yaml"
        values.write_text(values.read_text(encoding="utf-8") + "service: {type: NodePort}\n", encoding="utf-8")
    project.dvc("pull", "--quiet", "--run-cache", "--recursive", "data/raw")
    project.dvc("repro", "--pull")
    project.mlops("image", "pin")
    project.commit("First data and model, for a cluster")
    project.git("remote", "add", "origin", f"{project.place.git}/e2e/{project.slug}.git")
    project.git("push", "--quiet", "--set-upstream", "origin", "main")
    project.mlops("cluster", "bootstrap")


def remove(project: DeliveredProject) -> None:
    """Take everything of a project from the cluster again."""
    kubectl = project.place.kubectl
    kubectl("-n", "argocd", "delete", "applicationset", project.slug, "--ignore-not-found", expect=None)
    for env in ("staging", "production"):
        name = f"{project.slug}-{env}"
        kubectl(
            "-n",
            "argocd",
            "patch",
            "application",
            name,
            "--type=merge",
            "-p",
            '{"metadata":{"finalizers":null}}',
            expect=None,
        )
        kubectl("-n", "argocd", "delete", "application", name, "--ignore-not-found", "--wait=false", expect=None)
        kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false", expect=None)
    kubectl("-n", "argocd", "delete", "appproject", project.slug, "--ignore-not-found", "--wait=false", expect=None)
