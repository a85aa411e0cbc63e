"""The forge that holds the repository: what a delivery needs from it, and how it is reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mlops.contract.errors import MlopsError
from mlops.delivery.forge_place import on_github, on_gitlab
from mlops.delivery.trunk import Trunk

# In the order in which they are looked for; the first one's name is what messages tell to set.
TOKENS = {"github": ("GITHUB_TOKEN", "GH_TOKEN"), "gitlab": ("GITLAB_TOKEN", "CI_JOB_TOKEN")}
NO_TOKEN = {
    "github": (
        "No token for the forge: neither GITHUB_TOKEN nor GH_TOKEN is set. Make one that may read and write commit "
        "statuses, and for `--via pr` write contents and pull requests (`gh auth token` prints yours), and export it "
        "as GITHUB_TOKEN."
    ),
    "gitlab": (
        "No token for the forge: GITLAB_TOKEN is not set. Make a project access token with the scope `api` and the "
        "role Developer or higher, and export it as GITLAB_TOKEN."
    ),
}


@dataclass(frozen=True)
class Status:
    """A commit status: "success", "failure", "error" or "pending", what it says, and when it was set."""

    state: str
    description: str
    at: datetime


class Forge(Protocol):
    """What a delivery needs from a forge. On GitLab a pull request is a merge request, and a comment a note."""

    def open_pull(self, branch: str, base: str, title: str, body: str) -> str:
        """Open a pull request, or give the open one of that branch title and body; its web address."""

    def merge_when_green(self, branch: str) -> str:
        """Ask to merge it when its checks pass; says what was arranged, or that a person must merge."""

    def status(self, sha: str, context: str) -> Status | None:
        """Read the newest commit status of a context; None where there is none."""

    def statuses(self, sha: str, context: str) -> list[Status]:
        """Read all commit statuses of a context, newest first."""

    def set_status(self, sha: str, context: str, state: str, description: str) -> None:
        """Set a commit status; a description that is longer than the forge takes is cut."""

    def comment(self, branch: str, marker: str, body: str) -> str:
        """Replace the own comment that holds the marker in a branch's pull request, or add it; its web address."""


def connect(trunk: Trunk, ci: str = "github", environ: Mapping[str, str] = os.environ) -> Forge:
    """Reach the forge of a project's remote.

    Args:
        trunk: The main branch, whose remote names the forge.
        ci: `ci` of [tool.mlops]: "github", which is also any forge that speaks its API, or "gitlab".
        environ: Where token and addresses are looked for.

    Raises:
        MlopsError: There is no remote, no token, or the remote is no forge's.
    """
    if not trunk.remote:
        raise MlopsError("There is no remote, so no forge can be asked. `git remote add` it.")
    name = next((name for name in TOKENS[ci] if environ.get(name)), None)
    if name is None:
        raise MlopsError(NO_TOKEN[ci])
    url, token = trunk.git.remote_url(trunk.remote) or "", environ[name]
    if ci == "gitlab":
        from mlops.delivery.gitlab import GitLab

        return GitLab(on_gitlab(url, environ), token, of_job=name == "CI_JOB_TOKEN")
    from mlops.delivery.github import GitHub

    return GitHub(on_github(url, environ), token, dispatch=environ.get("MLOPS_DISPATCH", ""))
