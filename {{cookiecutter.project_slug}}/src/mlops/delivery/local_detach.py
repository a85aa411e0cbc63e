"""Reconcile in a process of its own, which outlives the command that started it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from mlops.contract.errors import MlopsError
from mlops.delivery import local_state
from mlops.delivery.local_follow import follow
from mlops.delivery.local_reconciler import Say
from mlops.settings import Settings, find

SOURCE = Path(__file__).parents[2]


def detached(settings: Settings, env: str, port: int, poll: float, say: Say) -> None:
    """Start the process, pass on what it says, and return when it has had its first look at Git.

    Raises:
        MlopsError: It ended at once.
    """
    folder = local_state.folder(settings, env)
    folder.mkdir(parents=True, exist_ok=True)
    reads, writes = os.pipe()
    command = [sys.executable, "-m", "mlops.delivery.local_detach", "--root", settings.root, "--env", env]
    command += ["--port", port, "--poll", poll, "--tell", writes]
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")]))
    with (folder / "reconciler.log").open("wb") as log, os.fdopen(reads, encoding="utf-8") as lines:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=settings.root, env={**os.environ, "PYTHONPATH": path},
            pass_fds=(writes,), start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        os.close(writes)
        if not _came_up(lines, say):
            raise MlopsError(f"{env!r} did not come up (exit code {process.wait()}). See {log.name!r}.")


def _came_up(lines: IO[str], say: Say) -> bool:
    """Pass on lines of `say <text>` until `up`; `error <text>` is the end."""
    for line in lines:
        word, _, text = line.rstrip("\n").partition(" ")
        if word == "up":
            return True
        if word == "error":
            raise MlopsError(text)
        say(text)
    return False


def main() -> int:
    """Be the process that `detached` starts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--env", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--poll", type=float, required=True)
    parser.add_argument("--tell", type=int, required=True)
    options = parser.parse_args()
    with os.fdopen(options.tell, "w", encoding="utf-8") as pipe:

        def tell(word: str, text: str) -> None:
            # The command that started this process may be gone, or has heard enough.
            with suppress(OSError, ValueError):
                print(word, " ".join(text.split()), file=pipe, flush=True)

        def say(text: str) -> None:
            print(text, flush=True)
            tell("say", text)

        def settled() -> None:
            tell("up", "")
            pipe.close()

        try:
            follow(find(options.root), options.env, options.port, options.poll, say, settled)
        except MlopsError as error:
            print(error, file=sys.stderr, flush=True)
            tell("error", str(error))
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
