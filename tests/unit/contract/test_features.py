from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mlops.contract.columns import Columns
from mlops.contract.errors import MlopsError
from mlops.contract.features import model_inputs


def columns() -> Columns:
    return {
        "x": np.array([1.0, np.nan, 1e300]),
        "s": np.array(["a", "", "b"], object),
        "t": np.array(["2024", "NaT", "2025"], "M8[us]"),
    }


def test_numbers_become_float32_and_text_stays_text() -> None:
    made = model_inputs(lambda c: {"x": c["x"], "b": c["x"] > 0, "s": c["s"], "u": c["s"].astype("U3")}, columns(), 3)
    assert [array.dtype for array in made.values()] == [np.float32, np.float32, object, object]
    assert list(np.isnan(made["x"])) == [False, True, True]
    assert all(type(value) is str for value in made["u"])


def test_the_function_cannot_change_what_it_was_given() -> None:
    given = columns()

    def spoil(found: Columns) -> Columns:
        found["x"][:] = 0
        return {"x": found["x"]}

    model_inputs(spoil, given, 3)
    assert given["x"][0] == 1.0


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda c: {"z": c["z"]}, "asked for the column 'z', which is no input"),
        (lambda c: 1 / 0, "ZeroDivisionError"),
        (lambda c: {}, "at least one feature"),
        (lambda c: None, "gave nothing"),
        (lambda c: {"a": [1, 2, 3]}, "'a' is a list, not a NumPy array"),
        (lambda c: {"a": c["x"][:2]}, r"'a' has the shape \(2,\), not \(3,\)"),
        (lambda c: {"a": c["x"][:, None]}, r"shape \(3, 1\)"),
        (lambda c: {"a": c["t"]}, "'a' has the dtype 'datetime64"),
        (lambda c: {"a": c["x"] + 1j}, "complex"),
        (lambda c: {"a": np.array(["x", None, "y"], object)}, "'a' holds None in row 1"),
        (lambda c: {1: c["x"]}, "named a feature 1"),
    ],
)
def test_what_a_model_cannot_be_fed_is_named(function: Callable[[Columns], Columns], says: str) -> None:
    with pytest.raises(MlopsError, match=says):
        model_inputs(function, columns(), 3)
