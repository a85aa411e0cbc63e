from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from unit.delivery.world import Clone, World, found

# Nothing here survives a power failure, and nothing has to.
QUICK = "[core]\n\tfsync = none\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"


@pytest.fixture(autouse=True)
def nobody(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of this machine's user or Git reach a test."""
    home = tmp_path_factory.mktemp("home")
    (home / "gitconfig").write_text(QUICK)
    for key in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found(tmp_path_factory.mktemp("world")).origin


@pytest.fixture
def world(tmp_path: Path, origin: Path) -> World:
    shutil.copytree(origin, tmp_path / origin.name)
    return World(tmp_path)


@pytest.fixture
def clone(world: World) -> Clone:
    return world.clone("ada")
