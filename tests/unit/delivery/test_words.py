"""What a person reads who mistypes, is on a branch, has changes, or cloned too little: through the commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from unit.delivery.world import STAGING, Clone, World, sh

from mlops.commands import history as listing
from mlops.commands import release as commands
from mlops.commands import rollback as back
from mlops.contract.errors import MlopsError, Refused

PROJECT = {
    "pyproject.toml": '[project]\nname = "p"\n[tool.mlops]\npackage = "p"\nfeatures = "p.features"\nmodel = "p.model"\n'
}


@pytest.fixture
def project(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Clone:
    clone.commit("Project", PROJECT)
    clone.push()
    clone.ship("1")
    clone.ship("2")
    clone.pull()
    monkeypatch.chdir(clone.path)
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return clone


def rollback(env: str = "staging", to: str | None = None, via: str = "push") -> None:
    back.rollback(env, to, via=via)


def promote(from_: str = "staging", to: str = "production", via: str = "push") -> None:
    commands.promote(from_, to, force=False, wait=False, via=via)


COMMANDS: list[Callable[[], None]] = [
    rollback, promote, lambda: listing.history("staging", json=False), lambda: commands.check(None),
]  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [lambda: rollback("stagin"), lambda: promote("stagin"), lambda: listing.history("stagin", json=False)],
)
def test_a_mistyped_environment(project: Clone, command: Callable[[], None]) -> None:
    with pytest.raises(MlopsError, match=r"No environment 'stagin'.*Did you mean 'staging'") as caught:
        command()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_a_shallow_clone(
    project: Clone, world: World, monkeypatch: pytest.MonkeyPatch, command: Callable[[], None]
) -> None:
    sh(world.root, "clone", "--quiet", "--depth=1", world.origin.as_uri(), "shallow")
    monkeypatch.chdir(world.root / "shallow")
    with pytest.raises(MlopsError, match=r"This clone is shallow.*git fetch --unshallow"):
        command()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_remote_of_another_name_or_gone(project: Clone, world: World, command: Callable[[], None]) -> None:
    project.sh("remote", "rename", "origin", "upstream")
    with pytest.raises(MlopsError, match=r"no remote 'origin', only 'upstream'.*\[tool\.mlops\]"):
        command()
    project.sh("remote", "rename", "upstream", "origin")
    project.sh("remote", "set-url", "origin", str(world.root / "gone.git"))
    with pytest.raises(MlopsError, match=r"'origin' \(.*gone\.git\) could not be asked for 'main'"):
        command()


def test_a_detached_head_and_changed_files_keep_a_rollback_from_nothing(
    project: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    project.sh("checkout", "--quiet", "--detach", "HEAD~1")
    (project.path / "README.md").write_text("changed\n")
    rollback()
    assert "staging goes back to 20130501-1" in capsys.readouterr().out
    assert (project.path / "README.md").read_text() == "changed\n"
    assert project.sh("rev-parse", "--abbrev-ref", "HEAD") == "HEAD"


def test_changes_in_the_way_of_a_checked_out_main_are_named(project: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    (project.path / STAGING / "dvc.lock").write_text("changed\n")
    rollback()
    assert "Your local 'main' could not follow" in capsys.readouterr().out
    with pytest.raises(MlopsError, match=r"Not committed: 'deploy/envs/staging/dvc\.lock'\. Commits are checked"):
        commands.check(None)


@pytest.mark.parametrize("command", [lambda: rollback(via="pr"), lambda: promote(via="pr")])
def test_a_pull_request_without_a_token_is_told_before_anything_is_done(
    project: Clone, command: Callable[[], None]
) -> None:
    before = project.sh("ls-remote", "origin")
    with pytest.raises(MlopsError, match=r"neither GITHUB_TOKEN nor GH_TOKEN is set.*--via push"):
        command()
    assert project.sh("ls-remote", "origin") == before


def test_a_pull_request_without_a_remote(project: Clone) -> None:
    project.sh("remote", "remove", "origin")
    with pytest.raises(MlopsError, match="There is no remote, so no forge"):
        rollback(via="pr")


def test_check_prints_what_a_branch_does_and_refuses_by_name(
    project: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.check(None)
    assert capsys.readouterr().out == "No environment changes.\n"
    project.sh("revert", "--no-edit", "HEAD")
    commands.check(None)
    commands.check("origin/main")
    assert capsys.readouterr().out.count("staging: goes back to what stood") == 2
    project.commit("By hand", {f"{STAGING}/dvc.lock": "mine\n"})
    with pytest.raises(Refused, match=r"staging/dvc\.lock: is not as it was in any release") as caught:
        commands.check(None)
    assert caught.value.exit_code == 1


def test_a_promotion_waits_for_somebody_who_knows(project: Clone) -> None:
    with pytest.raises(MlopsError, match="mlops local up --env staging") as caught:
        promote()
    assert caught.value.exit_code == 2
    project.rollback()
    with pytest.raises(Refused, match="staging is held"):
        promote()


class Judged:
    """A gate that says what it is told to, and keeps what it was asked."""

    def __init__(self, project: Clone, monkeypatch: pytest.MonkeyPatch, *, passed: bool) -> None:
        record = project.standing()
        self.asked: list[tuple[object, ...]] = []
        self.report = {"passed": passed, "champion": None}
        monkeypatch.setattr(commands.champions, "fetch", lambda *_: SimpleNamespace(record=record, root=project.path))
        monkeypatch.setattr(commands.Dvc, "pull", lambda *_: None)
        monkeypatch.setattr(commands, "link_remote", lambda *_: None)
        monkeypatch.setattr(commands.reports, "verdict", lambda _: "a verdict")
        monkeypatch.setattr(commands.reports, "text", lambda _: "all of the report")
        monkeypatch.setattr(commands, "judged", self)

    def __call__(self, settings: object, *asked: object) -> dict[str, object]:
        self.asked.append(asked)
        return self.report


def test_a_promotion_that_the_gate_refuses_commits_nothing(
    project: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, record, before = Judged(project, monkeypatch, passed=False), project.standing(), project.trunk.tip()
    with pytest.raises(Refused, match="production is not released: the model is refused"):
        commands.promote("staging", "production", force=True, wait=False, via="push")
    assert record and gate.asked == [(record.commit, "production", before)]
    assert "all of the report" in capsys.readouterr().out
    assert project.trunk.tip() == before
    gate.report["passed"] = True
    commands.promote("staging", "production", force=True, wait=False, via="push")
    assert "Promoted 20130501-2 from staging to production, the first one there" in capsys.readouterr().out
    assert project.standing("production") == record


def test_gitlab_asks_for_a_token_of_its_own(project: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    project.commit("GitLab", {"pyproject.toml": PROJECT["pyproject.toml"] + 'ci = "gitlab"\n'})
    for name in ("GITLAB_TOKEN", "CI_JOB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "another forge's")
    with pytest.raises(MlopsError, match=r"GITLAB_TOKEN.* Or use `--via push`"):
        rollback(via="pr")


def test_history_in_lines_and_as_json(project: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    listing.history("staging", json=False)
    assert [line.split("  ")[1:3] for line in capsys.readouterr().out.splitlines()] == [
        ["20130501-2", "released"], ["20130501-1", "released"],
    ]  # fmt: skip
    listing.history("staging", json=True)
    assert [item["release"] for item in json.loads(capsys.readouterr().out)] == ["20130501-2", "20130501-1"]
    listing.history("production", json=False)
    assert capsys.readouterr().out == "production has had no release yet.\n"
    listing.history("production", json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MlopsError, match="is not inside a project"):
        rollback()
