"""A thin adapter over the `dvc` command of this Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from mlops.contract.errors import MlopsError

TIMEOUT = 3600.0  # seconds; a push of large data over a slow line
LAST_LINES = 6
ADDRESSES = ("Having any troubles?", "<http")  # of DVC's help, under each of its errors


class Dvc:
    """DVC in one repository."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def attempt(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run dvc and return what came out, whatever its exit code."""
        command = [sys.executable, "-m", "dvc", *args]
        try:
            return subprocess.run(
                command, cwd=self.root, env=environment(), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", timeout=TIMEOUT,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise MlopsError(f"`dvc {args[0]}` did not end in {TIMEOUT:.0f} s. Is the DVC remote reachable?") from error

    def run(self, *args: str) -> str:
        """Run dvc and return its standard output.

        Raises:
            MlopsError: It failed; the message carries its reasons.
        """
        done = self.attempt(*args)
        if done.returncode:
            raise MlopsError(f"`dvc {' '.join(args)}` failed in {str(self.root)!r}: {_reasons(done)}")
        return done.stdout

    def stale(self) -> list[str]:
        """List the stages and data files that are not what dvc.lock and the .dvc files say."""
        return sorted(json.loads(self.run("status", "--json") or "{}"))

    def require_reproduced(self) -> None:
        """Check that the pipeline's outputs belong to its inputs.

        Raises:
            MlopsError: They do not; the message names the stages.
        """
        stale = self.stale()
        if stale:
            raise MlopsError(f"Not up to date: {', '.join(stale)}. Run `dvc repro`, then try again.")

    def push(self) -> None:
        """Send data, the current lock's outputs and the run-cache to the remote."""
        self.run("push", "--run-cache")

    def pull(self, *targets: str) -> None:
        """Bring outputs or data files from the remote into the working tree."""
        self.run("pull", *targets)


def _reasons(done: subprocess.CompletedProcess[str]) -> str:
    """Choose the lines that say why; `--quiet` would keep them from being written."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines()]
    said = [line for line in lines if line and not line.startswith(ADDRESSES)]
    first = next((at for at, line in enumerate(said) if line.startswith(("ERROR: ", "WARNING: "))), 0)
    return " ".join(said[first:][-LAST_LINES:]) or f"it ended with {done.returncode} and no word"


def environment() -> dict[str, str]:
    """Give child processes this Python's programs first, so that a stage's `python` is ours."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONUTF8": "1"}
