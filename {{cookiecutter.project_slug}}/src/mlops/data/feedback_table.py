"""Types what servers kept by the contract."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlops.contract.columns import Json, convert, describe
from mlops.contract.errors import Refused
from mlops.contract.model import Column, Contract
from mlops.data.feedback_files import Row
from mlops.data.table import read_raw

# Beyond these a row's own time is as good as never, and pandas knows no offset of its zone.
YEARS = (np.datetime64("1970-01-02", "us"), np.datetime64("2250-01-01", "us"))


def table(agreed: Contract, rows: Sequence[Row], outcomes: Sequence[Json], name: str) -> pd.DataFrame:
    """Type rows and their outcomes by the contract.

    Args:
        agreed: The contract.
        rows: What was predicted.
        outcomes: What became of it, in the same order.
        name: What messages call the table.

    Raises:
        Refused: A value is not of its column's kind, which the contract of its time allowed.
    """
    made = {}
    for column in agreed.columns:
        if "excluded" in column.roles:
            continue
        target = column.name == agreed.target.name
        values = outcomes if target else [row.get(column.name) for _, row in rows]
        array, bad = convert(agreed, column, values)
        if bad:
            raise Refused(f"{name}: {describe(column, bad)} The rows are older than this rule of contract.yaml.")
        made[column.name] = _series(column, array)
    return pd.DataFrame(made)


def stored(frame: pd.DataFrame) -> pd.DataFrame:
    """Read a table as it will be read from its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "batch.parquet"
        frame.to_parquet(path, index=False)
        return read_raw(path)


def ages(agreed: Contract, rows: Sequence[Row]) -> np.ndarray[Any, Any]:
    """Say in ms of UTC from when a row's age counts."""
    at = np.array([name[0] for name, _ in rows], dtype=np.int64)
    if agreed.time is None or agreed.time.restricted:
        return at
    given, _ = convert(agreed, agreed.time, [row.get(agreed.time.name) for _, row in rows])
    local = pd.Series(np.clip(given, *YEARS))
    # An hour that is there twice counts as its first, one that is not there as the moment after it.
    zoned = local.dt.tz_localize(agreed.timezone, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward")
    own = zoned.dt.tz_convert(UTC).dt.tz_localize(None).to_numpy(dtype="datetime64[ms]")
    return np.where(np.isnat(own), at, np.maximum(at, own.astype(np.int64)))


def _series(column: Column, array: np.ndarray[Any, Any]) -> pd.Series[Any]:
    if column.kind == "string":
        return pd.Series([value or None for value in array.tolist()], dtype="string")
    if column.kind == "boolean":
        return pd.Series(array).astype("boolean")
    return pd.Series(array).astype("Int64") if column.kind == "integer" else pd.Series(array)
