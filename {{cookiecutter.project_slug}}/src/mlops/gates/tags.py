"""What the contract of a bar says of columns: by which ones rows are judged, and which values may be tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.gates.rows import keys
from mlops.pipeline.dataset import Dataset
from mlops.pipeline.prepare import BATCH, ROW

ROLES = ("slice", "protected", "group")
Read = Callable[[Contract], Dataset]


def differ(base: Contract, ours: Contract) -> bool:
    """Tell whether two contracts judge rows by other columns, or excuse themselves otherwise."""
    return _tags(base) != _tags(ours)


def _tags(contract: Contract) -> object:
    return ([[(c.name, c.kind) for c in contract.having(role)] for role in ROLES], contract.fairness)


def tagged(role: str, contract: Contract, ours: Contract, rows: pd.DataFrame, read: Read) -> dict[str, pd.Series]:
    """Find the values of a bar's columns for rows of the challenger.

    Args:
        role: `slice`, `protected` or `group`.
        contract: the one that tags.
        ours: the challenger's, by which `rows` were read; where it lacks a column or reads it otherwise, the tagging
            contract reads the data.
        rows: numbered rows.
        read: reads all data by a contract.

    Raises:
        MlopsError: A column is no longer in the data, or of another type.
    """
    same = {(column.name, column.kind) for column in ours.columns}
    wanted = contract.having(role)
    here = {c.name: rows[c.name] for c in wanted if (c.name, c.kind) in same and c.name in rows}
    missing = [c.name for c in wanted if c.name not in here]
    return here if not missing else {**here, **_read(missing, contract, rows, read)}


def limited(ours: Contract, bar: Contract) -> Contract:
    """Give a contract the limits on values and the secrets of a bar's.

    Expectations are tried on values within the limits: a pull request that narrows a range would leave none to try.
    """
    theirs = {(column.name, column.kind): column for column in bar.columns}

    def by_the_bar(column: Column) -> Column:
        said = theirs.get((column.name, column.kind), column)
        return replace(column, rules=said.rules, restricted=column.restricted or said.restricted)

    return replace(ours, columns=tuple(map(by_the_bar, ours.columns)))


def _read(names: list[str], contract: Contract, rows: pd.DataFrame, read: Read) -> dict[str, pd.Series]:
    try:
        data = read(contract)
    except MlopsError as error:
        raise MlopsError(
            f"the base branch judges rows by {', '.join(map(repr, names))}, which cannot be read: {error}"
        ) from error
    all_keys = pd.MultiIndex.from_arrays([data.batch, data.row], names=[BATCH, ROW])
    at = all_keys.get_indexer(keys(rows))
    return {name: data.frame[name].iloc[at].reset_index(drop=True) for name in names}
