"""Columns in, features out. The same function runs in training and in the server."""

from __future__ import annotations

import numpy as np

Columns = dict[str, np.ndarray]


def features(columns: Columns) -> Columns:
    """Pass every column on as it is, dates and times as their parts.

    Args:
        columns: one array of shape (n,) per input column: float64 with NaN, object with "", datetime64[us] with NaT.

    Returns:
        One array of shape (n,) per feature; row i depends on row i alone.
    """
    made: Columns = {}
    for name, values in columns.items():
        if np.issubdtype(values.dtype, np.datetime64):
            made |= {f"{name}_{part}": known(values, number) for part, number in parts(values).items()}
        else:
            made[name] = values
    return made


def parts(time: np.ndarray) -> Columns:
    """Split times into the numbers that a model can learn from."""
    day = time.astype("datetime64[D]")
    month = time.astype("datetime64[M]")
    return {
        "year": time.astype("datetime64[Y]").astype(np.int64) + 1970,
        "month": month.astype(np.int64) % 12 + 1,
        "day": (day - month.astype("datetime64[D]")).astype(np.int64) + 1,
        "weekday": (day.astype(np.int64) + 3) % 7,
        "minute_of_day": (time - day) / np.timedelta64(1, "m"),
    }


def known(time: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Keep the value where the time is known, else NaN."""
    return np.where(np.isnat(time), np.nan, value)
