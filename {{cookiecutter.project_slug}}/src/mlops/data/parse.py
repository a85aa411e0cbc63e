"""Text of a CSV file becomes values of a kind."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from mlops.contract.columns import LARGEST_INTEGER
from mlops.contract.model import Kind
from mlops.contract.times import dates, timestamps

Series = pd.Series
Array = np.ndarray[Any, Any]
NULLS = frozenset(("", "na", "n/a", "#n/a", "nan", "null", "none", "<na>", "nat"))
BOOLEANS = {"true": True, "false": False}


def typed_text(raw: Series[Any], kind: Kind, zone: ZoneInfo) -> tuple[Series[Any], Array]:
    """Parse a column of text.

    Args:
        raw: text, or None for null. In a string column only "" and None are null; elsewhere NA, NaN, null and None too.
        kind: the column's kind.
        zone: the contract's zone.

    Returns:
        The typed column, null where it could not be parsed, and the mask of what could not.
    """
    if kind == "string":
        return _strings(raw)
    codes, words = pd.factorize(raw, use_na_sentinel=True)
    values, wrong = _words(np.asarray(words, dtype=object), kind, zone)
    missing = codes < 0
    return _take(values, codes, missing), np.where(missing, False, wrong[codes] if len(wrong) else False)


def _strings(raw: Series[Any]) -> tuple[Series[Any], Array]:
    items = raw.astype(object)
    text = items.map(lambda value: isinstance(value, str)).to_numpy(dtype=bool)
    known = text & (items != "").to_numpy(dtype=bool)
    wrong = ~text & items.notna().to_numpy(dtype=bool)
    return items.where(known, None), wrong


def _take(values: Series[Any], codes: Array, missing: Array) -> Series[Any]:
    if len(values) == 0:
        return pd.Series([None] * len(codes), dtype=values.dtype)
    taken = values.take(np.where(missing, 0, codes)).reset_index(drop=True)
    taken[missing] = None
    return taken


def _words(words: Array, kind: Kind, zone: ZoneInfo) -> tuple[Series[Any], Array]:
    """Parse each distinct text once."""
    text = np.array([word.strip() if isinstance(word, str) else word for word in words], dtype=object)
    null = np.array([isinstance(word, str) and word.lower() in NULLS for word in text], dtype=bool)
    if kind == "boolean":
        found = [BOOLEANS.get(word.lower()) if isinstance(word, str) else word for word in text]
        values: Series[Any] = pd.Series([v if isinstance(v, bool) else None for v in found], dtype="boolean")
    elif kind in ("date", "timestamp"):
        items = [None if gone else word for word, gone in zip(text, null, strict=True)]
        array, _ = dates(items) if kind == "date" else timestamps(items, zone)
        values = pd.Series(array, dtype="datetime64[us]")
    else:
        values = _numbers(text, null, kind)
    return values, ~null & values.isna().to_numpy(dtype=bool)


def _numbers(text: Array, null: Array, kind: Kind) -> Series[Any]:
    plain = pd.Series(
        [None if gone or isinstance(word, bool) else word for word, gone in zip(text, null, strict=True)], dtype=object
    )
    numbers = pd.to_numeric(plain, errors="coerce").astype("float64").to_numpy(copy=True)
    numbers[~np.isfinite(numbers)] = np.nan
    if kind == "number":
        return pd.Series(numbers, dtype="float64")
    return whole(numbers, plain)


def whole(numbers: Array, exact: Series[Any]) -> Series[Any]:
    """Keep the whole numbers within ±2**53 as Int64; at that edge `exact` (the original) decides."""
    with np.errstate(invalid="ignore"):
        kept = (np.trunc(numbers) == numbers) & (np.abs(numbers) <= LARGEST_INTEGER)
    for row in np.flatnonzero(np.abs(numbers) == LARGEST_INTEGER):
        kept[row] = str(exact.iloc[row]).lstrip("+-").split(".")[0] == str(LARGEST_INTEGER)
    return pd.Series(pd.array(np.where(kept, numbers, np.nan), dtype="Float64")).astype("Int64")
