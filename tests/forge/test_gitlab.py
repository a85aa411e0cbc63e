"""The same story through the pipelines of GitLab. Read build/forge/*.log for what happened."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import bake
from forge.conftest import PACKAGE
from forge.gitlab_place import GitLabProject, Pipeline, require
from forge.story import TELLING, Story
from pipeline.conftest import sales
from unit.delivery.gitlab_server import serving

pytestmark = pytest.mark.e2e
STAGING = "deploy/envs/staging"
RECORD = f"{STAGING}/release.yaml"
GREEN = {"check": "PASS", "gate": "PASS", "report": "PASS"}
RELEASED = {"release": "PASS", "verify": "PASS", "promote": "PASS"}
# A name that a shell would run, if any shell read it. GitLab itself replaces `$NAME` in a branch's name.
HOSTILE = "worse-$(>pwned);`>pwned`&>pwned"


@pytest.fixture
def project(tmp_path: Path, envs: Path) -> Iterator[GitLabProject]:
    """A project with a table and a first commit at its origin; its data are at the DVC remote."""
    require()
    answers = {
        "project_slug": "d-sales",
        "package_name": PACKAGE,
        "example_data": "no",
        "ci_provider": "gitlab",
        "repository_url": "https://gitlab.example.com/team/models/d-sales.git",
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
    with serving() as forge:
        made = GitLabProject(bake(tmp_path, **answers).path, envs, forge)
        (made.path / ".git" / "info").mkdir(exist_ok=True)
        (made.path / ".git" / "info" / "exclude").write_text(".gitlab-ci-local/\n", encoding="utf-8")
        made.edit(".dvc/config", "../../d-sales-storage/dvc", str(tmp_path / "storage"))
        made.publish(tmp_path / "origin.git")
        yield made


def test_the_same_story_on_gitlab(project: GitLabProject, story: Story, tmp_path: Path) -> None:
    with story.step("a table, a contract and a first model; main releases it"):
        sales(0, 2400).to_csv(tmp_path / "sales.csv", index=False)
        project.mlops("contract", "infer", str(tmp_path / "sales.csv"), "--target", "returned")
        project.mlops("data", "add", str(tmp_path / "sales.csv"))
        project.dvc("repro")
        project.dvc("push", "--quiet", "--run-cache")
        project.commit("First model")
        main = told(story, project.pushed(), "release")
        assert main.results == RELEASED
        assert status(project, "HEAD^")["status"] == "success"
    first = project.record()

    with story.step("a merge request improves the model"):
        with project.branch("better", "Grow smaller trees"):
            project.edit("params.yaml", "max_leaf_nodes: 15", "max_leaf_nodes: 4")
        judged = told(story, project.judged(), "gate")
        assert judged.results == GREEN
        (note,) = project.notes("better")
        assert re.search(r"^\|.*roc_auc.*\|$", note, re.MULTILINE), note
        story.note(note)

    with story.step("merged: main restores, judges and releases"):
        main = told(story, project.merged("better", "Grow smaller trees (!1)"), "release")
        assert main.results == RELEASED
        assert "train      restored from the run-cache" in main.of("release")
        second = project.record()
        assert second["id"] != first["id"]
        changed = project.git("show", "--format=", "--name-only", "HEAD").splitlines()
        assert all(path.startswith(f"{STAGING}/") for path in changed), changed

    with story.step("the release commit starts nothing"):
        project.git("update-ref", "refs/remotes/origin/main", "HEAD^")
        assert project.pipeline("push").results == {}
        project.pull()

    with story.step("a merge request degrades the model; its branch has a hostile name"):
        with project.branch(HOSTILE, "Learn from whole nations only"):
            project.edit("params.yaml", "max_leaf_nodes:", "min_samples_leaf: 100000\n  max_leaf_nodes:")
        judged = told(story, project.judged(), "gate")
        assert judged.results == {**GREEN, "gate": "FAIL"}
        assert [path for path in tmp_path.rglob("pwned*") if "node_modules" not in path.parts] == []
        (note,) = project.notes(HOSTILE)
        story.note(note)

    with story.step("a merge request changes only a document"):
        with project.branch("words", "Say more"):
            (project.path / "docs" / "more.md").write_text("# More\n\nWords.\n", encoding="utf-8")
        judged = told(story, project.judged("gate", "report"), "gate")
        assert judged.results == {"gate": "PASS", "report": "PASS"}
        assert "make setup" not in judged.log and project.notes("words") == []

    with story.step("a merge request reverts the release: nothing trains, and nothing is released again"):
        with project.branch("revert", "unused"):
            project.git("revert", "--no-edit", "main")
        judged = told(story, project.judged("gate"), "gate")
        assert judged.results == {"gate": "PASS"}
        assert "mlops reproduce" not in judged.log
        assert project.merged("revert", "Revert the release").results == {}
        assert project.record() == first
        story.note(project.mlops("history", "--env", "staging"))

    with story.step("a merge request edits a digest by hand"):
        with project.branch("by-hand", "Run another image"):
            text = (project.path / RECORD).read_text(encoding="utf-8")
            text = text.replace(first["image"]["digest"], f"sha256:{'0' * 64}")
            (project.path / RECORD).write_text(text, encoding="utf-8")
        judged = told(story, project.judged("gate"), "gate")
        assert judged.results == {"gate": "FAIL"}
        assert "mlops reproduce" not in judged.log


def told(story: Story, pipeline: Pipeline, job: str) -> Pipeline:
    """Tell how the jobs ended, and quote the telling lines of one."""
    story.note(", ".join(f"{name} {end}" for name, end in pipeline.results.items()) or "no pipeline")
    lines = [line[:200] for line in pipeline.of(job).splitlines() if TELLING.match(line)]
    story.note("\n".join(lines) or "(nothing)")
    return pipeline


def status(project: GitLabProject, rev: str) -> dict[str, str]:
    """Give the newest commit status of the gate."""
    sha = project.git("rev-parse", rev)
    found: dict[str, str] = [one for one in project.forge.statuses if (one["sha"], one["name"]) == (sha, "mlops/gate")][
        -1
    ]
    return found
