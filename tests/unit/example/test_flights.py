"""The example's data: joined by the right hour, nothing that is known only later, no cancelled flight."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pandas as pd
import pytest
from baking import PROJECT

LATER = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "departure_delay"}


@pytest.fixture(scope="module")
def flights() -> ModuleType:
    spec = importlib.util.spec_from_file_location("flights", PROJECT / "src/{{cookiecutter.package_name}}/flights.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def march(flights: ModuleType) -> pd.DataFrame:
    frame: pd.DataFrame = flights.load("2013-03")
    return frame


def test_there_are_twelve_months_and_the_first_three_are_here_on_day_one(flights: ModuleType) -> None:
    assert flights.names()[: flights.INITIAL] == ["2013-01", "2013-02", "2013-03"]
    assert len(flights.names()) == 12


def test_cancelled_and_diverted_flights_are_no_rows(flights: ModuleType, march: pd.DataFrame) -> None:
    raw = flights._read("flights.csv.zip")
    assert len(march) == (raw.loc[raw["month"] == 3, "arr_delay"].notna()).sum() == 27902
    assert march["late"].dtype == bool


def test_nothing_is_known_only_later(march: pd.DataFrame) -> None:
    assert not LATER & set(march.columns)
    numbers = march.select_dtypes("number").corrwith(march["late"].astype(float)).abs()
    assert numbers.max() < 0.5


@pytest.mark.parametrize("day", ["2013-03-09", "2013-03-11"], ids=["before daylight saving", "after"])
def test_weather_is_of_the_hour_before_by_the_local_clock(flights: ModuleType, march: pd.DataFrame, day: str) -> None:
    weather = flights._read("weather.csv")
    at_nine = march[
        (march["scheduled_departure"].dt.strftime("%Y-%m-%d %H") == f"{day} 09") & (march["origin"] == "JFK")
    ]
    month, date = int(day[5:7]), int(day[8:])
    seen = weather[
        (weather["origin"] == "JFK") & (weather["month"] == month) & (weather["day"] == date) & (weather["hour"] == 8)
    ]
    assert len(at_nine) > 5
    assert at_nine["temperature"].unique().tolist() == seen["temp"].tolist()
    assert at_nine["wind_speed"].unique().tolist() == seen["wind_speed"].tolist()


def test_joining_neither_adds_nor_drops_a_flight(flights: ModuleType) -> None:
    november = flights.load("2013-11")  # with the hour that comes twice
    assert november["flight_id"].is_unique
    assert len(november) == 26971
