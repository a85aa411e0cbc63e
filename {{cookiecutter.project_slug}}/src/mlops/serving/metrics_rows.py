"""Counts the rows that were predicted by the bins of the profile, and the predictions by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mlops.contract.model import Scalar
from mlops.serving.bins import FEW, Coder
from mlops.serving.profile import Monitored, Profile
from mlops.serving.slices import Slicer, slicers
from mlops.serving.tally import Labels, Plan, Tally

Columns = Mapping[str, np.ndarray]
# Names under which predictions stand beside the columns, none of which is called so.
SCORE, LABEL = "\0score", "\0label"
TEXT = "Rows predicted, by bin of the reference profile."


class Codes(Protocol):
    """Finds the bin of a value."""

    def code(self, value: Any) -> int:
        """Find the bin of one value."""

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Find the bins of many."""


@dataclass(frozen=True)
class Spot:
    """Where the rows of one column are counted: in `width` places from `whole` on, and for slices of some slicers."""

    column: str
    coder: Codes
    width: int
    counted: bool  # by distinct value, which is quicker for text
    whole: int
    sliced: tuple[tuple[int, int], ...]


class Rows:
    """The counters of one release's rows."""

    def __init__(self, plan: Plan, profile: Profile | None, release: str, classes: Sequence[Scalar]) -> None:
        self.slicers: list[Slicer] = []
        self.spots = tuple(self._monitored(plan, profile, release)) if profile else ()
        self.spots += (self._predictions(plan, profile, release, classes),)

    def _monitored(self, plan: Plan, profile: Profile, release: str) -> list[Spot]:
        grouped = [(column, self._of(drift_slices(column))) for column in profile.monitored]
        values = [
            (release, column.kind, name, column.name, label)
            for column, given in grouped
            for name in ("", *(name for number in given for name in self.slicers[number].names))
            for label in column.labels
        ]
        labels = ("release", "kind", "slice", "column", "bin")
        places = plan.family("mlops_rows", TEXT, labels, values)
        return [self._spot(column, given, release, places) for column, given in grouped]

    def _spot(self, column: Monitored, given: Sequence[int], release: str, places: dict[Labels, int]) -> Spot:
        first = column.labels[0]
        sliced = [
            (number, places[release, column.kind, self.slicers[number].names[0], column.name, first])
            for number in given
        ]
        return Spot(
            column=SCORE if column.kind == "prediction" else column.name,
            coder=Coder(column),
            width=len(column.labels),
            counted=column.form == "category",
            whole=places[release, column.kind, "", column.name, first],
            sliced=tuple(sliced),
        )

    def _predictions(self, plan: Plan, profile: Profile | None, release: str, classes: Sequence[Scalar]) -> Spot:
        given = self._of(slicers(profile.slices) if profile else ())
        coder = Classes(classes)
        slices = ("", *(name for number in given for name in self.slicers[number].names))
        values = [(release, name, text) for name in slices for text in coder.names]
        places = plan.family(
            "mlops_predictions", "Rows predicted, by class.", ("release", "slice", "prediction"), values
        )
        first = coder.names[0]
        sliced = [(number, places[release, self.slicers[number].names[0], first]) for number in given]
        return Spot(LABEL, coder, len(coder.names), True, places[release, "", first], tuple(sliced))

    def _of(self, wanted: Sequence[Slicer]) -> list[int]:
        """Number the slicers, the same ones the same."""
        for slicer in wanted:
            if slicer not in self.slicers:
                self.slicers.append(slicer)
        return [self.slicers.index(slicer) for slicer in wanted]

    def count(self, tally: Tally, columns: Columns, scores: np.ndarray, labels: Sequence[Scalar]) -> None:
        """Count the rows of one request.

        Args:
            tally: What to count in.
            columns: The contract's inputs, each of shape (n,).
            scores: As the scorer gives them: (n, k) or (n,).
            labels: The n predictions.
        """
        given = {**columns, LABEL: _objects(labels)}
        given[SCORE] = scores[:, 1] if scores.ndim == 2 and scores.shape[1] == 2 else scores
        if scores.ndim == 2 and scores.shape[1] != 2:
            given[SCORE] = given[LABEL]
        slices = [slicer.places_of(columns) for slicer in self.slicers]
        few = len(labels) <= FEW
        with tally.lock:
            for spot in self.spots:
                (self._few if few else self._many)(tally, spot, given[spot.column], slices)

    def _few(self, tally: Tally, spot: Spot, values: np.ndarray, slices: list[list[int]]) -> None:
        numbers, code = tally.numbers, spot.coder.code
        for row, value in enumerate(values.tolist()):
            at = code(value)
            numbers[spot.whole + at] += 1
            for number, first in spot.sliced:
                place = slices[number][row]
                if place < self.slicers[number].none:
                    numbers[first + place * spot.width + at] += 1

    def _many(self, tally: Tally, spot: Spot, values: np.ndarray, slices: list[list[int]]) -> None:
        if spot.counted and not spot.sliced:
            for value, rows in Counter(values.tolist()).items():
                tally.numbers[spot.whole + spot.coder.code(value)] += rows
            return
        codes, width = spot.coder.codes(values), spot.width
        tally.array[spot.whole : spot.whole + width] += np.bincount(codes, minlength=width)
        for number, first in spot.sliced:
            size = self.slicers[number].none * width
            both = np.bincount(np.asarray(slices[number]) * width + codes, minlength=size + width)
            tally.array[first : first + size] += both[:size]


class Classes:
    """Bins of the predictions themselves: one a class, or one for all numbers of a regression."""

    def __init__(self, classes: Sequence[Scalar]) -> None:
        self.names = tuple(str(label) for label in classes) or ("",)
        self.table = {label: number for number, label in enumerate(classes)}

    def code(self, value: Any) -> int:
        """Find the bin of one prediction."""
        return self.table.get(value, 0)

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Find the bins of predictions."""
        return np.array([self.table.get(value, 0) for value in values.tolist()], dtype=np.int64)


def drift_slices(column: Monitored) -> tuple[Slicer, ...]:
    """Make ready the slices by which a column is compared."""
    found: dict[str, list[str]] = {}
    for part in column.parts:
        if part.slice is not None:
            found.setdefault(part.slice.column, []).append(part.slice.value)
    return slicers(found)


def _objects(values: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
