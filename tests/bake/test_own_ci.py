"""The template's own workflows: what a linter, a list of pins and the Makefile say of them."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import changelog
import pytest
import yaml
from baking import PROJECT, ROOT
from e2e.kind.git_server import server

pytestmark = pytest.mark.bake
BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CHOICES = ("ci_provider", "python_version", "example_data")


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return document


def uses(path: Path) -> list[str]:
    return re.findall(r"uses: (.+)", path.read_text(encoding="utf-8"))


def pins() -> set[str]:
    """Read the list that every project gets, as `uses:` is written."""
    lines = (PROJECT / ".github" / "actions.yaml").read_text(encoding="utf-8").splitlines()
    return {line.replace(": ", "@", 1) for line in lines if not line.startswith("#")}


def lint(folder: Path) -> str:
    """Ask both linters; returns what they complain of."""
    files = [str(path) for path in sorted((folder / "workflows").glob("*.yml"))]
    commands = (
        [str(BIN / "actionlint"), *files],
        [str(BIN / "zizmor"), "--offline", "--persona=pedantic", str(folder)],
    )
    found = [subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT) for command in commands]
    return "".join(done.stdout + done.stderr for done in found if done.returncode)


def test_the_linters_find_nothing() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "e2e", "nightly", "release"]
    assert lint(ROOT / ".github") == ""


@pytest.mark.parametrize(
    ("name", "old", "new", "finding"),
    [
        ("ci.yml", "timeout-minutes", "timeout-hours", "timeout-hours"),
        ("e2e.yml", "permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("release.yml", "make --silent notes", "echo ${{ github.ref_name }}", "template-injection"),
    ],
)
def test_the_linters_notice(name: str, old: str, new: str, finding: str, tmp_path: Path) -> None:
    broken = tmp_path / ".github" / "workflows" / name
    broken.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".github" / "workflows" / name, broken)
    text = broken.read_text(encoding="utf-8")
    assert old in text
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert finding in lint(broken.parents[1])


def test_actions_are_those_of_the_one_list() -> None:
    assert {line for path in WORKFLOWS for line in uses(path)} <= pins()
    assert "actions/checkout@v4" not in pins()


def test_renovate_finds_the_list() -> None:
    config = json.loads((ROOT / ".github" / "renovate.json").read_text(encoding="utf-8"))
    (manager,) = config["customManagers"]
    (pattern,), (match,) = manager["managerFilePatterns"], manager["matchStrings"]
    files = [str(path.relative_to(ROOT)) for path in PROJECT.glob(".github/*.yaml")]
    assert [Path(name).name for name in files if re.search(pattern.strip("/"), name)] == ["actions.yaml"]
    text = (PROJECT / ".github" / "actions.yaml").read_text(encoding="utf-8")
    assert len(re.findall(match.replace("?<", "?P<"), text)) == len(pins())


def test_every_answer_that_has_choices_is_baked() -> None:
    asked = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    matrix = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]["bake"]["strategy"]["matrix"]
    assert matrix == {name: asked[name] for name in CHOICES}
    chosen = {name for name, choices in asked.items() if isinstance(choices, list) and name[0] != "_"}
    assert chosen - {"license"} == set(CHOICES)


def test_a_job_calls_make_with_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in WORKFLOWS:
        for job in read(path)["jobs"].values():
            lines = [step["run"] for step in job["steps"] if "run" in step]
            called = re.findall(r"\bmake (?:--\S+ )*([a-z0-9-]+)", "\n".join(lines))
            assert set(called) <= targets, path.name
            assert called or "release" in path.stem or lines == [job["steps"][0]["run"]], path.name


def test_required_needs_every_other_job() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]
    assert (jobs["required"]["if"], set(jobs["required"]["needs"])) == ("${{ always() }}", set(jobs) - {"required"})
    (step,) = jobs["required"]["steps"]
    for results, passes in (("success success", True), ("success skipped", False), ("success", False)):
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]], env={"RESULTS": results}, capture_output=True, check=False
        )
        assert (done.returncode == 0) is passes


def test_the_notes_of_a_release_are_its_section() -> None:
    text = "# Changes\n\n## Unreleased\n\nNot yet.\n\n## 1.1\n\nMore.\n\n- A list.\n\n## 1.1.0\n\nOther.\n\n## 1.0\n"
    sections = {
        version: changelog.section(text, version) for version in ("1.1", "1.1.0", "1.0", "2", "Unreleased", ".*")
    }
    assert sections == {"1.1": "More.\n\n- A list.", "1.1.0": "Other.", "1.0": "", "2": "", "Unreleased": "", ".*": ""}


def test_the_git_server_beside_kind_takes_a_first_push_and_gives_it_back(tmp_path: Path) -> None:
    with server(tmp_path / "served", "127.0.0.1", 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{serving.server_address[1]}/team/one.git"
        git = ["git", "-C", str(tmp_path / "here"), "-c", "user.name=A", "-c", "user.email=a@b"]
        (tmp_path / "here").mkdir()
        (tmp_path / "here" / "big").write_bytes(random.Random(0).randbytes(2_000_000))  # sent in chunks
        for command in (["init", "-qb", "main"], ["add", "."], ["commit", "-qm", "One"], ["push", "-q", url, "main"]):
            subprocess.run([*git, *command], check=True, capture_output=True)
        subprocess.run(["git", "clone", "-q", url, str(tmp_path / "there")], check=True, capture_output=True)
        assert (tmp_path / "there" / "big").read_bytes() == (tmp_path / "here" / "big").read_bytes()
        elsewhere = ["git", "ls-remote", url.replace("team/one", "..%2fone")]
        assert subprocess.run(elsewhere, capture_output=True, check=False).returncode
        serving.shutdown()
