"""To which slices of a profile a row belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from mlops.serving.profile import Slice


class Slicer:
    """The slices of one column, ready to take values."""

    def __init__(self, column: str, values: Sequence[str]) -> None:
        self.column = column
        self.names = tuple(str(Slice(column, value)) for value in values)
        self.places = {value: number for number, value in enumerate(values)}
        self.none = len(values)

    def places_of(self, columns: Mapping[str, np.ndarray | Sequence[Any]]) -> list[int]:
        """Find for each row the place of its slice in `names`; `none` where its value has no slice."""
        places, none, values = self.places, self.none, columns[self.column]
        listed = values.tolist() if isinstance(values, np.ndarray) else values
        return [places.get(str(value), none) for value in listed]

    def array_of(self, columns: Mapping[str, np.ndarray | Sequence[Any]]) -> np.ndarray:
        """Find the same of many rows."""
        values = columns[self.column]
        if not isinstance(values, np.ndarray) or values.dtype != object:
            return np.array(self.places_of(columns))
        return np.fromiter(map(self.places.get, values.tolist(), repeat(self.none)), np.int64, len(values))


def slicers(slices: Mapping[str, Sequence[str]]) -> tuple[Slicer, ...]:
    """Make ready the slices of a profile (`Profile.slices`)."""
    return tuple(Slicer(column, values) for column, values in slices.items() if values)
