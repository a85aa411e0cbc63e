from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from counting import calls
from unit.data.tables import contract

from mlops.contract.columns import convert, to_columns
from mlops.contract.errors import MlopsError
from mlops.contract.times import dates, timestamps

ALL = contract(
    "name: y, tags: [target], logicalType: number",
    "name: number, logicalType: number",
    "name: integer, logicalType: integer",
    "name: boolean, logicalType: boolean",
    "name: string, logicalType: string",
    "name: date, logicalType: date",
    "name: timestamp, logicalType: timestamp",
    head="customProperties: [{property: timezone, value: America/New_York}]\n",
)
GOOD: dict[str, list[Any]] = {
    "number": [0, -1.5, 10**300, None],
    "integer": [1, 2.0, -(2**53), None],
    "boolean": [True, False, None],
    "string": ["", "é", "NA", None],
    "date": ["2024-02-29", "0001-01-01", "2024-01-01T00:00:00", None],
    "timestamp": [
        "2024-01-01T05:00:00Z",
        "2024-03-10 02:30",
        "2024-01-01",
        "2024-07-01T05:00:00.123456789+02:00",
        None,
    ],
}
BAD: dict[str, list[Any]] = {
    "number": [True, "3", float("nan"), float("inf"), 10**400, [1], {}],
    "integer": [True, "3", 1.5, 2**53 + 1, float("-inf"), 1e300],
    "boolean": [0, 1, "true", 1.0],
    "string": [1, True, 1.5, ["a"], "\ud800"],
    "date": [20240101, "2024-02-30", "2024-1-1", "20240101", "2024-01-01T01:00", "10000-01-01", "0000-01-01", ""],
    "timestamp": [
        0,
        "2024-01-01T25:00",
        "2024-01-01T00:00:60",
        "1 Jan 2024",
        "0001-01-01T00:00:00Z",
        "2024-01-01T00:00+25:00",
        "",
    ],
}


@pytest.mark.parametrize("kind", GOOD)
def test_good_values_become_arrays(kind: str) -> None:
    columns = to_columns(ALL, {kind: GOOD[kind]}, [kind])
    assert columns[kind].dtype == {"string": object, "date": "M8[us]", "timestamp": "M8[us]"}.get(kind, np.float64)
    array, bad = convert(ALL, ALL.column(kind), GOOD[kind])
    assert not bad
    assert array[-1] == "" if kind == "string" else np.isnan(array[-1]) or np.isnat(array[-1])


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in BAD for value in BAD[kind]])
def test_a_bad_value_is_told_alone_and_its_neighbours_stay(kind: str, value: object) -> None:
    array, bad = convert(ALL, ALL.column(kind), [GOOD[kind][0], value, GOOD[kind][1]])
    alone, _ = convert(ALL, ALL.column(kind), GOOD[kind][:2])
    assert [item.row for item in bad] == [1]
    assert (array[[0, 2]] == alone).all()
    with pytest.raises(MlopsError, match=f"column '{kind}': 1 bad value: "):
        to_columns(ALL, {kind: [value]}, [kind])


def test_times_are_brought_to_the_contracts_zone_and_gaps_are_no_error() -> None:
    zone = ZoneInfo("America/New_York")
    given = ["2024-01-01T05:00:00Z", "2024-07-01T05:00:00+00:00", "2024-03-10T02:30:00", "2024-03-10T07:00:00Z"]
    array, bad = timestamps(given, zone)
    assert not bad
    assert [str(t)[:16] for t in array] == [
        "2024-01-01T00:00",
        "2024-07-01T01:00",
        "2024-03-10T02:30",
        "2024-03-10T03:00",
    ]


def test_a_date_is_a_day() -> None:
    array, bad = dates(["2024-02-29", None, "2023-02-29"])
    assert [str(day)[:10] for day in array] == ["2024-02-29", "NaT", "NaT"]
    assert bad == [2]


def test_a_restricted_value_is_not_told() -> None:
    own = contract(
        "name: y, tags: [target], logicalType: number", "name: x, logicalType: number, classification: restricted"
    )
    with pytest.raises(MlopsError) as told:
        to_columns(own, {"x": ["secret"]})
    assert "secret" not in str(told.value)


def test_a_missing_column_is_null_in_every_row() -> None:
    assert np.isnan(to_columns(ALL, {"number": [1, 2]})["integer"]).all()


def test_ten_times_the_rows_are_ten_times_the_work() -> None:
    own = contract(
        "name: y, tags: [target], logicalType: number", *(f"name: x{i}, logicalType: number" for i in range(30))
    )

    def work(rows: int) -> int:
        raw = {f"x{i}": [1.5, None, 3] * (rows // 3) for i in range(30)}
        return calls(lambda: to_columns(own, raw))

    assert work(6000) <= 10 * work(600)
