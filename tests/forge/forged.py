"""A baked project that lives on the forge: people push branches there, and its workflows do the rest."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from forge.forge_api import Repository, Run, until
from forge.place import Place
from living import LivingProject

CHECK = "Pull request / required (pull_request)"  # On GitHub the check is named after its job: required.
PULL_REQUEST, MAIN, ROLLBACK, RETRAIN = "pull-request.yml", "main.yml", "rollback.yml", "retrain.yml"


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
    def branch(self, name: str, message: str) -> Iterator[None]:
        """Begin a branch at main's tip; what is changed inside is committed and pushed."""
        self.pull()
        self.git("switch", "--quiet", "--create", name)
        yield
        self.commit(message)
        self.git("push", "--quiet", "--set-upstream", "origin", f"HEAD:refs/heads/{name}")

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

    def released(self, sha: str) -> Run:
        """Wait for main's run of a commit, and stand on main after it."""
        run = self.forge.finished(MAIN, event="push", head_sha=sha)
        self.pull()
        return run

    def releases(self) -> list[str]:
        """List the ids of staging's records in main's history, newest first."""
        paths = "deploy/envs/staging/release.yaml"
        commits = self.git("log", "--format=%H", "origin/main", "--", paths).split()
        return [str(self.record(rev=commit)["id"]) for commit in commits]


def found(project: ForgedProject, trained: LivingProject, place: Place) -> None:
    """Bring the table and the first model to a fresh project, and the project to the forge."""
    adopt(project, trained)
    repository, slug = project.forge, project.path.name
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
    """Bring the table, its contract and the first model's results; data stay in a folder that jobs can read."""
    (remote,) = trained.path.parent.glob("*storage*")
    shutil.copytree(remote, project.remote.parent)
    for path in [*trained.path.glob("*.yaml"), trained.path / "dvc.lock", *trained.path.glob("docs/model-card.md")]:
        shutil.copy(path, project.path / path.relative_to(trained.path))
    for name in [*trained.path.glob("data/raw/*.dvc"), trained.path / "data/raw/.gitignore"]:
        shutil.copy(name, project.path / "data/raw" / name.name)
    project.dvc("remote", "modify", "storage", "url", str(project.remote))
    project.edit("pyproject.toml", 'ci = "github"\n', 'ci = "github"\nsoak = 0\n')
    project.commit("First data and model")


def sign(project: LivingProject, token: str, url: str) -> None:
    """Let git in this clone speak to the forge as somebody."""
    project.git("config", f"http.{url}/.extraheader", f"Authorization: token {token}")
