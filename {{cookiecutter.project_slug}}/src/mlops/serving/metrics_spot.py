"""Where the rows of one column are counted, and the quickest way to do so for few rows and for many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mlops.contract.model import Scalar
from mlops.serving.profile import Monitored
from mlops.serving.slices import Slicer
from mlops.serving.tally import Tally

Values = np.ndarray | Sequence[Any]
Given = Mapping[str, Values]


class Codes(Protocol):
    """Finds the bin of a value."""

    def code(self, value: Any) -> int:
        """Find the bin of one value."""

    def codes(self, values: Any) -> np.ndarray:
        """Find the bins of many."""


class Classes:
    """Bins of the predictions themselves: one a class, or one for all numbers of a regression."""

    def __init__(self, classes: Sequence[Scalar]) -> None:
        self.names = tuple(str(label) for label in classes) or ("",)
        self.table = {label: number for number, label in enumerate(classes)}

    def code(self, value: Any) -> int:
        """Find the bin of one prediction."""
        return self.table.get(value, 0)

    def codes(self, values: Values) -> np.ndarray:
        """Find the bins of many predictions."""
        if not self.table:
            return np.zeros(len(values), dtype=np.int64)
        return np.fromiter(map(self.table.__getitem__, values), np.int64, len(values))


@dataclass(frozen=True)
class Cuts:
    """A number's bins as upper ends in rising order, and for each stretch between them its place among the labels."""

    ends: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, column: Monitored) -> Cuts:
        """Lay the ends of the bins and of the range on one line; what is beyond infinity is NaN."""
        inside = list(range(len(column.edges) + 1))
        edges, infinity, null = np.asarray(column.edges, dtype=np.float64), np.inf, len(column.labels) - 1
        if column.range is None:
            return cls(np.array([*edges, infinity]), np.array([*inside, null]))
        low, high = np.nextafter(column.range[0], -infinity), column.range[1]
        ends = np.array([low, *np.clip(edges, low, high), high, infinity])
        return cls(ends, np.array([null - 2, *inside, null - 1, null]))

    def counts(self, values: np.ndarray) -> np.ndarray:
        """Count the values of each stretch; to sort them is quicker than to look each one up."""
        below = np.sort(values).searchsorted(self.ends, side="right")
        counts = np.empty(len(below) + 1, dtype=np.int64)
        counts[0], counts[-1] = below[0], len(values) - below[-1]
        np.subtract(below[1:], below[:-1], out=counts[1:-1])
        return counts


@dataclass(frozen=True)
class Spot:
    """Where one column is counted: in `width` places from `whole` on, and in as many for each slice of some slicers."""

    column: str
    coder: Codes
    width: int
    whole: int
    sliced: tuple[tuple[Slicer, int], ...]
    cuts: Cuts | None = None  # where there are no slices
    table: Mapping[str, int] | None = None  # of text, where there are no slices
    default: int = 0

    def few(self, tally: Tally, values: Values, given: Given) -> None:
        """Count some rows, one after the other."""
        numbers, code, whole = tally.numbers, self.coder.code, self.whole
        listed = _listed(values)
        if not self.sliced:
            for value in listed:
                numbers[whole + code(value)] += 1
            return
        codes = [code(value) for value in listed]
        for at in codes:
            numbers[whole + at] += 1
        for slicer, first in self.sliced:
            places, none = slicer.places, slicer.none
            for at, value in zip(codes, _listed(given[slicer.column]), strict=True):
                place = places.get(str(value), none)
                if place < none:
                    numbers[first + place * self.width + at] += 1

    def many(self, tally: Tally, values: Values, given: Given) -> None:
        """Count a batch of rows at once."""
        if self.table is not None:
            numbers, get, default = tally.numbers, self.table.get, self.default
            for value, rows in Counter(_listed(values)).items():
                numbers[self.whole + get(str(value), default)] += rows
        elif self.cuts is not None:
            tally.array[self.whole + self.cuts.places] += self.cuts.counts(np.asarray(values))
        else:
            self._by_code(tally, values, given)

    def _by_code(self, tally: Tally, values: Values, given: Given) -> None:
        codes, width = self.coder.codes(values), self.width
        tally.array[self.whole : self.whole + width] += np.bincount(codes, minlength=width)
        for slicer, first in self.sliced:
            size = slicer.none * width
            both = np.bincount(slicer.array_of(given) * width + codes, minlength=size + width)
            tally.array[first : first + size] += both[:size]


def _listed(values: Values) -> Sequence[Any]:
    found: Sequence[Any] = values.tolist() if isinstance(values, np.ndarray) else values
    return found
