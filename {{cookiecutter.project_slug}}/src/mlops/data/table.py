"""A table of the user's: read as it is, then typed by the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlops.contract.columns import Columns, Json
from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.contract.near import did_you_mean
from mlops.data.arrow import read_parquet, text_of, typed_arrow
from mlops.data.csv_text import read_csv
from mlops.data.parse import typed_text

READERS = {".csv": read_csv, ".tsv": read_csv, ".txt": read_csv, ".parquet": read_parquet, ".pq": read_parquet}


@dataclass(frozen=True)
class Typed:
    """The contract's columns, typed; `invalid` holds the original values that could not be read, by row position."""

    frame: pd.DataFrame
    invalid: dict[str, pd.Series[Any]] = field(default_factory=dict)


def read_raw(path: Path) -> pd.DataFrame:
    """Read a CSV file as text, or a Parquet file as the types it has.

    Raises:
        MlopsError: Not a table that can be used: unreadable, empty, nameless or repeated columns, nested values.
    """
    path = Path(path)
    if not path.exists():
        raise MlopsError(f"{str(path)!r} does not exist. Name a CSV or Parquet file.")
    if not path.is_file():
        raise MlopsError(f"{str(path)!r} is not a file. Name one CSV or Parquet file.")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise MlopsError(f"{str(path)!r}: the ending {path.suffix!r} is unknown. Use one of {', '.join(READERS)}.")
    if path.stat().st_size == 0:
        raise MlopsError(f"{str(path)!r} is empty: 0 bytes. Write a header line and rows.")
    frame = reader(path)
    if frame.empty:
        raise MlopsError(f"{str(path)!r} has {len(frame.columns)} columns but no rows. Add rows.")
    return frame


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put raw tables under each other; a column that they store as different types becomes text."""
    stored: dict[str, set[str]] = {}
    for frame in frames:
        for name in frame:
            stored.setdefault(str(name), set()).add(str(frame[name].dtype))
    mixed = {name for name, types in stored.items() if len(types) > 1}
    texts = [replaced(frame, {str(name): text_of(frame[name]) for name in frame if name in mixed}) for frame in frames]
    return pd.concat(texts, ignore_index=True)


def replaced(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Copy a table with other values in some columns, of any name: `DataFrame.assign` takes none called self."""
    made = frame.copy(deep=False)
    for name, values in columns.items():
        made[name] = values
    return made


def typed(
    frame: pd.DataFrame, contract: Contract, where: str, names: Sequence[str] | None = None, *, excluded: bool = False
) -> Typed:
    """Type the columns of a raw table that the contract does not exclude.

    Text (a CSV file's) is parsed; a Parquet column must be of its type already. Values that are neither become null
    and are listed in `invalid`.

    Args:
        frame: as `read_raw` gave it.
        contract: names the columns and their kinds.
        where: what messages call the table.
        names: the columns to type, where not all.
        excluded: type the excluded columns, too, where they are there; what is wrong with them does not matter.

    Returns:
        float64, Int64, boolean, object with None, or datetime64[us] in the contract's zone; rows numbered from 0.

    Raises:
        MlopsError: A column is missing.
    """
    wanted = [c for c in contract.columns if names is None or c.name in names]
    given = [str(name) for name in frame.columns]
    columns: dict[str, pd.Series[Any]] = {}
    invalid: dict[str, pd.Series[Any]] = {}
    for column in wanted:
        if "excluded" in column.roles and not (excluded and column.name in given):
            continue
        if column.name not in given:
            raise MlopsError(f"{where}: column {column.name!r} is missing. {did_you_mean(column.name, given)}")
        values, bad = typed_column(frame[column.name].reset_index(drop=True), column, contract)
        columns[column.name] = values
        if len(bad) and "excluded" not in column.roles:
            invalid[column.name] = bad
    return Typed(pd.DataFrame(columns, index=pd.RangeIndex(len(frame))), invalid)


def typed_column(raw: pd.Series[Any], column: Column, contract: Contract) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Type one column; returns it and the original values that could not be read."""
    is_text = raw.dtype == object or isinstance(raw.dtype, pd.StringDtype)
    read = typed_text if is_text else typed_arrow
    values, wrong = read(raw, column.kind, contract.timezone)
    return values, raw[wrong].astype(object)


def to_json(frame: pd.DataFrame, contract: Contract) -> dict[str, list[Json]]:
    """Write a typed table as what clients would send: null is None, times are ISO 8601 in the contract's zone."""
    return {column.name: _json(frame[column.name], column) for column in contract.requested if column.name in frame}


def _json(values: pd.Series[Any], column: Column) -> list[Json]:
    known = values.notna().to_numpy()
    if column.kind in ("date", "timestamp"):
        texts = _iso(values.to_numpy(dtype="datetime64[us]"), column)
        return [str(text) if there else None for text, there in zip(texts, known, strict=True)]
    items = values.astype(object).tolist()
    convert = {"number": float, "integer": int, "boolean": bool, "string": str}[column.kind]
    return [convert(item) if there else None for item, there in zip(items, known, strict=True)]


def _iso(times: np.ndarray[Any, Any], column: Column) -> np.ndarray[Any, Any]:
    if column.kind == "date":
        return np.asarray(times.astype("datetime64[D]").astype(str))
    whole = times.astype("datetime64[s]")
    exact = np.isnat(times) | (whole == times)
    return np.asarray(whole.astype(str) if exact.all() else times.astype(str))


def to_columns(frame: pd.DataFrame, contract: Contract) -> Columns:
    """Turn a typed table into the arrays that `features()` gets, as a server would from its JSON."""
    return {column.name: array(frame[column.name], column) for column in contract.inputs}


def array(values: pd.Series[Any], column: Column) -> np.ndarray[Any, Any]:
    """Turn a typed column into the array that `features()` gets."""
    if column.kind in ("date", "timestamp"):
        return values.to_numpy(dtype="datetime64[us]")
    if column.kind == "string":
        return np.asarray(values.where(values.notna(), ""), dtype=object)
    return values.to_numpy(dtype=np.float64, na_value=np.nan)
