"""The tour that a newcomer takes, on real flights, as `make demo` takes it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from baking import bake
from living import living

pytestmark = pytest.mark.pipeline


def test_the_demo_goes_round_and_comes_back(tmp_path: Path, envs: Path) -> None:
    project = living(bake(tmp_path, python_version=python()).path, envs)
    (tmp_path / "tmp").mkdir()
    said = project.run("python", "scripts/demo.py", TMPDIR=str(tmp_path / "tmp"))
    print(said)
    rows = re.findall(r"^(first release|better, merged|reverted) +(\S+) +(\w{12}) +(0\.\d+)$", said, re.MULTILINE)
    first, better, reverted = (row[1:] for row in rows)
    assert first == reverted
    assert better[1] != first[1]
    assert better[2] != first[2]
    assert "BLOCK  champion      Worse than the champion" in said
    assert "pass   champion      Better than the champion" in said
    assert "/version is what it was: identity, image digest, model, data and metrics" in said
    assert "staging is held" in said
    assert project.git("status", "--porcelain") == ""
    (place,) = (tmp_path / "tmp").glob("*/flight-delays/params.yaml")
    shown = living(place.parent, envs)
    for branch, trees in (("worse", 2), ("better", 80)):  # what was trained is what was committed
        for file in ("params.yaml", "dvc.lock"):
            assert f"max_iter: {trees}\n" in shown.git("show", f"{branch}:{file}")


def python() -> str:
    import sys

    return f"{sys.version_info.major}.{sys.version_info.minor}"
