"""What a column looks like: its kind, and the few numbers that its role is decided by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops.contract.model import Kind
from mlops.contract.times import DATE, TIMESTAMP
from mlops.data.arrow import arrow_of, typed_arrow
from mlops.data.parse import BOOLEANS, NULLS, typed_text

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
WHOLE = re.compile(r"[+-]?\d+\.0*", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
CODE = re.compile(r"[+-]?0\d+", re.ASCII)
NEARLY = ("looks like", "nearly all")
OTHER_DATE = re.compile(r"\d{1,4}[/.]\d{1,2}[/.]\d{1,4}.*", re.ASCII)


@dataclass(frozen=True)
class Profile:
    """A column, typed, with what there is to say about how its kind was decided."""

    name: str
    kind: Kind
    values: pd.Series[Any]
    unread: int
    note: str | None = None

    @cached_property
    def counts(self) -> pd.Series[int]:
        """How often each value occurs, the most frequent first; nulls do not count."""
        return self.values.dropna().value_counts()

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.values)

    @cached_property
    def nulls(self) -> int:
        """The number of nulls."""
        return int(self.values.isna().sum())

    @property
    def distinct(self) -> int:
        """The number of different values."""
        return len(self.counts)

    @property
    def unique(self) -> bool:
        """Whether each row has a value of its own."""
        return self.nulls == 0 and self.distinct == self.rows

    @cached_property
    def mean_length(self) -> float:
        """The mean length of a text; 0 for other kinds."""
        if self.kind != "string" or self.distinct == 0:
            return 0.0
        return float(self.values.dropna().str.len().mean())


def profile(raw: pd.Series[Any], name: str, zone: ZoneInfo) -> Profile:
    """Decide a column's kind from its values and read it so.

    Args:
        raw: as `read_raw` gave it.
        name: the column's name.
        zone: of timestamps with an offset.
    """
    is_text = raw.dtype == object or isinstance(raw.dtype, pd.StringDtype)
    kind, note = _of_text(raw) if is_text else _of_arrow(arrow_of(raw))
    values, wrong = (typed_text if is_text else typed_arrow)(raw.reset_index(drop=True), kind, zone)
    unread = int(wrong.sum())
    if unread:
        shown = raw[wrong].iloc[0]
        note = f"{unread} of its values such as {str(shown)!r} break the contract, being no {kind}: write them as null"
    return Profile(name, kind, values, unread, note)


def _of_text(raw: pd.Series[Any]) -> tuple[Kind, str | None]:
    words = [word.strip() for word in pd.unique(raw) if isinstance(word, str)]
    known = [word for word in words if word.lower() not in NULLS]
    if not known:
        return "string", None
    if all(word.lower() in BOOLEANS for word in known):
        return "boolean", None
    kind, note = _of_words(known, nulls=len(known) < len(words))
    if kind == "string" and note is None:
        note = _null_words(raw)
    return kind, note


def _null_words(raw: pd.Series[Any]) -> str | None:
    found = raw[raw.map(lambda word: isinstance(word, str) and word != "" and word.strip().lower() in NULLS)]
    if not len(found):
        return None
    return f"{len(found)} values such as {found.iloc[0]!r} stay text; leave the field empty where a value is unknown"


def _of_words(known: list[str], nulls: bool) -> tuple[Kind, str | None]:
    if _all(INTEGER, known):
        if _any(CODE, known):
            return "string", "digits with leading zeros are codes, so it stays text"
        exact = all(len(word) < 16 or abs(int(word)) <= 2**53 for word in known)
        return (
            ("integer", None) if exact else ("string", "integers beyond 2**53 are not exact numbers, so it stays text")
        )
    if _all(NUMBER, known):
        whole = nulls and all(INTEGER.fullmatch(word) or WHOLE.fullmatch(word) for word in known)
        return ("integer" if whole else "number"), None
    if _all(DAY, known) and _all(DATE, known):
        return "date", None
    if _all(TIMESTAMP, known):
        return "timestamp", None
    return "string", _why_text(known)


def _all(pattern: re.Pattern[str], words: list[str]) -> bool:
    return all(pattern.fullmatch(word) for word in words)


def _any(pattern: re.Pattern[str], words: list[str]) -> bool:
    return any(pattern.fullmatch(word) for word in words)


def _why_text(known: list[str]) -> str | None:
    """Tell a person of what nearly was another kind."""
    if _all(COMMA, known):
        return "looks like numbers with a decimal comma, which become numbers where they are written with a point"
    if _all(OTHER_DATE, known):
        return (
            f"looks like dates such as {known[0]!r}, which become dates where they are written as 2024-12-31 (ISO 8601)"
        )
    for kind, pattern in (("numbers", NUMBER), ("timestamps", TIMESTAMP)):
        others = [word for word in known if not pattern.fullmatch(word)]
        if len(others) <= 0.1 * len(known):
            return (
                f"nearly all are {kind}, but not {', '.join(map(repr, others[:3]))}; it stays text until these are null"
            )
    return None


def _of_arrow(array: pa.Array) -> tuple[Kind, str | None]:
    kind = array.type
    if pa.types.is_boolean(kind):
        return "boolean", None
    if pa.types.is_integer(kind):
        return "integer", None
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return ("integer" if _whole(array) else "number"), None
    if pa.types.is_date(kind):
        return "date", None
    if pa.types.is_timestamp(kind):
        return "timestamp", None
    return _of_stored_text(array)


def _whole(array: pa.Array) -> bool:
    """Whether floats are integers that became floats only because some are null."""
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    known = values[~np.isnan(values)]
    return 0 < len(known) < len(values) and bool(np.all(np.isfinite(known)) and np.all(known == np.trunc(known)))


def _of_stored_text(array: pa.Array) -> tuple[Kind, str | None]:
    known = [word for word in pd.unique(pd.Series(array.to_pylist(), dtype=object)) if word]
    if known and _all(DAY, known):
        return "date", None
    if known and _all(TIMESTAMP, known):
        return "timestamp", None
    return "string", None
