"""ISO 8601 text becomes datetime64[us] in the contract's zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

Array = np.ndarray[Any, Any]
DAY = r"\d{4}-\d{2}-\d{2}"
DATE = re.compile(rf"({DAY})(?:[T ]00:00(?::00(?:\.0{{1,9}})?)?)?", re.ASCII)
CLOCK = r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
NANOSECONDS = r"(?:(?<=\.\d{6})\d{1,3})?"  # read and dropped
OFFSET = r" ?(Z|z|UTC|[+-]\d{2}(?::?\d{2})?)?"
TIMESTAMP = re.compile(f"({DAY}(?:{CLOCK})?){NANOSECONDS}{OFFSET}", re.ASCII)
FIRST, LAST = np.datetime64("0001-01-01", "us"), np.datetime64("9999-12-31T23:59:59.999999", "us")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def dates(values: Sequence[Any]) -> tuple[Array, list[int]]:
    """Convert ISO dates; a bad one becomes NaT and its row is listed. Midnight without a zone counts as the date."""
    texts, bad = _matching(values, DATE)
    array, wrong = _parse([match[1] if match else "NaT" for match in texts])
    return array, sorted({*bad, *wrong})


def timestamps(values: Sequence[Any], zone: ZoneInfo) -> tuple[Array, list[int]]:
    """Convert ISO timestamps; a bad one becomes NaT and its row is listed.

    One with an offset is brought to the zone and loses the offset; one without is in the zone already.
    """
    texts, bad = _matching(values, TIMESTAMP)
    array, wrong = _parse([match[1] if match else "NaT" for match in texts])
    suffixes = [match[2] if match else None for match in texts]
    aware = [row for row, suffix in enumerate(suffixes) if suffix is not None]
    if aware:
        shift = {suffix: _offset(suffix) for suffix in set(suffixes) if suffix}
        offsets = np.array([shift[suffixes[row]] for row in aware], dtype="timedelta64[s]")
        array[aware] = to_zone(array[aware] - offsets, zone)
        lost = np.isnat(array[aware])
        wrong = [*wrong, *(row for row, gone in zip(aware, lost, strict=True) if gone)]
    return array, sorted({*bad, *wrong})


def to_zone(utc: Array, zone: ZoneInfo) -> Array:
    """Convert UTC datetime64[us] to the wall clock of a zone; what leaves the years 1 to 9999 is NaT."""
    seconds, inverse = np.unique(utc.astype("datetime64[s]"), return_inverse=True)
    shifts = np.array([_shift(second, zone) for second in seconds], dtype="timedelta64[s]")
    local = utc + shifts[inverse]
    return np.where((local < FIRST) | (local > LAST), np.datetime64("NaT", "us"), local)


def _shift(second: Any, zone: ZoneInfo) -> timedelta | None:
    if np.isnat(second):
        return None
    try:
        return (EPOCH + timedelta(seconds=int(second.astype(np.int64)))).astimezone(zone).utcoffset()
    except OverflowError:
        return None


def _offset(suffix: str) -> timedelta | None:
    digits = suffix.replace(":", "")
    if digits[0] not in "+-":
        return timedelta(0)
    hours, minutes = int(digits[1:3]), int(digits[3:] or 0)
    if hours > 23 or minutes > 59:
        return None
    return (1 if digits[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes)


def _matching(values: Sequence[Any], pattern: re.Pattern[str]) -> tuple[list[re.Match[str] | None], list[int]]:
    full = pattern.fullmatch
    found = [full(value) if isinstance(value, str) else None for value in values]
    bad = [row for row, match in enumerate(found) if match is None and values[row] is not None]
    return found, bad


def _parse(texts: list[str]) -> tuple[Array, list[int]]:
    try:
        array = np.array(texts, dtype="datetime64[us]")
    except ValueError:
        return _parse_each(texts)
    outside = (array < FIRST) | (array > LAST)
    array[outside] = np.datetime64("NaT", "us")
    return array, [int(row) for row in np.flatnonzero(outside)]


def _parse_each(texts: list[str]) -> tuple[Array, list[int]]:
    array = np.full(len(texts), np.datetime64("NaT", "us"), dtype="datetime64[us]")
    bad: list[int] = []
    for row, text in enumerate(texts):
        try:
            array[row] = np.datetime64(text, "us")
        except ValueError:
            bad.append(row)
        else:
            if text != "NaT" and not FIRST <= array[row] <= LAST:
                array[row] = np.datetime64("NaT", "us")
                bad.append(row)
    return array, bad
