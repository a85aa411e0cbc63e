"""Python environments that hold exactly one hash-locked requirements file: what a server has, and no more."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops.contract.errors import MlopsError

TIMEOUT = 1800.0  # seconds
LAST_LINES = 12
COMPLETE = ".complete"


def serving_python(requirements: Path, cache: Path) -> Path:
    """Find or make an environment of exactly `requirements`, and give its Python.

    Environments are kept by the file's content and this Python's minor version. They are made where they stay,
    since they cannot be moved: a lock lets one process build while others wait.

    Args:
        requirements: A requirements file with a hash for every package.
        cache: The folder of environments; $MLOPS_ENVS takes its place where it is set.

    Raises:
        MlopsError: The file is missing, or the environment cannot be made.
    """
    if not requirements.is_file():
        raise MlopsError(f"{str(requirements)!r} is missing: it says what the server needs. Restore it from Git.")
    cache = Path(os.environ.get("MLOPS_ENVS") or cache).absolute()
    home = cache / _key(requirements)
    python = home / "bin" / "python"
    if not (home / COMPLETE).exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f"{home.name}.lock"):
            if not (home / COMPLETE).exists():
                _build(home, python, requirements)
    return python


def _key(requirements: Path) -> str:
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(requirements.read_bytes() + minor.encode()).hexdigest()[:16] + f"-py{minor}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(home: Path, python: Path, requirements: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)  # what a killed process left
    _uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(home), what=requirements)
    _uv(
        "pip",
        "install",
        "--quiet",
        "--python",
        str(python),
        "--require-hashes",
        "-r",
        str(requirements),
        what=requirements,
    )
    (home / COMPLETE).touch()


def _uv(*args: str, what: Path) -> None:
    command = [sys.executable, "-m", "uv", *args]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise MlopsError(f"`uv {args[0]}` did not end in {TIMEOUT:.0f} s. Is the package index reachable?") from error
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-LAST_LINES:])
        raise MlopsError(
            f"{str(what)!r}: its environment could not be made (`uv {args[0]}`, exit code {done.returncode}):\n{tail}\n"
            "Check that the package index is reachable and that uv is installed (`make setup`)."
        )
