from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from unit.delivery.world import Clone, World, found

from mlops.delivery import (
    argocd,
    cluster,
    doctor_argocd,
    doctor_data,
    doctor_git,
    doctor_rest,
    github,
    gitlab,
    kube,
    oci,
    registry_client,
)
from mlops.serving import receiver_forge

# Nothing here survives a power failure, and nothing has to.
QUICK = "[core]\n\tfsync = none\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
# How long each server and program is waited for.
WAITS = {
    argocd: ("ASK", "RENDER", "MARGIN"),
    registry_client: ("SECONDS", "HURRIED"),
    **dict.fromkeys(
        (cluster, doctor_argocd, doctor_data, doctor_git, doctor_rest, github, gitlab, kube, oci, receiver_forge),
        ("SECONDS",),
    ),
}


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


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a minute is no server that does not answer."""
    for module, names in WAITS.items():
        for name in names:
            monkeypatch.setattr(module, name, 600)


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
