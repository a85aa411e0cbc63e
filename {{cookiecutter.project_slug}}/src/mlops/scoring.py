"""Score rows with a bundle in a process that has nothing but the bundle's own code and its environment."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from mlops.contract.errors import MlopsError

# What a process needs to start at all; anything else could make one machine score otherwise than the next.
KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
LAST_WORDS = 60.0  # seconds


def score(
    bundle: Path, source: Path, python: Path, raw: Mapping[str, Sequence[Any]], n: int, *flags: str
) -> np.ndarray:
    """Score n rows as the server of that bundle would.

    Args:
        bundle: The folder that `train` wrote.
        source: The folder that holds the `mlops` package which belongs to the bundle.
        python: The interpreter of an environment with requirements/serve.txt alone.
        raw: Contract columns as lists of n JSON values; more of them than the bundle needs do no harm.
        n: Number of rows.
        flags: Further flags of `python -m mlops.serving.score`.

    Returns:
        float64: (n, k) probabilities in the order of the task's classes, or (n,) for regression; a flag may add rows.

    Raises:
        MlopsError: The bundle needs a column that `raw` lacks, or cannot score these rows; with the process's reason.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-score-") as folder:
        rows, out = Path(folder, "rows.json"), Path(folder, "scores.npy")
        rows.write_text(_document(raw, n), encoding="utf-8")
        command = [python, "-m", "mlops.serving.score", "--bundle", bundle.resolve(), "--rows", rows, "--out", out]
        _run([*map(str, command), *flags], environment(source), Path(folder))
        scores: np.ndarray = np.load(out, allow_pickle=False)
        return scores


@dataclass(frozen=True)
class Stopwatch:
    """A live process that scores rows on request and says how long it took."""

    process: subprocess.Popen[str]
    bundle: Path
    errors: Path
    late: threading.Event

    def wait_until_ready(self) -> None:
        """Wait until the bundle is loaded and has scored once.

        Raises:
            MlopsError: It cannot score these rows; with the process's reason.
        """
        if self._answer() != "ready":
            self._fail()

    def seconds(self, rows: int, repeats: int) -> float:
        """Score some rows so many times, and give the shortest time.

        Raises:
            MlopsError: The process has ended; with its reason.
        """
        assert self.process.stdin is not None
        try:
            print(rows, repeats, file=self.process.stdin, flush=True)
            return float(self._answer())
        except (OSError, ValueError):
            self._fail()

    @property
    def running(self) -> bool:
        """Whether it still answers."""
        return self.process.poll() is None

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def _fail(self) -> NoReturn:
        # What answers no more is about to end, and says why on its way.
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(LAST_WORDS)
        self.process.kill()
        code, said = self.process.wait(), self.errors.read_text(encoding="utf-8", errors="replace")
        reason = "it was stopped, as it took too long" if self.late.is_set() else _reason(said, code)
        raise MlopsError(f"timing {self.bundle}: {reason}")


@contextmanager
def stopwatch(
    bundle: Path, source: Path, python: Path, raw: Mapping[str, Sequence[Any]], n: int, limit: float = 300.0
) -> Iterator[Stopwatch]:
    """Start a process that times the scoring of n rows; it is stopped at the end, and after `limit` seconds.

    Args:
        bundle: The folder that `train` wrote.
        source: The folder that holds the `mlops` package which belongs to the bundle.
        python: The interpreter of an environment with requirements/serve.txt alone.
        raw: Contract columns as lists of n JSON values.
        n: Number of rows.
        limit: Seconds after which the process is stopped in any case.

    Raises:
        MlopsError: The process cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-timing-") as folder:
        rows, errors = Path(folder, "rows.json"), Path(folder, "errors")
        rows.write_text(_document(raw, n), encoding="utf-8")
        command = [python, "-m", "mlops.serving.score", "--bundle", bundle.resolve(), "--rows", rows, "--timing"]
        with errors.open("wb") as stderr, _process(list(map(str, command)), environment(source), folder, stderr) as it:
            late = threading.Event()
            watchdog = threading.Timer(limit, _stop, (it, late))
            watchdog.daemon = True
            watchdog.start()
            try:
                yield Stopwatch(it, bundle, errors, late)
            finally:
                watchdog.cancel()


@contextmanager
def _process(command: list[str], env: dict[str, str], folder: str, stderr: Any) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdin=pipe, stdout=pipe, stderr=stderr, text=True, encoding="utf-8"
        )
    except OSError as error:
        raise MlopsError(f"{command[0]} cannot be started: {error.strerror}.") from error
    try:
        yield process
    finally:
        process.kill()
        for end in (process.stdin, process.stdout):
            with suppress(OSError):  # what was not read any more
                end.close()  # type: ignore[union-attr]  # both are pipes
        process.wait()


def _stop(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    process.kill()


def environment(source: Path) -> dict[str, str]:
    """Give the variables of a process that sees `source` and its interpreter's packages only."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "PYTHONPATH": str(source.resolve()),
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
    }


def _document(raw: Mapping[str, Sequence[Any]], n: int) -> str:
    try:
        return json.dumps({"n": n, "columns": dict(raw)}, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise MlopsError(f"the rows are not what a client could send as JSON: {error}.") from error


def _run(command: list[str], env: dict[str, str], folder: Path) -> None:
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise MlopsError(f"scoring with {command[4]}: {_reason(done.stderr, done.returncode)}")


def _reason(stderr: str, code: int) -> str:
    lines = stderr.strip().splitlines() or [f"the process ended with {code} and said nothing"]
    return lines[-1]
