"""Where the pipelines of GitLab run: gitlab-ci-local, a bare origin, and a stand-in for GitLab's API."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from forge.place import CACHE, FORGE, SEEN
from living import LivingProject
from unit.delivery.gitlab_server import NUMBER, PROJECT, TOKEN, Forge

RUN = FORGE / "gitlab" / "run"
MISSING = """The tier of GitLab needs gitlab-ci-local. Set MLOPS_FORGE to a folder whose `gitlab/run EVENT DIR`
runs the pipeline that GitLab would make of DIR/.gitlab-ci.yml for an event, each job on this machine."""
# What gitlab-ci-local gives as CI_PROJECT_ID.
ID = "1217"
ENDS = re.compile(r"^ (PASS|FAIL|WARN) {2}([a-z]+)\b", flags=re.MULTILINE)


@dataclass(frozen=True)
class Pipeline:
    """What a pipeline did: which jobs it had and how each ended, and all that they printed."""

    results: dict[str, str]
    log: str = field(repr=False)

    def of(self, job: str) -> str:
        """Give what one job printed."""
        return "\n".join(re.findall(rf"^{job} +> ?(.*)$", self.log, flags=re.MULTILINE))


@dataclass(frozen=True)
class GitLabProject(LivingProject):
    """A project whose origin is a bare repository, and whose merge requests are on a stand-in for GitLab."""

    forge: Forge = field(repr=False)

    def pipeline(self, event: str, *jobs: str, **variables: str) -> Pipeline:
        """Run the pipeline of an event, or some of its jobs, for the branch that is checked out."""
        given = {
            "CI_PROJECT_PATH": PROJECT,
            "CI_MERGE_REQUEST_PROJECT_ID": ID,
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": ID,
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(CACHE / "uv")),
            **variables,
        }
        options = [word for name, value in given.items() for word in ("--variable", f"{name}={value}")]
        done = subprocess.run(
            [RUN, event, ".", *options, *jobs],
            cwd=self.path,
            env=self._machine(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        log = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
        assert "This GitLab CI configuration is invalid" not in log, log
        assert done.returncode == 0 or ENDS.search(log), log
        assert TOKEN not in log
        return Pipeline({job: end for end, job in ENDS.findall(log)}, log)

    def _machine(self) -> dict[str, str]:
        """Give what jobs may see of this machine: not the environment that the tests run in."""
        here = str(CACHE.parent)
        return {
            **{name: os.environ[name] for name in SEEN if os.environ.get(name)},
            "LAB_HOME": os.environ.get("LAB_HOME", str(CACHE / "forge")),
            "HOME": str(self.path.parent),
            "PATH": os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if not part.startswith(here)),
            "MLOPS_ENVS": str(self.envs),
            "OMP_NUM_THREADS": "1",
            "CI_API_V4_URL": f"{self.forge.url}/api/v4",
        }

    def judged(self, *jobs: str, **variables: str) -> Pipeline:
        """Run the pipeline of the merge request of the branch that is checked out."""
        return self.pipeline("merge_request_event", *jobs, REPORT_TOKEN=TOKEN, **variables)

    def pushed(self) -> Pipeline:
        """Push main as a merge does, and run its pipeline; rules compare with what main was before."""
        before = self.git("rev-parse", "origin/main")
        self.git("push", "--quiet", self.git("remote", "get-url", "origin"), "main")
        self.git("update-ref", "refs/remotes/origin/main", before)
        done = self.pipeline("push", RELEASE_TOKEN=TOKEN, GITLAB_TOKEN=TOKEN)
        self.pull()
        return done

    def pull(self) -> None:
        """Bring main up to date with what jobs pushed."""
        self.git("checkout", "--quiet", "main")
        self.git("pull", "--quiet", "--ff-only", "origin", "main")

    @contextmanager
    def branch(self, name: str, message: str) -> Iterator[None]:
        """Commit what is changed inside to a branch, and open its merge request."""
        self.pull()
        self.git("checkout", "--quiet", "-b", name)
        yield
        if self.git("status", "--porcelain"):
            self.commit(message)
        made = {"source_branch": name, "target_branch": "main", "title": message, "description": ""}
        assert self.forge.answer("POST", ["projects", str(NUMBER), "merge_requests"], {}, made)[0] == 201

    def merged(self, name: str, message: str) -> Pipeline:
        """Merge a branch as one squashed commit, and run main's pipeline."""
        self.pull()
        self.git("merge", "--quiet", "--squash", name)
        self.commit(message)
        return self.pushed()

    def notes(self, name: str) -> list[str]:
        """List the notes of a branch's merge request."""
        (number,) = [request["iid"] for request in self.forge.requests if request["source_branch"] == name]
        return [note["body"] for note in self.forge.notes if note["noteable_iid"] == number]


def require() -> None:
    """End the tests where there is nothing to run pipelines with."""
    if not RUN.is_file():
        pytest.exit(MISSING, returncode=2)
