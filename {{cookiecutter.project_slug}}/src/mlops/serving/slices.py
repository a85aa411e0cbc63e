"""To which slices of a profile a row belongs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlops.serving.profile import Slice


class Slicer:
    """The slices of one column, ready to take values."""

    def __init__(self, column: str, values: Sequence[str]) -> None:
        self.column = column
        self.names = tuple(str(Slice(column, value)) for value in values)
        self.places = {value: number for number, value in enumerate(values)}
        self.none = len(values)

    def places_of(self, columns: Mapping[str, np.ndarray]) -> list[int]:
        """Find for each row the place of its slice in `names`; `none` where its value has no slice."""
        places, none = self.places, self.none
        return [places.get(str(value), none) for value in columns[self.column].tolist()]


def slicers(slices: Mapping[str, Sequence[str]]) -> tuple[Slicer, ...]:
    """Make ready the slices of a profile (`Profile.slices`)."""
    return tuple(Slicer(column, values) for column, values in slices.items() if values)
