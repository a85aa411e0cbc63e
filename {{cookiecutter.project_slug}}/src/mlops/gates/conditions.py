"""Which rows an expectation speaks of, and the values of `gates.yaml` as the contract types them."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract.columns import convert
from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.contract.near import did_you_mean
from mlops.gates.expectation import Condition, Expectation, Scalar
from mlops.gates.match import Match

NUMERIC = ("number", "integer")
TIMES = ("date", "timestamp")
Mask = NDArray[np.bool_]


def meant(match: Match, asked: Expectation, said: str) -> Mask:
    """Mark the rows that meet every condition of an expectation, shape (n,).

    Raises:
        MlopsError: A column is unknown, or a condition does not fit its kind.
    """
    chosen = np.ones(len(match.rows), dtype=bool)
    for name, condition in asked.where.items():
        chosen &= _meets(match, known(match, name, said), condition, said)
    return chosen


def known(match: Match, name: str, said: str) -> Column:
    """Look up a column that the rows have."""
    columns = {column.name: column for column in match.agreed.columns if column.name in match.rows}
    if name not in columns:
        fail(said, f"contract.yaml has no column {name!r} that is not excluded. {did_you_mean(name, columns)}")
    return columns[name]


def _meets(match: Match, column: Column, condition: Condition, said: str) -> Mask:
    values = match.rows[column.name]
    if condition.one_of:
        listed = [value_of(match.agreed, column, value, said) for value in condition.one_of if value is not None]
        null = values.isna() if None in condition.one_of else False
        return np.asarray(values.isin(listed) | null, dtype=bool)
    if column.kind not in (*NUMERIC, *TIMES):
        fail(said, f"column {column.name!r} is a {column.kind}, which has no min and max. List its values.")
    low, high = (
        None if end is None else value_of(match.agreed, column, end, said) for end in (condition.min, condition.max)
    )
    above = True if low is None else (values >= low).fillna(False)
    below = True if high is None else (values <= high).fillna(False)
    return np.asarray(values.notna() & above & below, dtype=bool)


def value_of(agreed: Contract, column: Column, value: Scalar, said: str) -> Any:
    """Read a value of gates.yaml as the contract types the column."""
    array, bad = convert(agreed, column, [value])
    if bad:
        fail(said, f"{value!r} {bad[0].rule}, as column {column.name!r} is.")
    return pd.Timestamp(array[0]) if column.kind in TIMES else value


def fail(said: str, why: str) -> NoReturn:
    """Say what is wrong with an expectation."""
    raise MlopsError(f"gates.yaml: behaviour: {said}: {why}")
