"""The forge that holds the repository: what a delivery needs from it, and where it is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from mlops.contract.errors import MlopsError
from mlops.delivery.git import without_credentials
from mlops.delivery.trunk import Trunk

TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")
# git@host:owner/name.git, which is no URL.
SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:@]+):(?P<path>(?!//).+)")
NO_TOKEN = (
    "No token for the forge: neither GITHUB_TOKEN nor GH_TOKEN is set. Make one that may read commit statuses, and for "
    "`--via pr` write contents and pull requests (`gh auth token` prints yours), and export it as GITHUB_TOKEN."
)


@dataclass(frozen=True)
class Status:
    """A commit status: "success", "failure", "error" or "pending", what it says, and when it was set."""

    state: str
    description: str
    at: datetime


class Forge(Protocol):
    """What a delivery needs from a forge."""

    def open_pull(self, branch: str, base: str, title: str, body: str) -> str:
        """Open a pull request, or find the open one of that branch; gives its web address."""

    def merge_when_green(self, branch: str) -> str:
        """Ask to merge it when its checks pass; says what was arranged, or that a person must merge."""

    def status(self, sha: str, context: str) -> Status | None:
        """Read the newest commit status of a context; None where there is none."""


@dataclass(frozen=True)
class Place:
    """Where a repository lies: the address of the API, and `owner/name`."""

    api: str
    repository: str


def place(remote_url: str, environ: Mapping[str, str]) -> Place:
    """Derive API and repository from a remote's address; GITHUB_API_URL and GITHUB_REPOSITORY come first.

    Raises:
        MlopsError: The address is that of no forge.
    """
    scheme, host, path = _parts(remote_url)
    api = environ.get("GITHUB_API_URL", "").rstrip("/") or _api(scheme, host)
    repository = environ.get("GITHUB_REPOSITORY", "") or path.strip("/").removesuffix(".git")
    if not api or repository.count("/") != 1:
        raise MlopsError(
            f"The remote {without_credentials(remote_url)!r} names no repository of a forge. "
            "Set GITHUB_API_URL and GITHUB_REPOSITORY=owner/name."
        )
    return Place(api, repository)


def _parts(url: str) -> tuple[str, str, str]:
    """Split an address into scheme, host with its port, and path; empty where it is a folder of this machine."""
    short = SCP.fullmatch(url)
    if short and "://" not in url:
        return "ssh", short["host"], short["path"]
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2], parts.path


def _api(scheme: str, host: str) -> str:
    if host.partition(":")[0] in ("github.com", "ssh.github.com"):
        return "https://api.github.com"
    if scheme not in ("http", "https", "ssh"):
        return ""
    # The port of an ssh address is not that of the API.
    return f"http://{host}/api/v3" if scheme == "http" else f"https://{_web(scheme, host)}/api/v3"


def _web(scheme: str, host: str) -> str:
    return host.partition(":")[0] if scheme == "ssh" else host


def connect(trunk: Trunk, environ: Mapping[str, str] = os.environ) -> Forge:
    """Reach the forge of a project's remote, with the token of GITHUB_TOKEN or GH_TOKEN.

    Raises:
        MlopsError: There is no remote, no token, or the remote is no forge's.
    """
    if not trunk.remote:
        raise MlopsError("There is no remote, so no forge can be asked. `git remote add` it.")
    token = next((environ[name] for name in TOKENS if environ.get(name)), "")
    if not token:
        raise MlopsError(NO_TOKEN)
    from mlops.delivery.github import GitHub

    return GitHub(place(trunk.git.remote_url(trunk.remote) or "", environ), token)
