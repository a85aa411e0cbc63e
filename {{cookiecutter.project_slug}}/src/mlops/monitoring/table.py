"""Reads a file as the columns that a profile is made of, or that it judges.

The contract says what a column is. Where there is none, or it is of another table, the values say it when a profile is
made, and the profile when a file is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from mlops.contract.columns import Columns
from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.contract.near import did_you_mean
from mlops.data import table
from mlops.data.arrow import text_of
from mlops.data.names import is_calendar, is_identifier, is_row_number
from mlops.data.parse import BOOLEANS, NULLS, typed_text
from mlops.data.profile import Profile as Look
from mlops.data.profile import profile as look_at
from mlops.monitoring.window import Array
from mlops.serving.profile import Form, Monitored, Profile

UTC = ZoneInfo("UTC")
FITTING: dict[Form, tuple[str, ...]] = {
    "number": ("number", "integer", "boolean"),
    "category": ("string",),
    "presence": ("number", "integer", "boolean", "string", "date", "timestamp"),
}


def belongs(frame: pd.DataFrame, agreed: Contract | None) -> bool:
    """Tell whether a raw table is one of the contract's: it has more than half of the inputs."""
    if agreed is None:
        return False
    given = {str(name) for name in frame.columns}
    return 2 * sum(column.name in given for column in agreed.inputs) > len(agreed.inputs)


def by_contract(frame: pd.DataFrame, agreed: Contract, where: str) -> pd.DataFrame:
    """Type the inputs of a raw table as the contract says.

    Raises:
        MlopsError: A column is missing, or has values of another type.
    """
    typed = table.typed(frame, agreed, where, [column.name for column in agreed.inputs])
    for name, bad in typed.invalid.items():
        _refuse(where, name, bad, agreed.column(name).kind, agreed.column(name).restricted)
    return typed.frame


def by_looks(frame: pd.DataFrame, where: str) -> tuple[pd.DataFrame, Contract]:
    """Type a raw table as its values look, and write down what was found as a contract without a target.

    Raises:
        MlopsError: A column holds values that are beyond what can be exact, or infinite.
    """
    looks = {str(name): look_at(frame[name], str(name), UTC) for name in frame.columns}
    for name, look in looks.items():
        if look.unread:
            raise MlopsError(f"{where}: column {name!r}: {look.note}.")
    # Of a name that grows with each row only its absence can tell anything: it is monitored like a restricted column.
    columns = tuple(Column(name, look.kind, restricted=_names_rows(look)) for name, look in looks.items())
    typed = pd.DataFrame({name: look.values for name, look in looks.items()}, index=pd.RangeIndex(len(frame)))
    return typed, Contract("file", where, "0", "", UTC, columns)


def _names_rows(look: Look) -> bool:
    if not look.unique or look.kind != "integer" or is_calendar(look.name) or look.rows < 2:
        return False
    values = look.values.to_numpy(dtype=np.float64)
    follow = bool(values.max() - values.min() + 1 == len(values))
    return is_identifier(look.name) or is_row_number(look.name) or (follow and len(values) > 20)


def by_profile(frame: pd.DataFrame, profile: Profile, agreed: Contract | None, where: str) -> Columns:
    """Read the columns that a profile monitors, by the contract where it has them.

    Args:
        frame: as `read_raw` gave it; columns that are not monitored do no harm.
        profile: the reference.
        agreed: the contract, where there is one.
        where: what messages call the table.

    Raises:
        MlopsError: A monitored column is missing, or has values of another type.
    """
    inputs = [column for column in profile.monitored if column.kind == "input"]
    given = [str(name) for name in frame.columns]
    if missing := [column.name for column in inputs if column.name not in given]:
        raise MlopsError(
            f"{where}: {_listed(missing)} missing, and the profile monitors {'them' if len(missing) > 1 else 'it'}. "
            f"Add what is missing, empty where it is unknown. {did_you_mean(missing[0], given)}"
        )
    known = {column.name: column for column in agreed.inputs} if belongs(frame, agreed) and agreed else {}
    return {
        column.name: _values(frame[column.name], column, known.get(column.name), agreed, where) for column in inputs
    }


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"columns {shown} are" if len(names) > 1 else f"column {shown} is"


def _values(raw: pd.Series[Any], column: Monitored, known: Column | None, agreed: Contract | None, where: str) -> Array:
    if known is not None and agreed is not None and known.kind in FITTING[column.form]:
        typed, bad = table.typed_column(raw.reset_index(drop=True), known, agreed)
        if len(bad):
            _refuse(where, known.name, bad, known.kind, known.restricted)
        return table.array(typed, known)
    text = text_of(raw).reset_index(drop=True)
    return {"number": _numbers, "category": _texts, "presence": _presences}[column.form](text, column.name, where)


def _numbers(text: pd.Series[Any], name: str, where: str) -> Array:
    words = text.map(lambda word: BOOLEANS.get(word.strip().lower(), word) if isinstance(word, str) else word)
    plain = words.map(lambda word: str(int(word)) if isinstance(word, bool) else word)
    values, wrong = typed_text(plain, "number", UTC)
    if wrong.any():
        _refuse(where, name, text[wrong], "number", restricted=False)
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _texts(text: pd.Series[Any], name: str, where: str) -> Array:
    return np.asarray(text.where(text.notna(), ""), dtype=object)


def _presences(text: pd.Series[Any], name: str, where: str) -> Array:
    null = text.isna() | text.map(lambda word: isinstance(word, str) and word.strip().lower() in NULLS)
    return np.asarray(np.where(null, "", "any"), dtype=object)


def _refuse(where: str, name: str, bad: pd.Series[Any], kind: str, restricted: bool) -> None:
    example = "" if restricted else f" (for example {bad.iloc[0]!r} in row {int(bad.index[0]) + 1})"
    raise MlopsError(
        f"{where}: column {name!r}: {len(bad)} value{'s are' if len(bad) > 1 else ' is'} no {kind}{example}. "
        "Correct the file, or leave the field empty where a value is unknown."
    )
