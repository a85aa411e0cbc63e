from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

# Two workers on two cores: threads of their own would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def home() -> Iterator[None]:
    """Give libraries that write caches into HOME one that goes away."""
    before, os.environ["HOME"] = os.environ.get("HOME"), tempfile.mkdtemp(prefix="home-")
    yield
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)
    if before is not None:
        os.environ["HOME"] = before
