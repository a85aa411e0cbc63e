from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops.pipeline.slicing import MOST, groups_of


def counts(values: pd.Series, bins: int = 4) -> dict[str, int]:
    return dict(pd.Series(groups_of(values, bins)).value_counts(sort=False))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.Series(["b", None, "a", "b"], dtype=object), {"b": 2, "(missing)": 1, "a": 1}),
        (pd.Series(["b", None], dtype="str"), {"b": 1, "(missing)": 1}),
        (pd.Series([True, None, False], dtype="boolean"), {"true": 1, "(missing)": 1, "false": 1}),
        (pd.Series([True, False]), {"true": 1, "false": 1}),
        (pd.Series([2, None, 3, 3], dtype="Int64"), {"2": 1, "(missing)": 1, "3": 2}),
        (pd.Series([1.5, np.nan, 2.0]), {"1.5": 1, "(missing)": 1, "2": 1}),
        (pd.Series([7.0] * 5), {"7": 5}),
        (pd.Series([None, None], dtype=object), {"(missing)": 2}),
        (pd.Series([np.nan]), {"(missing)": 1}),
        (pd.Series([], dtype="float64"), {}),
        (pd.to_datetime(pd.Series(["2024-02-01", None])), {"2024-02-01": 1, "(missing)": 1}),
        (pd.Series(range(100)), {"under 20": 20, "20 to under 50": 30, "50 to under 80": 30, "80 or more": 20}),
        (pd.Series([0] * 90 + list(range(1, 11))), {"under 1": 90, "1 or more": 10}),
    ],
)
def test_the_groups_of_a_column(values: pd.Series, expected: dict[str, int]) -> None:
    assert counts(values) == expected


def test_times_are_cut_at_whole_days_where_they_span_many() -> None:
    hours = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(2400), unit="h"))
    assert list(counts(hours, 2)) == ["under 2024-02-20", "2024-02-20 or more"]
    minutes = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60), unit="m"))
    assert list(counts(minutes, 2)) == ["under 2024-01-01T00:30", "2024-01-01T00:30 or more"]


@pytest.mark.parametrize("scale", [1e-9, 1.0, 3e14])
@pytest.mark.parametrize("bins", [2, 4, 20])
def test_ranges_are_about_even_and_read_in_order(scale: float, bins: int) -> None:
    values = pd.Series(np.random.default_rng(0).lognormal(0, 1, 5000) * scale)
    found = counts(values, bins)
    assert len(found) == bins
    assert min(found.values()) >= 5000 / bins / 2
    assert len(set(groups_of(values.sort_values(), bins)[:100])) == 1


def test_neighbours_that_differ_in_the_last_digit_are_still_told_apart() -> None:
    values = pd.Series(1e6 + np.arange(100) * 1e-9)
    assert len(counts(values)) == 4


def test_of_many_categories_the_rarest_are_other() -> None:
    names = pd.Series([f"c{i:03}" for i in range(120) for _ in range(120 - i)], dtype=object)
    found = counts(names)
    assert len(found) == MOST
    assert "c048" in found
    assert found["(other)"] == sum(120 - i for i in range(49, 120))
