"""A baked project that lives on the forge: people push branches there, and its workflows do the rest."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forge.forge_api import Repository, Run, until
from living import LivingProject

CHECK = "Pull request / required (pull_request)"  # On GitHub the check is named after its job: required.
STAGING = "deploy/envs/staging"
PULL_REQUEST, MAIN, ROLLBACK, RETRAIN = "pull-request.yml", "main.yml", "rollback.yml", "retrain.yml"

GREEN = dict.fromkeys(("check", "gate", "report", "required"), "success")
UNTRAINED = {**GREEN, "report": "skipped"}
RED = {**GREEN, "gate": "failure", "required": "failure"}


@dataclass(frozen=True)
class ForgedProject(LivingProject):
    """A living project whose origin is a repository of the forge."""

    forge: Repository

    @property
    def remote(self) -> Path:
        """Give the folder of the DVC remote."""
        return self.path.parent / f"{self.path.name}-storage" / "dvc"

    def sha(self, rev: str = "HEAD") -> str:
        """Name a commit."""
        return self.git("rev-parse", rev)

    def pull(self) -> str:
        """Stand on main as the forge has it; returns the commit."""
        self.git("fetch", "--quiet", "--prune", "origin")
        self.git("switch", "--quiet", "--force-create", "main", "origin/main")
        return self.sha()

    @contextmanager
    def branch(self, name: str, message: str, to: str = "origin") -> Iterator[None]:
        """Begin a branch at main's tip; what is changed inside is committed, and all is pushed."""
        self.pull()
        self.git("switch", "--quiet", "--create", name)
        yield
        if self.git("status", "--porcelain"):
            self.commit(message)
        self.git("push", "--quiet", to, f"HEAD:refs/heads/{name}")

    def propose(self, name: str, title: str) -> int:
        """Open a pull request of the branch; returns its number."""
        return self.forge.pull(name, title)

    def judged(self) -> Run:
        """Wait for the pull request's run of the commit that stands here."""
        return self.forge.finished(PULL_REQUEST, event="pull_request", head_sha=self.sha())

    def merged(self, number: int, how: str = "squash") -> str:
        """Merge a pull request; returns main's new commit."""
        before = self.sha("origin/main")
        answer = self.forge.merge(number, how)
        assert answer, f"not merged: {answer}"

        def moved() -> str | None:
            now = self.pull()
            return now if now != before else None

        return until("main to move", moved)

    def refused(self, number: int) -> str:
        """See that the protection of main refuses a merge; returns what the forge says."""
        answer = self.forge.merge(number)
        assert answer.status in (405, 409, 422), answer
        assert not self.forge.get(f"pulls/{number}")["merged"]
        return f"{answer.status}: {answer.body}"

    def released(self, sha: str) -> Run:
        """Wait for main's run of a commit, and stand on main after it."""
        run = self.forge.finished(MAIN, event="push", head_sha=sha)
        self.pull()
        return run

    def releases(self) -> list[str]:
        """List the ids of staging's records in main's history, newest first."""
        commits = self.git("log", "--format=%H", "origin/main", "--", f"{STAGING}/release.yaml").split()
        return [str(self.record(rev=commit)["id"]) for commit in commits]


def found(project: ForgedProject) -> None:
    """Bring a project to the forge; its data stay in a folder that jobs can read."""
    project.dvc("remote", "modify", "storage", "url", str(project.remote))
    project.edit("pyproject.toml", 'ci = "github"\n', 'ci = "github"\nsoak = 0\n')
    project.commit("First data and model")
    repository, slug, place = project.forge, project.path.name, project.forge.place
    place.bring(project.path)
    repository.must("POST", "/user/repos", {"name": slug, "default_branch": "main"})
    project.git("remote", "add", "origin", repository.clone_url)
    sign(project, place.tokens["dev"], place.url)
    # Those whom a protection lists must be able to write before, or they are dropped from it.
    repository.must("PUT", f"collaborators/{place.names['bot']}", {"permission": "write"})
    repository.must("PUT", "actions/secrets/RELEASE_TOKEN", {"data": place.tokens["bot"]})
    project.git("push", "--quiet", "--set-upstream", "origin", "main")
    # A push is taken in by a queue: for a moment the repository still counts as empty.
    until("the first push to be taken in", lambda: not repository.get("")["empty"], seconds=60)
    repository.must(
        "POST",
        "branch_protections",
        {
            "rule_name": "main",
            "enable_push": True,
            "enable_push_whitelist": True,
            "push_whitelist_usernames": [place.names["bot"]],
            "enable_status_check": True,
            "status_check_contexts": [CHECK],
            "block_admin_merge_override": True,
        },
    )


def adopt(project: ForgedProject, trained: LivingProject) -> None:
    """Bring another project's table, its contract and its first model."""
    (remote,) = trained.path.parent.glob("*storage*")
    shutil.copytree(remote, project.remote.parent)
    for path in [*trained.path.glob("*.yaml"), trained.path / "dvc.lock"]:
        shutil.copy(path, project.path / path.name)
    for path in [*trained.path.glob("data/raw/*.dvc"), trained.path / "data/raw/.gitignore"]:
        shutil.copy(path, project.path / "data/raw" / path.name)


def sign(project: LivingProject, token: str, url: str) -> None:
    """Let git in this clone speak to the forge as somebody."""
    project.git("config", f"http.{url}/.extraheader", f"Authorization: token {token}")


def stages(run: Run, job: str) -> str:
    """Say what became of training in a job: "ran", "restored from the run-cache", or nothing."""
    found = re.search(r"^train +(ran|restored from the run-cache)$", run.log(job), re.MULTILINE)
    return found[1] if found else ""
