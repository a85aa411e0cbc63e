"""The table of what GitHub and GitLab do is up to date, and they do the same."""

from __future__ import annotations

import shutil
from pathlib import Path

import ci_table
import pytest
from baking import PROJECT

pytestmark = pytest.mark.bake


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The workflows of a project, to change."""
    for name in (".github", "ci"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    shutil.copy(PROJECT / ".gitlab-ci.yml", tmp_path)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def differ(project: Path) -> list[str]:
    """Name the jobs that do not call the same on both forges."""
    calls: dict[str, list[set[str]]] = {}
    for job in ci_table.jobs(project):
        calls.setdefault(job.name, []).append(job.calls())
    assert calls.pop("required") == [set()], "GitLab requires the pipeline, GitHub this job"
    return [name for name, both in calls.items() if len(both) != 2 or both[0] != both[1] or not both[0]]


def test_the_page_is_what_the_files_say() -> None:
    assert ci_table.PATH.read_text(encoding="utf-8") == ci_table.page(), "run `python scripts/ci_table.py`"


def test_both_forges_call_the_same() -> None:
    assert differ(PROJECT) == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (".github/workflows/pull-request.yml", "contents: read", "contents: write"),
        (".github/workflows/main.yml", "environment: staging", "environment: production"),
        ("ci/main.yml", "resource_group: release", "resource_group: other"),
        (".gitlab-ci.yml", "local: ci/retrain.yml", "local: ci/none.yml"),
    ],
)
def test_a_change_of_rights_or_rules_changes_the_page(name: str, old: str, new: str, copy: Path) -> None:
    before = ci_table.page(copy)
    change(copy / name, old, new)
    assert ci_table.page(copy) != before


@pytest.mark.parametrize(
    ("name", "old", "new", "job"),
    [
        ("ci/merge-request.yml", '    - make secrets BASE="$BASE"\n', "", "check"),
        (".github/actions/setup/action.yml", "run: make setup", "run: make", "check"),
        ("ci/main.yml", "mlops reproduce --main", "mlops train", "release"),
    ],
)
def test_a_line_that_one_forge_lacks_is_noticed(name: str, old: str, new: str, job: str, copy: Path) -> None:
    change(copy / name, old, new)
    assert job in differ(copy)
