"""Where the e2e tier runs: a cluster with Argo CD, a Git server and a registry that it and we can reach."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = Path(os.environ.get("MLOPS_LAB", ROOT.parent / "shared" / "lab"))
# Our own HOME is a temporary one; the lab keeps what it built in the person's.
LAB_HOME = os.environ.get("LAB_HOME", str(Path.home() / ".cache" / "mlops-lab"))
# It has no network of containers, and the host's certificates lead to packages.
LAB_OPTIONS = "--isolation chroot --network host --volume /etc/ssl/certs:/etc/ssl/certs:ro"
WANTED = ("KUBECONFIG", "GIT_BASE_URL", "REGISTRY")
KNOWN = (*WANTED, "PATH", "HOST_ADDRESS", "NODE_ADDRESS")
MISSING = f"""The e2e tier needs a cluster with Argo CD. Either
- set {", ".join(WANTED)}: a cluster whose Argo CD can clone from GIT_BASE_URL and whose nodes pull from REGISTRY,
  both reachable from here too. Where 127.0.0.1 is not the node, or this machine is not that to the cluster, set
  NODE_ADDRESS and HOST_ADDRESS, or
- set MLOPS_LAB to a folder whose `up` starts such a place and whose `env` prints these variables, as tests/e2e/kind
  does with docker and kind.
On the path: argocd, kubectl, helm, git, and buildah or docker."""


class NoPlace(Exception):
    """There is nowhere to run."""


@dataclass(frozen=True)
class Place:
    """A running place: its variables, for commands and for us."""

    variables: dict[str, str]

    @property
    def git(self) -> str:
        """The URL under which a first push makes a repository."""
        return self.variables["GIT_BASE_URL"]

    @property
    def registry(self) -> str:
        """Host and port of the registry."""
        return self.variables["REGISTRY"]

    @property
    def node(self) -> str:
        """The address at which NodePorts answer."""
        return self.variables.get("NODE_ADDRESS", "127.0.0.1")

    @property
    def host(self) -> str:
        """This machine's address, as the cluster sees it."""
        return self.variables.get("HOST_ADDRESS", "127.0.0.1")

    def run(self, *command: str, expect: int | None = 0, stdin: str | None = None) -> str:
        """Run a program of the place; returns what it prints."""
        done = subprocess.run(
            command, env={**os.environ, **self.variables}, input=stdin, capture_output=True, text=True, check=False
        )
        assert expect is None or done.returncode == expect, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def kubectl(self, *arguments: str, expect: int | None = 0, stdin: str | None = None) -> str:
        """Run kubectl; returns what it prints."""
        return self.run("kubectl", *arguments, expect=expect, stdin=stdin)


def place() -> Place:
    """Find the place, and start it where it is ours to start.

    Raises:
        NoPlace: There is none; the message says what to install.
    """
    if all(os.environ.get(name) for name in WANTED):
        return Place({name: os.environ[name] for name in KNOWN if name in os.environ})
    if not (LAB / "up").is_file():
        raise NoPlace(MISSING)
    ours = {**os.environ, "LAB_HOME": LAB_HOME}
    subprocess.run([LAB / "up"], check=True, env=ours)
    printed = subprocess.run([LAB / "env"], check=True, capture_output=True, text=True, env=ours).stdout
    return Place({**dict(_exports(printed)), "MLOPS_BUILD_OPTIONS": LAB_OPTIONS})


def base_image() -> None:
    """Put the base image where buildah finds it, where it cannot be pulled."""
    if (LAB / "base-image").is_file():
        subprocess.run([LAB / "base-image"], check=True)


def _exports(printed: str) -> list[tuple[str, str]]:
    found = []
    for line in printed.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        found.append((name, "".join(shlex.split(value.replace('"$PATH"', os.environ["PATH"])))))
    return found
