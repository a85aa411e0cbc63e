"""Score a file of rows in a process of its own: `python -m mlops.serving.score --bundle B --rows R --out S`.

With `--timing` instead of `--out` it stays, and says on request how long scoring takes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from mlops.contract.columns import to_columns
from mlops.contract.errors import MlopsError
from mlops.serving.scorer import Scorer


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the scores of a bundle for the rows of a JSON file.

    The file is `{"n": N, "columns": {name: [value, ...]}}` with the values that a client would send. The bundle's own
    contract reads them; columns that it does not name are left alone.

    Returns:
        The exit code: 0, or that of the error.
    """
    parser = argparse.ArgumentParser(prog="python -m mlops.serving.score", description="Score rows with a bundle.")
    parser.add_argument("--bundle", type=Path, required=True, help="folder that train wrote")
    parser.add_argument("--rows", type=Path, required=True, help='JSON: {"n": N, "columns": {name: [value, ...]}}')
    to = parser.add_mutually_exclusive_group(required=True)
    to.add_argument("--out", type=Path, help="NumPy file to write: (n, k) or, for regression, (n,)")
    to.add_argument("--timing", action="store_true", help='answer lines "ROWS REPEATS" with the least seconds')
    told = "score the first ALONE rows once more after all others, each as a request of its own"
    parser.add_argument("--alone", type=int, default=0, help=told)
    options = parser.parse_args(arguments)
    try:
        n, raw = _read(options.rows)
        scorer = Scorer.load(options.bundle)
        if options.timing:
            answer_times(scorer, raw, n)
        else:
            alone = min(options.alone, n)
            parts = [score(scorer, raw, n)] + ([one_by_one(scorer, raw, alone)] if alone else [])
            np.save(options.out, np.concatenate(parts))
    except MlopsError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    return 0


def score(scorer: Scorer, raw: dict[str, Any], n: int) -> np.ndarray:
    """Score n rows given as lists of JSON values.

    Raises:
        MlopsError: A column that the bundle needs is missing, has another length, or holds a value of a wrong type.
    """
    names = [column.name for column in scorer.contract.inputs]
    for name in names:
        if name not in raw:
            raise MlopsError(
                f"missing column {name!r}: the bundle's contract needs it, the rows have {', '.join(raw)}."
            )
        if not isinstance(raw[name], list) or len(raw[name]) != n:
            raise MlopsError(f"column {name!r}: not a list of n = {n} values.")
    return scorer.scores(to_columns(scorer.contract, raw, names), n)


def one_by_one(scorer: Scorer, raw: dict[str, Any], n: int) -> np.ndarray:
    """Score the first n rows, each without the others."""
    rows = ({name: values[row : row + 1] for name, values in raw.items()} for row in range(n))
    return np.concatenate([score(scorer, row, 1) for row in rows])


def answer_times(scorer: Scorer, raw: dict[str, Any], n: int) -> None:
    """Say "ready", then answer each line "ROWS REPEATS" of stdin with seconds, until stdin ends.

    Each line takes the rows that follow those of the line before, and scores them so many times; the answer is the
    shortest time, which is the one that other work of the machine has disturbed least.
    """
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        os.dup2(2, 1)  # what features() prints is no answer
        score(scorer, raw, n)
        print("ready", file=answers)
        start = 0
        for line in sys.stdin:
            rows, repeats = map(int, line.split())
            taken = [(start + row) % n for row in range(rows)]
            part = {name: [values[row] for row in taken] for name, values in raw.items()}
            start += rows
            print(min(_seconds(scorer, part, rows) for _ in range(repeats)), file=answers)


def _seconds(scorer: Scorer, raw: dict[str, Any], n: int) -> float:
    start = time.perf_counter()
    score(scorer, raw, n)
    return time.perf_counter() - start


def _read(path: Path) -> tuple[int, dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        n, columns = document["n"], dict(document["columns"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise MlopsError(f'{path}: not {{"n": N, "columns": {{name: [value, ...]}}}} as JSON ({error!r}).') from error
    if not isinstance(n, int) or n < 0:
        raise MlopsError(f"{path}: n is {n!r}; a number of rows is due.")
    return n, columns


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON; send null for a missing value")


if __name__ == "__main__":
    sys.exit(main())
