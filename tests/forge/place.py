"""Where the tier of the forge runs: a real forge with pull requests, protected branches and a runner of workflows."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORGE = Path(os.environ.get("MLOPS_FORGE", ROOT.parent / "shared" / "forge"))
CACHE = ROOT / ".cache"
# Its own place and port, so that it meets no other forge of this machine. Jobs find neither this HOME nor this Python.
OURS = {
    "LAB_HOME": os.environ.get("LAB_HOME", str(CACHE / "forge")),
    "FORGE_PORT": os.environ.get("FORGE_PORT", "13100"),
    "FORGE_JOBS": os.environ.get("FORGE_JOBS", "2"),
    "HOME": os.environ.get("HOME", ""),
    "PATH": os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not p.startswith(str(ROOT))),
}
WANTED = ("FORGE_URL", "FORGE_API", "FORGE_TOKEN_DEV", "FORGE_TOKEN_BOT", "FORGE_TOKEN_REVIEWER")
# What jobs may see of this machine: how to reach packages, and folders that outlast a job.
SEEN = (
    *("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("PIP_INDEX_URL", "UV_INDEX_URL", "HTTPS_PROXY", "NO_PROXY"),
)
MISSING = f"""The tier of the forge needs a Git forge that speaks GitHub's API and runs workflows, such as Gitea. Either
- set {", ".join(WANTED)}: a forge on which the token of DEV may make
  repositories, and two further users (their names: FORGE_DEV, FORGE_BOT, FORGE_REVIEWER; default dev, bot, reviewer).
  It must have every action that the workflows use, or fetch them; its runner's jobs run on this machine, or
- set MLOPS_FORGE to a folder whose `up` starts such a forge, whose `down` ends it, whose `env` is sourced and exports
  these variables, and whose `stand-in --workflows DIR` brings the actions that DIR/.github uses."""


class NoPlace(Exception):
    """There is nowhere to run."""


@dataclass(frozen=True)
class Place:
    """A running forge: where it is, who its users are, and what brings actions to it."""

    url: str
    api: str
    tokens: dict[str, str] = field(repr=False)
    names: dict[str, str]
    actions: Path | None = None

    def bring(self, project: Path) -> None:
        """Bring the actions that a project's workflows use; one that is not known does nothing."""
        if self.actions:
            _run(self.actions, "--noop", "--workflows", project)


@contextmanager
def place() -> Iterator[Place]:
    """Find the forge; one that is started here ends here.

    Raises:
        NoPlace: There is none; the message says what to set.
    """
    if all(os.environ.get(name) for name in WANTED):
        yield _place(dict(os.environ), None)
        return
    if not (FORGE / "up").is_file():
        raise NoPlace(MISSING)
    ran = _runs()
    _run(FORGE / "up")
    try:
        yield _place(_exports(), FORGE / "stand-in")
    finally:
        if not ran:
            _run(FORGE / "down")


def _place(found: dict[str, str], actions: Path | None) -> Place:
    users = ("dev", "bot", "reviewer")
    tokens = {user: found[f"FORGE_TOKEN_{user.upper()}"] for user in users}
    names = {user: found.get(f"FORGE_{user.upper()}", user) for user in users}
    return Place(found["FORGE_URL"], found["FORGE_API"], tokens, names, actions)


def _runs() -> bool:
    pid = Path(OURS["LAB_HOME"]) / "forge" / "gitea.pid"
    return pid.is_file() and Path(f"/proc/{pid.read_text(encoding='utf-8').strip()}").exists()


def _exports() -> dict[str, str]:
    script = 'source "$0" && env -0'
    done = subprocess.run(["bash", "-c", script, FORGE / "env"], env=_environment(), capture_output=True, text=True)
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line.startswith("FORGE_"))


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def _environment() -> dict[str, str]:
    home = Path(OURS["LAB_HOME"]) / "home"
    home.mkdir(parents=True, exist_ok=True)
    jobs = {
        **{name: os.environ[name] for name in SEEN if os.environ.get(name)},
        "HOME": str(home),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(CACHE / "uv")),
        "MLOPS_ENVS": os.environ.get("MLOPS_ENVS", str(CACHE / "envs")),
        "OMP_NUM_THREADS": "1",
    }
    wide = [name for name, value in jobs.items() if any(letter.isspace() for letter in value)]
    if wide:
        raise NoPlace(f"The forge gives its jobs no variable with a space in it: {', '.join(wide)}.")
    told = " ".join(f"{name}={value}" for name, value in jobs.items())
    return {**os.environ, **OURS, "FORGE_JOB_ENV": told}
