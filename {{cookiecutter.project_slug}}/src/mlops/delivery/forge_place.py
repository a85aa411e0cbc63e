"""Where a repository lies: the address of its forge's API, and its path there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from mlops.contract.errors import MlopsError
from mlops.delivery.git import without_credentials

# git@host:owner/name.git, which is no URL.
SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:@]+):(?P<path>(?!//).+)")
# Hosts that answer to Git over ssh, and where the same forge's web and API are.
OTHER_NAMES = {"ssh.github.com": "github.com", "altssh.gitlab.com": "gitlab.com"}


@dataclass(frozen=True)
class Place:
    """Where a repository lies: the address of the API, and its path, as in `owner/name`."""

    api: str
    repository: str


def on_github(remote_url: str, environ: Mapping[str, str]) -> Place:
    """Derive API and repository from a remote's address; GITHUB_API_URL and GITHUB_REPOSITORY come first.

    Raises:
        MlopsError: The address is that of no forge.
    """
    host = _origin(remote_url)
    derived = "https://api.github.com" if host == "https://github.com" else host and f"{host}/api/v3"
    api = environ.get("GITHUB_API_URL", "").rstrip("/") or derived
    repository = environ.get("GITHUB_REPOSITORY", "") or _path(remote_url)
    if not api or repository.count("/") != 1:
        raise _unknown(remote_url, "GITHUB_API_URL and GITHUB_REPOSITORY=owner/name")
    return Place(api, repository)


def on_gitlab(remote_url: str, environ: Mapping[str, str]) -> Place:
    """Derive API and project from a remote's address; CI_API_V4_URL and CI_PROJECT_PATH come first.

    Raises:
        MlopsError: The address is that of no forge.
    """
    host = _origin(remote_url)
    api = environ.get("CI_API_V4_URL", "").rstrip("/") or (host and f"{host}/api/v4")
    project = environ.get("CI_PROJECT_PATH", "") or _path(remote_url)
    if not api or "/" not in project:
        raise _unknown(remote_url, "CI_API_V4_URL and CI_PROJECT_PATH=group/name")
    return Place(api, project)


def _unknown(remote_url: str, names: str) -> MlopsError:
    return MlopsError(f"The remote {without_credentials(remote_url)!r} names no repository of a forge. Set {names}.")


def _origin(remote_url: str) -> str:
    """Give scheme and host of the forge's web; "" where the address is no forge's."""
    scheme, host, _ = _parts(remote_url)
    if scheme not in ("http", "https", "ssh") or not host:
        return ""
    # The port of an ssh address is not that of the API.
    name = host.partition(":")[0] if scheme == "ssh" else host
    return f"{'http' if scheme == 'http' else 'https'}://{OTHER_NAMES.get(name, name)}"


def _path(remote_url: str) -> str:
    return _parts(remote_url)[2].strip("/").removesuffix(".git")


def _parts(url: str) -> tuple[str, str, str]:
    """Split an address into scheme, host with its port, and path; empty where it is a folder of this machine."""
    short = SCP.fullmatch(url)
    if short and "://" not in url:
        return "ssh", short["host"], short["path"]
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2], parts.path
