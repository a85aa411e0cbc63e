"""A number in [0, 1) for each row that depends on its key alone, on any machine and in any order."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from mlops.contract.model import Column, Contract

Array = np.ndarray[Any, Any]
WIDTH = 8


def buckets(frame: pd.DataFrame, contract: Contract, key: Column | None, seed: int) -> Array:
    """Draw a number for each row from sha256 over the seed and the row's key.

    Args:
        frame: typed, as `mlops.data.table.typed` gives it.
        contract: names the columns whose content stands in where there is no key.
        key: the column that names the row or its group, if any; a row whose key is null goes by its content.
        seed: draws another split.

    Returns:
        Shape (n,), float64.
    """
    start = sha256(f"{seed}\0".encode())
    rows = _content(frame, contract, key)
    if key is not None:
        known = frame[key.name].notna().to_numpy()
        names = _digests(frame[key.name])
        rows = [names[row].tobytes() if there else rows[row] for row, there in enumerate(known)]
    return np.array([_draw(start, row) for row in rows], dtype=np.float64)


def _draw(start: Any, content: bytes) -> float:
    digest = start.copy()
    digest.update(content)
    # 53 bits, so that the number is exact and never rounds to 1.
    return (int.from_bytes(digest.digest()[:8], "big") >> 11) / 2**53


def _content(frame: pd.DataFrame, contract: Contract, key: Column | None) -> list[bytes]:
    """Write each row as bytes: all columns but the target, so that a change of another's role moves no row."""
    others = [c.name for c in contract.columns if "target" not in c.roles and (key is None or c.name != key.name)]
    names = sorted(name for name in others if name in frame)
    parts = [_cells(frame[name]) for name in names]
    if not parts:
        return [b""] * len(frame)
    return [row.tobytes() for row in np.concatenate(parts, axis=1)]


def _cells(values: pd.Series[Any]) -> Array:
    """Give each value as 8 bytes: numbers and times as they are, text as its digest."""
    if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
        return _digests(values)
    if values.dtype.kind == "M":
        numbers = values.to_numpy(dtype="datetime64[us]").astype("<i8")
    else:
        numbers = values.to_numpy(dtype="<f8", na_value=np.nan) + 0.0  # -0.0 is 0.0
        numbers[np.isnan(numbers)] = np.nan  # one NaN of the many
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(len(values), WIDTH)


def _digests(values: pd.Series[Any]) -> Array:
    codes, words = pd.factorize(values, use_na_sentinel=False)
    each = b"".join(sha256(_text(word).encode("utf-8", "surrogatepass")).digest()[:WIDTH] for word in words)
    return np.frombuffer(each, dtype=np.uint8).reshape(len(words), WIDTH)[codes]


def _text(word: Any) -> str:
    return "\0null" if pd.isna(word) else str(word)
