from __future__ import annotations

from pathlib import Path

import pytest
from unit.local.project import Project, found
from unit.serving.processes import SOURCE

from mlops.environment import serving_python


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The serving environment, made once for all projects of this session."""
    folder = tmp_path_factory.mktemp("envs")
    serving_python(SOURCE.parent / "requirements" / "serve.txt", folder)
    return folder


@pytest.fixture
def project(
    tmp_path: Path,
    environments: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
    monkeypatch.setenv("MLOPS_ENVS", str(environments))
    return found(tmp_path)
