"""A pull request from a fork: no secrets, and no verdict where it cannot read the data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from forge.conftest import Begin
from forge.forge_api import until
from forge.forged import CHECK, GREEN, PULL_REQUEST, RED, UNTRAINED, ForgedProject, stages
from forge.story import Story

pytestmark = pytest.mark.e2e
# What a curious stranger adds: it asks for a secret and to write, and says what it got.
CURIOUS = """\
name: curious
on: pull_request
permissions: {}
concurrency: {group: "curious-${{ github.ref }}", cancel-in-progress: true}
jobs:
  curious:
    name: curious
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    permissions:
      contents: write # what this forge asks of who sets a status
    steps:
      - run: |
          echo "the secret has ${#SECRET} letters"
          curl -sS -o /dev/null -w 'a status: %{http_code}\\n' -H "Authorization: Bearer $TOKEN" \\
            -H 'Content-Type: application/json' -d '{"context": "curious", "state": "success"}' \\
            "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/statuses/$SHA"
        env:
          SECRET: ${{ secrets.RELEASE_TOKEN }}
          TOKEN: ${{ github.token }}
          SHA: ${{ github.event.pull_request.head.sha }}
"""


def test_a_fork(begin: Begin, story: Story) -> None:
    with story.step("somebody forks a project"):
        project = begin("fork")
        theirs = fork(project)
    with story.step("their pull request is judged, for the data can be read by anybody"):
        with project.branch("from-fork", "Grow smaller trees", to="fork"):
            project.edit("params.yaml", "max_leaf_nodes: 15", "max_leaf_nodes: 4")
            (project.path / ".github/workflows/curious.yml").write_text(CURIOUS, encoding="utf-8")
        number = project.propose(f"{theirs}:from-fork", "Grow smaller trees")
        run = project.judged()
        story.ran(run.expect(**UNTRAINED))
        assert stages(run, "gate") == "ran"
        assert "dvc push" not in run.log("gate")
        assert project.forge.comments(number) == []
    with story.step("it got no secret, and may not write"):
        curious = project.forge.finished("curious.yml", head_sha=project.sha()).log("curious").splitlines()
        assert "the secret has 0 letters" in curious and "a status: 403" in curious, curious
    with story.step("where the data cannot be read, nothing is judged, and the check is red"), unreadable(project):
        project.edit("params.yaml", "max_leaf_nodes: 4", "max_leaf_nodes: 5")
        project.commit("Grow somewhat larger trees")
        project.git("push", "--quiet", "fork", "HEAD:refs/heads/from-fork")
        run = project.judged()
        story.ran(run.expect(**{**RED, "report": "skipped"}))
        story.told(run, "gate")
        report = run.artifact("reports")["comment.md"]
        story.note(report)
        assert "Not judged" in report and "fork" in report
        story.note(project.refused(number))
    with story.step("a maintainer pushes the commit to a branch here, where it is judged"):
        newest = project.forge.newest_run()
        project.git("push", "--quiet", "origin", "HEAD:refs/heads/from-fork")
        ours = project.propose("from-fork", "Grow somewhat larger trees, from a fork")
        run = project.forge.finished(PULL_REQUEST, after=newest, head_sha=project.sha())
        story.ran(run.expect(**GREEN))
        assert project.forge.statuses(project.sha())[CHECK]["status"] == "success"
    with story.step("there the same workflow gets both, as this forge has no environments to keep the secret in"):
        curious = (
            project.forge.finished("curious.yml", after=newest, head_sha=project.sha()).log("curious").splitlines()
        )
        assert "the secret has 0 letters" not in curious and "a status: 201" in curious, curious
        assert len(project.forge.comments(ours)) == 1


def fork(project: ForgedProject) -> str:
    """Fork a project as somebody who may not write to it; returns who."""
    forge = project.forge
    theirs = forge.place.names["reviewer"]
    assert forge.ask("POST", "forks", {}, user="reviewer")
    path = f"/repos/{theirs}/{forge.name}"
    until("the fork to be there", lambda: not forge.ask("GET", f"{path}").body.get("empty", True), seconds=60)
    project.git("remote", "add", "fork", f"{forge.place.url}/{theirs}/{forge.name}.git")
    return theirs


@contextmanager
def unreadable(project: ForgedProject) -> Iterator[None]:
    """Take the DVC remote away: jobs of this forge run on this machine, and read whatever is there."""
    away = project.remote.with_name("away")
    project.remote.rename(away)
    try:
        yield
    finally:
        away.rename(project.remote)
