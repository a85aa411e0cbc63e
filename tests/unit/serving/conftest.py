from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from unit.serving.bundle_factory import make_bundle, release_facts, write_release
from unit.serving.processes import Server, serving


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One bundle a task; no test changes them."""
    folder = tmp_path_factory.mktemp("bundles")
    return {task: make_bundle(folder / task, task) for task in ("binary", "multiclass", "regression")}


@pytest.fixture(scope="session")
def bundle(bundles: dict[str, Path]) -> Path:
    return bundles["binary"]


@pytest.fixture(scope="session")
def server(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for tests that leave it as it is."""
    release = write_release(tmp_path_factory.mktemp("release") / "release.yaml", release_facts(bundle))
    with serving(bundle, "--release", str(release)) as server:
        yield server
