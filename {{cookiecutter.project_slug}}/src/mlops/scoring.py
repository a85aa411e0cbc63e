"""Score rows with a bundle in a process that has nothing but the bundle's own code and its environment."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlops.contract.errors import MlopsError

# What a process needs to start at all; anything else could make one machine score otherwise than the next.
KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


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
        float64: (n, k) probabilities in the order of the task's classes, or (n,) for regression.

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
        lines = done.stderr.strip().splitlines() or [f"the process ended with {done.returncode} and said nothing"]
        raise MlopsError(f"scoring with {command[4]}: {lines[-1]}")
