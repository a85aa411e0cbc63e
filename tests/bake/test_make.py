"""What `make changes` and `make ci-pr` run, the words that CI and people share; a name that is given stays a name."""

from __future__ import annotations

import os
import shutil

import pytest
from baking import BakedProject, bake

TOOLS = ("actionlint", "check-jsonschema", "dvc", "hadolint", "kingfisher", "mlops", "mypy", "pytest", "ruff", "zizmor")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    """A project whose environment holds only stand-ins: each notes its call, and fails if FAIL is what it is told."""
    folder = tmp_path_factory.mktemp("make")
    baked = bake(folder)
    tools = folder / "venv" / "bin"
    tools.mkdir(parents=True)
    for name in TOOLS:
        (tools / name).write_text(
            f'#!/bin/sh\necho "{name} $*" >>"$CALLS"\ncase "{name} $*" in "$FAIL"*) exit 1 ;; esac\n'
        )
        (tools / name).chmod(0o755)
    (tools.parent / ".ready").touch()
    return baked


def make(project: BakedProject, *arguments: str, code: int = 0, **env: str) -> tuple[str, list[str]]:
    """Run make; gives what it prints on standard output, and the calls of tools."""
    venv, calls = project.path.parent / "venv", project.path.parent / "calls"
    calls.unlink(missing_ok=True)
    done = project.run(
        "make", f"VENV={venv}", *arguments, check=False, CALLS=str(calls),
        **{"FAIL": "none", **env},
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, calls.read_text().splitlines() if calls.exists() else []


def commit(project: BakedProject, name: str) -> None:
    project.git("checkout", "--quiet", "--detach", "main")
    with (project.path / name).open("a", encoding="utf-8") as file:
        file.write("# More.\n")
    project.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "--all", "--message", "More")


def test_changes_needs_no_environment(project: BakedProject) -> None:
    commit(project, "params.yaml")
    done = project.run("make", "--silent", "changes", "BASE=main", "VENV=nowhere", PATH=os.defpath)
    assert done.stdout == "train=yes\nenvs=no\n" and "params.yaml" in done.stderr


@pytest.mark.parametrize("name", ["$(shell touch hacked)", "`touch hacked`", '";touch hacked;"', "--help", "$$(id)"])
def test_the_name_of_a_branch_is_only_a_name(project: BakedProject, name: str) -> None:
    for given in (["make", "--silent", "changes", f"BASE={name}"], ["make", "--silent", "changes"]):
        done = project.run(*given, check=False, BASE=name)
        assert (done.returncode, done.stdout) == (2, "") and f"no commit {name!r}" in done.stderr
        assert not list(project.path.glob("hacked*"))


CHECKS = {"ruff check .", "ruff format --check .", "mypy src/flight_delays", "hadolint Dockerfile", "pytest ",
          "mlops card --check", "actionlint "}  # fmt: skip
TRAIN = ["dvc pull --recursive data/raw", "mlops reproduce", "mlops gate --base main"]


@pytest.mark.parametrize(
    ("name", "then"),
    [
        ("docs/reference/gates.md", []),
        ("deploy/envs/staging/values.yaml", ["mlops release check --base main"]),
        ("params.yaml", TRAIN),
    ],
)
def test_ci_pr_runs_what_the_jobs_of_a_pull_request_run(project: BakedProject, name: str, then: list[str]) -> None:
    commit(project, name)
    calls = [call.strip() for call in make(project, "ci-pr", BASE="main")[1]]
    checks = {call.strip() for call in CHECKS}
    assert checks <= set(calls) and any(call.startswith("kingfisher scan") for call in calls)
    last = max(i for i, call in enumerate(calls) if call in checks or call.startswith("kingfisher"))
    assert calls[last + 1 :] == then


@pytest.mark.parametrize(
    "fails", ["ruff check", "pytest", "kingfisher", "zizmor", "dvc pull", "mlops reproduce", "mlops gate"]
)
def test_ci_pr_fails_when_one_of_them_does(project: BakedProject, fails: str) -> None:
    commit(project, "params.yaml")
    calls = make(project, "ci-pr", BASE="main", code=2, FAIL=fails)[1]
    assert calls[-1].startswith(fails), "and nothing runs after that"


def test_help_lists_them(project: BakedProject) -> None:
    said = make(project, "help")[0]
    for name in ("changes", "check", "secrets", "pull", "reproduce", "push", "gate", "ci-pr"):
        assert f"make {name} " in said
    assert max(map(len, said.splitlines())) <= 130


def test_clean_ends_what_runs_before_it_forgets_it(project: BakedProject) -> None:
    place = project.path / ".mlops" / "local" / "staging"
    place.mkdir(parents=True)
    kept = place.parent.parent / "feedback"
    kept.mkdir()
    venv = project.path.parent / "venv"
    assert make(project, "clean", code=2, FAIL="mlops local")[1] == ["mlops local down --env staging"]
    assert place.is_dir() and venv.is_dir()
    aside = venv.rename(venv.with_name("aside"))
    shutil.copytree(aside, venv)
    try:
        assert make(project, "clean")[1] == ["mlops local down --env staging"]
        assert [path.name for path in kept.parent.iterdir()] == ["feedback"] and not venv.exists()
        assert make(project, "clean")[1] == []
    finally:
        aside.rename(venv)
        shutil.rmtree(kept.parent)


def test_reproduce_takes_options(project: BakedProject) -> None:
    assert make(project, "reproduce", "REPRODUCE=--main")[1] == ["mlops reproduce --main"]
    assert make(project, "push")[1] == ["dvc push --run-cache"]
