"""Counts the rows that were predicted by the bins of the profile, and the predictions by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlops.contract.model import Scalar
from mlops.serving.bins import FEW, Coder
from mlops.serving.metrics_quick import Quick
from mlops.serving.metrics_spot import Classes, Cuts, Given, Spot
from mlops.serving.profile import Monitored, Profile
from mlops.serving.slices import Slicer, slicers
from mlops.serving.tally import Labels, Plan, Tally

Columns = Mapping[str, np.ndarray]
# Names under which predictions stand beside the columns, none of which is called so.
SCORE, LABEL = "\0score", "\0label"


class Rows:
    """The counters of one release's rows."""

    def __init__(self, plan: Plan, profile: Profile | None, release: str, classes: Sequence[Scalar]) -> None:
        monitored = _monitored(plan, profile, release) if profile else []
        self.spots = (*monitored, _predictions(plan, profile, release, classes))
        self.quick = Quick(self.spots)

    def count(self, tally: Tally, columns: Columns, scores: np.ndarray, labels: Sequence[Scalar]) -> None:
        """Count the rows of one request.

        Args:
            tally: What to count in.
            columns: The contract's inputs, each of shape (n,).
            scores: As the scorer gives them: (n, k) or (n,).
            labels: The n predictions.
        """
        given: Given = {**columns, LABEL: labels, SCORE: _score(scores, labels)}
        with tally.lock:
            if len(labels) <= FEW:
                self.quick.count(tally, given)
                return
            for spot in self.spots:
                spot.many(tally, given[spot.column], given)


def _score(scores: np.ndarray, labels: Sequence[Scalar]) -> np.ndarray | Sequence[Scalar]:
    """Choose what the profile's prediction is: the positive class's probability, the number, or the class."""
    if scores.ndim == 1:
        return scores
    return scores[:, 1] if scores.shape[1] == 2 else labels


def _monitored(plan: Plan, profile: Profile, release: str) -> list[Spot]:
    grouped = [(column, drift_slices(column)) for column in profile.monitored]
    values = [
        (release, column.kind, name, column.name, label)
        for column, given in grouped
        for name in ("", *(name for slicer in given for name in slicer.names))
        for label in column.labels
    ]
    labels = ("release", "kind", "slice", "column", "bin")
    places = plan.family("mlops_rows", "Rows predicted, by bin of the reference profile.", labels, values)
    return [_spot(column, given, release, places) for column, given in grouped]


def _spot(column: Monitored, given: Sequence[Slicer], release: str, places: dict[Labels, int]) -> Spot:
    def first(name: str) -> int:
        return places[release, column.kind, name, column.name, column.labels[0]]

    coder = Coder(column)
    return Spot(
        column=SCORE if column.kind == "prediction" else column.name,
        coder=coder,
        width=len(column.labels),
        whole=first(""),
        sliced=tuple((slicer, first(slicer.names[0])) for slicer in given),
        cuts=Cuts.of(column) if column.form == "number" and not given else None,
        table=coder.table if column.form == "category" and not given else None,
        default=coder.default,
    )


def _predictions(plan: Plan, profile: Profile | None, release: str, classes: Sequence[Scalar]) -> Spot:
    given, coder = slicers(profile.slices) if profile else (), Classes(classes)
    names = ("", *(name for slicer in given for name in slicer.names))
    values = [(release, name, text) for name in names for text in coder.names]
    places = plan.family("mlops_predictions", "Rows predicted, by class.", ("release", "slice", "prediction"), values)
    first = {name: places[release, name, coder.names[0]] for name in names}
    sliced = tuple((slicer, first[slicer.names[0]]) for slicer in given)
    return Spot(LABEL, coder, len(coder.names), first[""], sliced)


def drift_slices(column: Monitored) -> tuple[Slicer, ...]:
    """Make ready the slices by which a column is compared."""
    found: dict[str, list[str]] = {}
    for part in column.parts:
        if part.slice is not None:
            found.setdefault(part.slice.column, []).append(part.slice.value)
    return slicers(found)
