"""Who reconciles an environment on this machine: a lock that ends with its process, and a file that tells."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from mlops.contract.errors import MlopsError
from mlops.settings import Settings


@dataclass(frozen=True)
class Running:
    """A reconciler and what it serves; `release` and `commit` are None while there is nothing to serve."""

    pid: int
    port: int
    log: str
    release: str | None = None
    commit: str | None = None
    server_pid: int | None = None

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self.port}"


def folder(settings: Settings, env: str) -> Path:
    """Where an environment's release file and logs lie."""
    return settings.cache / "local" / env


def state_file(settings: Settings, env: str) -> Path:
    """The file that tells what runs."""
    return settings.cache / "local" / f"{env}.json"


def write(settings: Settings, env: str, running: Running) -> None:
    """Tell what runs; a reader sees the old file or the new one."""
    path = state_file(settings, env)
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(asdict(running), indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def read(settings: Settings, env: str) -> Running | None:
    """Read what runs; None where no process holds the environment, whatever an old file says."""
    if not held(settings, env):
        return None
    try:
        return Running(**json.loads(state_file(settings, env).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def held(settings: Settings, env: str) -> bool:
    """Tell whether a process reconciles the environment.

    The lock ends with the process, so no process id is ever taken for another's.
    """
    try:
        with _lock_file(settings, env).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def hold(settings: Settings, env: str) -> Iterator[None]:
    """Be the one process that reconciles the environment.

    Raises:
        MlopsError: Another one does.
    """
    path = _lock_file(settings, env)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if not _taken(file):
            there = read(settings, env)
            where = f" on {there.url} (process {there.pid})" if there else ""
            raise MlopsError(f"{env!r} is up already{where}. `mlops local down --env {env}` stops it.")
        try:
            yield
        finally:
            state_file(settings, env).unlink(missing_ok=True)


def _taken(file: IO[bytes]) -> bool:
    """Take the lock; who only asks whether it is held has it for a moment, so one refusal is not yet an answer."""
    for _ in range(10):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.02)
    return False


def _lock_file(settings: Settings, env: str) -> Path:
    return settings.cache / "local" / f"{env}.lock"
