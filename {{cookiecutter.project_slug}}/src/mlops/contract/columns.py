"""JSON values become the arrays that `features()` gets, or are refused one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract, Kind
from mlops.contract.times import dates, timestamps

Json = None | bool | int | float | str
Array = np.ndarray[Any, Any]
Columns = dict[str, Array]
LARGEST_INTEGER = 2**53


@dataclass(frozen=True)
class Bad:
    """A value that is not of its column's kind."""

    row: int
    value: Any
    rule: str


def to_columns(contract: Contract, raw: Mapping[str, Sequence[Json]], names: Sequence[str] | None = None) -> Columns:
    """Convert JSON values to arrays: float64 with NaN, object with "", datetime64[us] with NaT.

    Args:
        contract: says which kind each column is, and the zone of its times.
        raw: the values of each column, None for null; a column that is missing is all null.
        names: the columns to convert; the contract's inputs where not given.

    Raises:
        MlopsError: A value is not of its column's kind.
    """
    wanted = [contract.column(name) for name in names] if names is not None else list(contract.inputs)
    size = max((len(values) for values in raw.values()), default=0)
    columns: Columns = {}
    for column in wanted:
        values = raw.get(column.name)
        columns[column.name], bad = convert(contract, column, [None] * size if values is None else values)
        if bad:
            raise MlopsError(describe(column, bad))
    return columns


def describe(column: Column, bad: Sequence[Bad]) -> str:
    """Say what is wrong with the values of a column, without a restricted value."""
    first = bad[0]
    shown = "a value" if column.restricted else repr(first.value)
    count = f"{len(bad)} bad value{'s' * (len(bad) > 1)}"
    return f"column {column.name!r}: {count}: {shown} in row {first.row} {first.rule}. Send a {column.kind} or null."


def convert(contract: Contract, column: Column, values: Sequence[Json]) -> tuple[Array, list[Bad]]:
    """Convert the values of one column; a bad one becomes null and is listed."""
    if column.kind in ("date", "timestamp"):
        return _times(contract, column.kind, values)
    kinds = set(map(type, values))
    fast = FAST[column.kind](values, kinds)
    return (fast, []) if fast is not None else _slow(column.kind, values)


def _number(values: Sequence[Json], kinds: set[type]) -> Array | None:
    if not kinds <= {int, float, type(None)}:
        return None
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        return None
    unknown = sum(value is None for value in values) if type(None) in kinds else 0
    return array if int(np.isfinite(array).sum()) + unknown == len(array) else None


def _integer(values: Sequence[Json], kinds: set[type]) -> Array | None:
    array = _number(values, kinds)
    # At 2**53 a float no longer tells the integer from its neighbour, so the slow way looks at the value itself.
    if (
        array is None
        or np.any(np.abs(array) >= LARGEST_INTEGER)
        or np.any(np.trunc(array) != array, where=~np.isnan(array))
    ):
        return None
    return array


def _boolean(values: Sequence[Json], kinds: set[type]) -> Array | None:
    return np.array(values, dtype=np.float64) if kinds <= {bool, type(None)} else None


def _string(values: Sequence[Json], kinds: set[type]) -> Array | None:
    if not kinds <= {str, type(None)}:
        return None
    text = ["" if value is None else value for value in values]
    try:
        "".join(text).encode()  # type: ignore[arg-type]  # a lone surrogate is no text, and breaks ONNX Runtime
    except UnicodeEncodeError:
        return None
    return _objects(text)


def _objects(values: Sequence[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


FAST: dict[Kind, Callable[[Sequence[Json], set[type]], Array | None]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "string": _string,
}


def _slow(kind: Kind, values: Sequence[Json]) -> tuple[Array, list[Bad]]:
    bad = [Bad(row, value, rule) for row, value in enumerate(values) if (rule := wrong(kind, value))]
    kept = list(values)
    for item in bad:
        kept[item.row] = None
    if kind == "string":
        return _objects(["" if value is None else value for value in kept]), bad
    return np.array(kept, dtype=np.float64), bad


def wrong(kind: Kind, value: Any) -> str | None:
    """Say why a value is not of a kind, or None where it is."""
    if value is None:
        return None
    if kind == "string":
        return _wrong_text(value)
    if kind == "boolean":
        return None if isinstance(value, bool) else "is not a boolean (true or false)"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"is not {'an integer' if kind == 'integer' else 'a number'}"
    return _wrong_number(kind, value)


def _wrong_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return "is not a string"
    return "is not valid Unicode" if any("\ud800" <= sign <= "\udfff" for sign in value) else None


def _wrong_number(kind: Kind, value: int | float) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    if kind == "integer":
        if value != math.trunc(value):
            return "is not a whole number"
        return "is beyond 2**53, where integers are no longer exact" if abs(value) > LARGEST_INTEGER else None
    return "is too large for a 64-bit number" if abs(value) > 1.7976931348623157e308 else None


def _times(contract: Contract, kind: Kind, values: Sequence[Json]) -> tuple[Array, list[Bad]]:
    if kind == "date":
        array, rows = dates(values)
        rule = "is not an ISO 8601 date of the years 1 to 9999, like 2024-12-31"
    else:
        array, rows = timestamps(values, contract.timezone)
        rule = "is not an ISO 8601 timestamp of the years 1 to 9999, like 2024-12-31T23:59:00"
    return array, [Bad(row, values[row], rule) for row in rows]
