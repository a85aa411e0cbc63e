from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from baking import bake
from filelock import FileLock
from living import LivingProject, living

Make = Callable[[Path], LivingProject]
ANSWERS = {"project_name": "Own table", "example_data": "no", "repository_url": "https://git.example.com/team/own.git"}


def shared(factory: pytest.TempPathFactory) -> Path:
    """Name a folder that all workers of this run share, and no other run: without workers it is the run's own."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def envs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Serving environments, made once for all projects."""
    return shared(tmp_path_factory) / "envs"


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, envs: Path) -> Callable[[str, Make], LivingProject]:
    """Make a project in a folder that all workers of this run share, by whoever needs it first."""

    def once(name: str, make: Make) -> LivingProject:
        folder = shared(tmp_path_factory) / name
        made = folder.with_suffix(".made")
        with FileLock(folder.with_suffix(".lock")):
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                made.write_text(make(folder).path.name, encoding="utf-8")
        return living(folder / made.read_text(encoding="utf-8"), envs)

    return once


@pytest.fixture(scope="session")
def unused(made_once: Callable[[str, Make], LivingProject], envs: Path) -> LivingProject:
    """A project without example data, as baked but for its bytecode, so that no copy compiles it again."""

    def make(folder: Path) -> LivingProject:
        project = living(bake(folder, **ANSWERS).path, envs)
        project.run("python", "-m", "compileall", "-q", "src")
        return project

    return made_once("unused", make)


@pytest.fixture
def fresh(unused: LivingProject, tmp_path: Path) -> LivingProject:
    """A copy of a project without example data."""
    return unused.copy(tmp_path)


@pytest.fixture(scope="session")
def released(unused: LivingProject, made_once: Callable[[str, Make], LivingProject]) -> LivingProject:
    """A project with a table of its own and an origin, trained and released once; copy it before changing it."""

    def make(folder: Path) -> LivingProject:
        project = unused.copy(folder)
        sales(0, 2400).to_csv(folder / "sales.csv", index=False)
        project.mlops("contract", "infer", str(folder / "sales.csv"), "--target", "returned")
        project.mlops("data", "add", str(folder / "sales.csv"))
        project.dvc("repro")
        project.commit("First model")
        project.publish(folder / "origin.git")
        project.mlops("release", "--env", "staging")
        return project

    return made_once("released", make)


@pytest.fixture
def project(released: LivingProject, tmp_path: Path) -> LivingProject:
    """A copy of the released project with an origin of its own, to do with as a test likes."""
    return released.copy(tmp_path)


@pytest.fixture(scope="session")
def succeeded(released: LivingProject, made_once: Callable[[str, Make], LivingProject]) -> LivingProject:
    """The released project with a second batch, trained and released again; copy it before changing it."""

    def make(folder: Path) -> LivingProject:
        project = released.copy(folder)
        sales(2400, 1200).to_csv(folder / "later.csv", index=False)
        project.mlops("data", "add", str(folder / "later.csv"))
        project.dvc("repro")
        project.commit("More rows")
        project.git("push", "origin", "main")
        assert "in place of" in project.mlops("release", "--env", "staging")
        return project

    return made_once("succeeded", make)


@pytest.fixture
def successor(succeeded: LivingProject, tmp_path: Path) -> LivingProject:
    """A copy of the project that was released twice, with an origin of its own."""
    return succeeded.copy(tmp_path)


@pytest.fixture
def more() -> Callable[[int, int], pd.DataFrame]:
    """Further rows of the table: `more(first_row, rows)`."""
    return sales


def sales(first: int, rows: int) -> pd.DataFrame:
    """Rows of a shop: when, what, how much, and whether it came back. The same numbers give the same rows."""
    rng = np.random.default_rng([first, rows])
    when = np.datetime64("2024-01-01T08:00") + np.arange(first, first + rows) * np.timedelta64(37, "m")
    size = rng.choice(["S", "M", "L", "XL"], rows, p=[0.2, 0.4, 0.3, 0.1])
    price = np.round(rng.gamma(4, 15, rows), 2)
    discount = np.where(rng.random(rows) < 0.1, np.nan, np.round(rng.random(rows) * 40))
    strength = (
        0.03 * (price - 60) + 1.2 * (size == "XL") - 0.04 * np.nan_to_num(discount, nan=20) + rng.normal(0, 1, rows)
    )
    return pd.DataFrame(
        {
            "order": [f"o{first + row:06d}" for row in range(rows)],
            "sold at": when.astype("datetime64[s]").astype(str),
            "size": size,
            "unit price": price,
            "discount.percent": discount,
            "gift": rng.random(rows) < 0.2,
            "returned": np.where(strength > 0.2, "yes", "no"),
        }
    )
