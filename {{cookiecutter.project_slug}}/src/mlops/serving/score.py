"""Score a file of rows in a process of its own: `python -m mlops.serving.score --bundle B --rows R --out S`."""

from __future__ import annotations

import argparse
import json
import sys
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
    parser.add_argument("--out", type=Path, required=True, help="NumPy file to write: (n, k) or, for regression, (n,)")
    parser.add_argument("--one-by-one", action="store_true", help="score each row as a request of its own")
    options = parser.parse_args(arguments)
    how = one_by_one if options.one_by_one else score
    try:
        n, raw = _read(options.rows)
        np.save(options.out, how(Scorer.load(options.bundle), raw, n))
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
    """Score n rows, each without the others."""
    rows = ({name: values[row : row + 1] for name, values in raw.items()} for row in range(n))
    return np.concatenate([score(scorer, row, 1) for row in rows])


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
