"""Columns that a model can learn nothing from, and why."""

from __future__ import annotations

import numpy as np

from mlops.data.names import is_entity, is_identifier, is_row_number
from mlops.data.profile import NEARLY, Profile

LONG_TEXT = 60
FEW = 20


def useless(column: Profile) -> str | None:
    """Say why a column is of no use, or None where it may be."""
    if column.distinct == 0:
        return "null in every row" if column.unread == 0 else "it holds only values that are beyond what can be exact"
    if column.distinct == 1 and column.nulls == 0:
        return f"the same in every row ({_short(column.counts.index[0])})"
    if column.kind == "integer":
        numbers = column.unique and is_row_number(column.name) and numbers_rows(column)
        return "the rows' numbers, which begin anew in the next file" if numbers else None
    if column.kind != "string":
        return None
    if column.note is not None and column.note.startswith(NEARLY) and column.distinct > FEW:
        return column.note
    return _free_text(column)


def may_be_group(column: Profile) -> bool:
    """Whether a column names entities that have several rows each."""
    if column.kind not in ("string", "integer") or not is_entity(column.name):
        return False
    return column.nulls == 0 and 10 <= column.distinct <= 0.5 * column.rows


def numbers_rows(column: Profile) -> bool:
    """Whether a column of integers without nulls counts the rows in their order, from 0 or 1."""
    values = column.values.to_numpy(dtype=float)
    return values[0] in (0, 1) and bool(np.all(np.diff(values) == 1))


def _free_text(column: Profile) -> str | None:
    if column.mean_length > LONG_TEXT:
        return f"free text, {column.mean_length:.0f} characters on average"
    if column.unique and (is_identifier(column.name) or _mean_words(column) < 3):
        return None  # an identifier
    many, known = column.distinct, column.rows - column.nulls
    if (many > 200 and many > 0.2 * known) or (many > 50 and many > 0.5 * known):
        return None if may_be_group(column) else f"text with {many} different values in {known} rows"
    return None


def _mean_words(column: Profile) -> float:
    return float(np.mean([len(str(value).split()) for value in column.counts.index[:1000]]))


def _short(value: object) -> str:
    text = repr(value.item() if hasattr(value, "item") else value)
    return text if len(text) <= 40 else text[:37] + "…"
