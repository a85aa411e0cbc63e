"""The baked project's Dockerfile, as hadolint sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from baking import BakedProject

pytestmark = pytest.mark.bake

HADOLINT = Path(sys.executable).parent / "hadolint"


def said(text: str) -> str:
    done = subprocess.run([HADOLINT, "--no-color", "-"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (done.stdout == "")
    return done.stdout


def test_hadolint_finds_nothing_also_once_it_is_pinned(baked: BakedProject) -> None:
    text, python = baked.read("Dockerfile"), baked.read(".python-version").strip()
    assert said(text) == ""
    assert text.count(f"python:{python}-slim") == 2
    assert said(text.replace("-slim", "-slim@sha256:" + "a" * 64)) == ""
    assert "\thadolint Dockerfile\n" in baked.read("Makefile")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("USER 10001:10001", "USER root", "DL3002"),
        ("EXPOSE 8000", "ENTRYPOINT x", "DL3025"),
        ("/opt/venv /opt/venv", "opt/venv opt/venv", "DL3045"),
    ],
)
def test_a_worse_one_is_noticed(example: BakedProject, old: str, new: str, rule: str) -> None:
    text = example.read("Dockerfile")
    assert old in text
    assert rule in said(text.replace(old, new))


def test_a_base_that_floats_is_noticed(example: BakedProject) -> None:
    python = example.read(".python-version").strip()
    for tag, rule in (("latest", "DL3007"), ("", "DL3006")):
        text = example.read("Dockerfile").replace(f":{python}-slim", f":{tag}" if tag else "")
        assert rule in said(text)
