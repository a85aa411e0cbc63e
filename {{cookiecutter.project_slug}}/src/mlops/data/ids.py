"""Which columns differ in every row as a name does, and which only count."""

from __future__ import annotations

from collections.abc import Mapping

from mlops.data.names import is_identifier, is_time
from mlops.data.profile import Profile
from mlops.data.useless import numbers_rows

NAME = "it names each row"
COUNT = "a different whole number in every row and none left out; take the tag away if it is a measure"


def ids(columns: Mapping[str, Profile], needed: bool) -> dict[str, str]:
    """Find the columns that name rows, the likeliest first, and say why.

    Args:
        columns: those that have no role yet.
        needed: whether there is no other input: then a count that does not begin at 0 or 1 is one, and no name.
    """
    found = {name: why for name, column in columns.items() if (why := _names_rows(column))}
    if needed and len(found) == len(columns):
        found = {name: why for name, why in found.items() if why != COUNT or numbers_rows(columns[name])}
    called = [name for name in found if is_identifier(name)]
    first = (called or list(found))[:1]
    return {name: found[name] for name in (*first, *(name for name in found if name not in first))}


def _names_rows(column: Profile) -> str | None:
    if not column.unique or is_time(column.name):
        return None
    if column.kind == "string":
        return NAME
    if column.kind != "integer":
        return None
    if is_identifier(column.name):
        return NAME
    values = column.values.to_numpy(dtype=float)
    return COUNT if values.max() - values.min() + 1 == len(values) else None


def unused_order(columns: Mapping[str, Profile]) -> str | None:
    """Name a number that by its name and its values orders the rows, but is no time that can be read."""
    for name, column in columns.items():
        numbers = column.kind in ("integer", "number") and column.unique
        if numbers and is_time(name) and column.values.is_monotonic_increasing:
            return name
    return None
