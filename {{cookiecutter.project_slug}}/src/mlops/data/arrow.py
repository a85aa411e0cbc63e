"""Reads a Parquet file as the types it has, and types its columns by the contract without parsing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops.contract.errors import MlopsError
from mlops.contract.model import Kind
from mlops.contract.times import FIRST, LAST
from mlops.data.csv_text import check_names
from mlops.data.parse import typed_text, whole

Series = pd.Series
Array = np.ndarray[Any, Any]


def read_parquet(path: Path) -> pd.DataFrame:
    """Read the flat columns of a Parquet file; an index that pandas wrote along is left out.

    Raises:
        MlopsError: Not Parquet, or a column is nested, binary, a duration or a time of day.
    """
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise MlopsError(
            f"{str(path)!r} cannot be read as Parquet: {_oneline(error)}. Write the file again."
        ) from error
    check_names(table.column_names, path)
    table = table.drop_columns([name for name in table.column_names if re.fullmatch(r"__index_level_\d+__", name)])
    for column in table.schema:
        _check_type(column.name, column.type, path)
    return pd.DataFrame({name: pd.Series(pd.arrays.ArrowExtensionArray(table[name])) for name in table.column_names})


def _oneline(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def _check_type(name: str, kind: pa.DataType, path: Path) -> None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if _is_text(kind) or _is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return
    raise MlopsError(
        f"{str(path)!r}: column {name!r} is of the type {str(kind)!r}. "
        "Write it as flat columns of numbers, text or times."
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def arrow_of(raw: Series[Any]) -> pa.Array:
    """Give a column as one Arrow array, a dictionary decoded."""
    array = pa.array(raw.array, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def text_of(raw: Series[Any]) -> Series[Any]:
    """Write a column as a CSV file would hold it; null is ""."""
    if isinstance(raw.dtype, pd.ArrowDtype):
        array = arrow_of(raw)
        if pa.types.is_float16(array.type):
            array = array.cast(pa.float32())
        if pa.types.is_timestamp(array.type) and array.type.tz is not None:
            array = array.cast(pa.timestamp(array.type.unit, "UTC"))
        return pd.Series([item or "" for item in array.cast(pa.string()).to_pylist()], dtype=object)
    return raw


def typed_arrow(raw: Series[Any], kind: Kind, zone: ZoneInfo) -> tuple[Series[Any], Array]:
    """Type a column that has a type already.

    Returns:
        The typed column, null where the type or value is another, and the mask of those. A float's NaN is null.
    """
    array = arrow_of(raw)
    null = array.is_null(nan_is_null=True).to_numpy(zero_copy_only=False)
    values = _values(array, kind, zone)
    return values, ~null & values.isna().to_numpy(dtype=bool) & ~_empty(array, kind)


def _values(array: pa.Array, kind: Kind, zone: ZoneInfo) -> Series[Any]:
    if kind == "string":
        return _strings(array)
    if kind == "boolean":
        items = array.to_pylist() if pa.types.is_boolean(array.type) else [None] * len(array)
        return pd.Series(items, dtype="boolean")
    if kind in ("number", "integer"):
        return _numbers(array, kind)
    return _times(array, kind, zone)


def _strings(array: pa.Array) -> Series[Any]:
    items = array.to_pylist() if _is_text(array.type) else [None] * len(array)
    return pd.Series([item or None for item in items], dtype=object)


def _empty(array: pa.Array, kind: Kind) -> Array:
    if kind not in ("string", "date", "timestamp") or not _is_text(array.type):
        return np.zeros(len(array), dtype=bool)
    return np.array([item == "" for item in array.to_pylist()], dtype=bool)


def _numbers(array: pa.Array, kind: Kind) -> Series[Any]:
    if not _is_number(array.type):
        return pd.Series(np.full(len(array), np.nan), dtype="float64" if kind == "number" else "Int64")
    floats = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype("float64")
    floats = np.where(np.isfinite(floats), floats, np.nan)
    return pd.Series(floats) if kind == "number" else whole(floats, pd.Series(array.to_pylist(), dtype=object))


def _times(array: pa.Array, kind: Kind, zone: ZoneInfo) -> Series[Any]:
    if _is_text(array.type):  # as a client sends them
        return typed_text(pd.Series(array.to_pylist(), dtype=object), kind, zone)[0]
    nowhere = pd.Series(np.full(len(array), np.datetime64("NaT", "us"), dtype="datetime64[us]"))
    if pa.types.is_date(array.type):
        times = array.cast(pa.date32(), safe=False).cast(pa.timestamp("us"))
    elif pa.types.is_timestamp(array.type):
        times = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    else:
        return nowhere
    values = pd.Series(times.to_pandas())
    if times.type.tz is not None:
        values = values.dt.tz_convert(zone).dt.tz_localize(None)
    values = values.astype("datetime64[us]")
    kept = (values >= FIRST) & (values <= LAST)
    if kind == "date":
        kept &= values == values.dt.normalize()
    return values.where(kept, nowhere)
