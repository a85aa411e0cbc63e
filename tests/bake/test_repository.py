"""The first commit: the same on every machine, whoever bakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from baking import ROOT, bake

pytestmark = pytest.mark.bake

HOSTILE_CONFIG = """
[user]
    name = Somebody
    signingkey = nobody
[commit]
    gpgsign = true
    template = /nonexistent
[core]
    hooksPath = {hooks}
    excludesFile = {ignore}
    autocrlf = true
[init]
    defaultBranch = trunk
    templateDir = {hooks}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return home


def test_a_commit_with_its_own_identity_and_an_empty_home(tmp_path: Path, home: Path) -> None:
    project = bake(tmp_path / "out")
    identity = "cookiecutter-gitops-ml <cookiecutter-gitops-ml@localhost>"
    assert project.git("log", "--format=%an <%ae>, %cn <%ce>").strip() == f"{identity}, {identity}"
    assert project.git("branch", "--show-current").strip() == "main"
    assert project.git("config", "--local", "--list").count("user.") == 0
    assert list(home.iterdir()) == []


def test_nobodys_configuration_takes_part(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "hooks").mkdir()
    refuses = home / "hooks" / "pre-commit"
    refuses.write_text("#!/bin/sh\nexit 1\n")
    refuses.chmod(0o755)
    (home / "ignore").write_text("*\n")
    (home / ".gitconfig").write_text(HOSTILE_CONFIG.format(hooks=home / "hooks", ignore=home / "ignore"))
    monkeypatch.setenv("GIT_DIR", str(ROOT / ".git"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    project = bake(tmp_path / "out")
    for name in ("GIT_DIR", "GIT_AUTHOR_NAME"):
        monkeypatch.delenv(name)
    assert project.git("log", "--all", "--format=%an %D").strip() == "cookiecutter-gitops-ml HEAD -> main"
    assert "README.md" in project.files()
    assert b"\r\n" not in (project.path / "README.md").read_bytes()


def test_a_repository_that_was_there_is_left_to_its_owner(
    tmp_path: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cloned = tmp_path / "out" / "flight-delays" / ".git"
    cloned.mkdir(parents=True)
    bake(tmp_path / "out", overwrite=True)
    assert "was there before" in capfd.readouterr().out
    assert list(cloned.iterdir()) == []


def test_without_git_it_says_so(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    project = bake(tmp_path / "out")
    assert "git was not found: install it" in capfd.readouterr().out
    assert (project.path / "README.md").is_file()


def test_it_ends_with_three_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bake(tmp_path, example_data="no")
    assert capfd.readouterr().out.splitlines() == [
        "The repository has its first commit.",
        "Next: cd flight-delays && make setup",
        "Then: README.md says the rest.",
    ]
