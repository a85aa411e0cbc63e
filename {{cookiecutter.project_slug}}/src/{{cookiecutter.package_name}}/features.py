"""Columns in, features out. The same function runs in training and in the server."""

from __future__ import annotations

import numpy as np

Columns = dict[str, np.ndarray]


def features(columns: Columns) -> Columns:
    """Derive the model's inputs from the contract's columns.

    Args:
        columns: one array of shape (n,) per input column: float64 with NaN, object with "", datetime64[us] with NaT.

    Returns:
        One array of shape (n,) per feature; row i depends on row i alone.
    """
    departure = columns["scheduled_departure"]
    day = departure.astype("datetime64[D]")
    return {
        "minute_of_day": known(departure, (departure - day) / np.timedelta64(1, "m")),
        "weekday": known(departure, (day.astype(np.int64) + 3) % 7),
        "arrival_hour": columns["scheduled_arrival_hour"],
        "distance": columns["distance"],
        "seats": columns["seats"],
        "plane_age": known(departure, year(departure)) - columns["plane_built"],
        "temperature": columns["temperature"],
        "dew_point_spread": columns["temperature"] - columns["dew_point"],
        "wind_speed": columns["wind_speed"],
        "precipitation": columns["precipitation"],
        "pressure": columns["pressure"],
        "visibility": columns["visibility"],
        "origin": columns["origin"],
        "destination": columns["destination"],
        "carrier": columns["carrier"],
    }


def known(time: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Keep the value where the time is known, else NaN."""
    return np.where(np.isnat(time), np.nan, value)


def year(time: np.ndarray) -> np.ndarray:
    """Return the calendar year of each time."""
    return time.astype("datetime64[Y]").astype(np.int64) + 1970
