"""Real rows, changed as an expectation says, and still what a client could send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract.columns import LARGEST_INTEGER, convert
from mlops.contract.limits import breaches
from mlops.contract.model import Column, Contract
from mlops.data import table
from mlops.data.sample import evenly
from mlops.gates.conditions import NUMERIC, TIMES, Mask, fail, known, meant, value_of
from mlops.gates.expectation import Change, Expectation
from mlops.gates.match import Match

MOST = 1000
CANDIDATES = 10 * MOST
FOREVER = 1e12  # seconds; any time moved by it leaves the years that a client may send
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Variant:
    """Which rows of a match are tested, by position, shape (m,); and these rows as changed, None where nothing is."""

    rows: Rows
    changed: pd.DataFrame | None = None


def vary(match: Match, asked: Expectation, said: str) -> Variant:
    """Choose at most 1,000 evenly spaced rows that an expectation speaks of, and change them.

    Left out are rows whose value is null, stays as it is, or would leave what the contract allows.

    Args:
        match: its rows are typed by its contract.
        asked: the expectation.
        said: what messages call it.

    Raises:
        MlopsError: A column is unknown or no input, or a change or condition does not fit its kind.
    """
    chosen = meant(match, asked, said)
    rows = np.flatnonzero(chosen)
    if asked.column is None or asked.change is None:
        return Variant(thin(rows, MOST))
    column = _input(match, asked.column, said)
    _check_fits(match.agreed, column, asked.change, said)
    values = match.rows[column.name]
    if asked.change.how != "to":
        rows = np.flatnonzero(chosen & values.notna().to_numpy())
    rows = thin(rows, CANDIDATES)
    old = values.iloc[rows]
    new = _changed(match, column, asked.change, old)
    kept = _sendable(new, column, match.agreed) & _differs(old, new)
    if not _empties(asked.change):
        kept &= new.notna().to_numpy()
    positions = thin(np.flatnonzero(kept), MOST)
    rows = rows[positions]
    return Variant(rows, table.replaced(match.rows.iloc[rows], {column.name: new.iloc[positions]}))


def without_optional(match: Match, most: int) -> Variant:
    """Take some rows without any input that a client may leave out; unchanged where there is no such input."""
    names = [column.name for column in match.agreed.inputs if not column.required]
    rows = thin(np.arange(len(match.rows)), most)
    frame = match.rows.iloc[rows]
    return Variant(rows, table.replaced(frame, {name: _nothing(frame[name]) for name in names}) if names else None)


def thin(rows: Rows, most: int) -> Rows:
    """Keep at most so many rows, evenly spaced."""
    return rows[evenly(len(rows), most)]


def _input(match: Match, name: str, said: str) -> Column:
    column = known(match, name, said)
    if not column.is_input:
        tags = ", ".join(sorted(column.roles))
        names = ", ".join(c.name for c in match.agreed.inputs)
        fail(said, f"column {name!r} (tags: {tags}) is no input, so the model never sees it. Inputs are {names}.")
    return column


def _check_fits(agreed: Contract, column: Column, change: Change, said: str) -> None:
    what = f"the change {change.text!r} does not fit column {column.name!r}, a {column.kind}"
    if change.how == "scale" and column.kind not in NUMERIC:
        fail(said, f"{what}. Only numbers can be multiplied.")
    if change.how == "shift" and change.unit is None and column.kind not in NUMERIC:
        unit = " Write a unit, as in +1d." if column.kind in TIMES else " Only numbers and times can be shifted."
        fail(said, f"{what}.{unit}")
    if change.how == "shift" and change.unit is not None and column.kind not in TIMES:
        fail(said, f"{what}. Leave the unit {change.unit!r} out, or name a date or timestamp.")
    if change.how == "shift" and column.kind == "date" and change.amount % 86400:
        fail(said, f"{what}. Move it by whole days.")
    if change.value is not None:
        value = pd.Series([value_of(agreed, column, change.value, said)], dtype=object)
        if not _sendable(value, column, agreed)[0]:
            fail(
                said, f"contract.yaml does not allow {change.value!r} in column {column.name!r}. Choose another value."
            )
    if column.required and (_empties(change) or change.value == ""):
        fail(said, f"column {column.name!r} is required, so no client can leave it out. Choose another change.")


def _empties(change: Change) -> bool:
    return change.how == "missing" or (change.how == "to" and change.value is None)


def _changed(match: Match, column: Column, change: Change, old: pd.Series[Any]) -> pd.Series[Any]:
    if change.value is not None:
        value = value_of(match.agreed, column, change.value, "")
        return pd.Series([value] * len(old), index=old.index, dtype=old.dtype)
    if _empties(change):
        return _nothing(old)
    if change.how == "swap":
        return _swapped(match.rows[column.name], column, match.agreed, old)
    if column.kind in TIMES:
        seconds = min(max(change.amount, -FOREVER), FOREVER)
        return old + np.timedelta64(round(seconds * 1e6), "us")
    values = old.to_numpy(dtype=np.float64, na_value=np.nan)
    moved = values * change.amount if change.how == "scale" else values + change.amount
    if column.kind == "integer":
        moved = _whole(values, moved)
    return pd.Series(moved, index=old.index).where(np.isfinite(moved)).astype(old.dtype)


def _whole(values: NDArray[np.float64], moved: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to integers, and away from the value that was there."""
    rounded = np.rint(moved)
    rounded = np.where((rounded == values) & (moved != values), values + np.sign(moved - values), rounded)
    return np.where(np.abs(rounded) <= LARGEST_INTEGER, rounded, np.nan)


def _swapped(values: pd.Series[Any], column: Column, agreed: Contract, old: pd.Series[Any]) -> pd.Series[Any]:
    """Give each row another value of the column's, each of the others in turn."""
    pool = pd.Series(values.dropna().unique(), dtype=values.dtype).sort_values(ignore_index=True)
    pool = pool[_sendable(pool, column, agreed)].reset_index(drop=True)
    if len(pool) < 2:
        return old
    at = pd.Index(pool).get_indexer(pd.Index(old))
    others = (at + 1 + np.arange(len(old)) % (len(pool) - 1)) % len(pool)
    swapped: pd.Series[Any] = pool.iloc[others].set_axis(old.index)
    return swapped


def _nothing(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.where(np.zeros(len(values), dtype=bool))


def _differs(old: pd.Series[Any], new: pd.Series[Any]) -> Mask:
    same = (old == new).fillna(False).to_numpy(dtype=bool)
    return ~(same | (old.isna() & new.isna()).to_numpy())


def _sendable(values: pd.Series[Any], column: Column, agreed: Contract) -> Mask:
    """Mark the values that a request with them would be answered without a warning."""
    sent = table.to_json(values.to_frame(column.name), agreed)[column.name]
    array, bad = convert(agreed, column, sent)
    fine = np.ones(len(sent), dtype=bool)
    fine[[item.row for item in bad]] = False
    for rule in column.rules:
        if rule.kind != "unique":
            fine &= ~breaches(rule, column.kind, array)
    return fine
