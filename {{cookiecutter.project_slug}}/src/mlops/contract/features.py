"""Calls the project's `features()` and hands on what a model can be fed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlops.contract.columns import Columns
from mlops.contract.errors import MlopsError

Array = np.ndarray[Any, Any]
Features = Callable[[Columns], Columns]


def model_inputs(function: Features, columns: Columns, n: int) -> Columns:
    """Derive the model's inputs: float32 with NaN for numbers, object of str for text.

    Args:
        function: the project's `features()`.
        columns: one array of shape (n,) per input column; the function gets copies.
        n: the number of rows.

    Raises:
        MlopsError: The function failed, or a feature is not an array of n numbers or texts.
    """
    found = _call(function, {name: values.copy() for name, values in columns.items()})
    if not isinstance(found, dict) or not found:
        raise MlopsError(f"features() gave {_short(found)}. It must return a dict with at least one feature.")
    return {_name(name): _cast(name, values, n) for name, values in found.items()}


def _call(function: Features, columns: Columns) -> Any:
    try:
        return function(columns)
    except KeyError as error:
        if error.args and error.args[0] not in columns:
            raise MlopsError(
                f"features() asked for the column {error.args[0]!r}, which is no input of contract.yaml. "
                f"It gets {', '.join(map(repr, columns))}."
            ) from error
        raise MlopsError(f"features() failed: {error!r}. Correct features.py.") from error
    except Exception as error:
        raise MlopsError(f"features() failed: {type(error).__name__}: {error}. Correct features.py.") from error


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise MlopsError(f"features() named a feature {name!r}. Names are text.")
    return name


def _cast(name: str, values: Any, n: int) -> Array:
    if not isinstance(values, np.ndarray):
        raise MlopsError(f"feature {name!r} is {_short(values)}, not a NumPy array. Return one array of shape ({n},).")
    if values.shape != (n,):
        raise MlopsError(f"feature {name!r} has the shape {values.shape}, not ({n},). Return one value for each row.")
    if values.dtype.kind in "fiub":
        return _float32(values)
    if values.dtype.kind in "OUT":
        return _text(name, values)
    raise MlopsError(
        f"feature {name!r} has the dtype {str(values.dtype)!r}. Turn it into numbers or text in features.py."
    )


def _float32(values: Array) -> Array:
    with np.errstate(over="ignore"):
        small = values.astype(np.float32)
    small[~np.isfinite(small)] = np.nan
    return small


def _text(name: str, values: Array) -> Array:
    text = values.astype(object)
    for row, value in enumerate(text):
        if not isinstance(value, str):
            raise MlopsError(
                f'feature {name!r} holds {value!r} in row {row}, which is not text. Return str, "" for unknown.'
            )
    return text


def _short(value: Any) -> str:
    return f"a {type(value).__name__}" if value is not None else "nothing"
