"""The guide to a table of one's own, run to the letter but for the environment, which is this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from baking import ROOT
from living import IDENTITY

pytestmark = pytest.mark.pipeline
GUIDE = ROOT / "docs" / "guides" / "your_own_table.md"
# What a fresh machine needs and this one has.
HERE = {"make setup", "source .venv/bin/activate"}


def test_the_guide_leads_from_a_table_to_a_served_prediction(
    tmp_path: Path, envs: Path, more: Callable[[int, int], pd.DataFrame]
) -> None:
    more(0, 700).rename(columns={"returned": "y"}).to_csv(tmp_path / "table.csv", index=False)
    clone = tmp_path / "clone"
    clone.mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mlops").write_text(f'#!/bin/sh\nPYTHONPATH="$PWD/src" exec "{sys.executable}" -m mlops "$@"\n')
    (programs / "mlops").chmod(0o755)
    env = {
        **os.environ,
        **IDENTITY,
        "HOME": str(tmp_path),
        "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(tmp_path / "my-model" / "src"),
        "MLOPS_ENVS": os.environ.get("MLOPS_ENVS", str(envs)),
        "MLOPS_NOTEBOOK": "off",
    }
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line not in HERE]
    assert len(lines) >= 14
    script = "\n".join(lines).replace("cookiecutter . ", f"cookiecutter --no-input {ROOT} ")
    script = script.replace("--env staging --detach", "--env staging --detach --port 0")
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script], cwd=clone, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "YES, with a warning: fairness." in done.stdout
    assert re.search(r"staging: \d{8}-1 .* is serving on http://127.0.0.1:\d+", done.stdout)
    assert re.search(r"staging +\d{8}-1 \w{12} .* answers \d{8}-1", done.stdout)
