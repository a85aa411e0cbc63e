"""Gives each prediction of a request its id."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops.contract.model import Scalar
from mlops.contract.task import Task
from mlops.serving.bins import Coder
from mlops.serving.profile import Profile
from mlops.serving.slices import slicers
from mlops.serving.token import LONGEST, NOWHERE, seal, tail
from mlops.serving.token_keys import Key

RANDOM = 8
MOST_TAILS = 4096
# What a token may be long, less its fixed part, in bytes.
LONGEST_TAIL = LONGEST * 3 // 4 - 64


@dataclass(frozen=True)
class Issued:
    """The ids of the rows of one request, and what the journal needs of them."""

    at: int
    nonces: tuple[bytes, ...]
    ids: tuple[str, ...]


class Issuer:
    """A release's task and profile, ready to tell of predictions."""

    def __init__(self, release: str, task: Task, profile: Profile | None) -> None:
        self.release = release
        self.task = task
        known = slicers(profile.slices) if profile else ()
        self.slicers = [(slicer, (*slicer.names, None)) for slicer in known]
        monitored = [column for column in profile.monitored if column.kind == "prediction"] if profile else []
        self.coder = Coder(monitored[0]) if monitored and task.task == "binary" else None
        self.tails: dict[tuple[Any, ...], bytes] = {}

    def issue(
        self, key: Key, at: int, columns: dict[str, np.ndarray], scores: np.ndarray, labels: Sequence[Scalar]
    ) -> Issued:
        """Make the ids of the predictions of one request.

        Args:
            key: The one to sign with.
            at: The time, in ms of UTC.
            columns: The request's inputs, arrays of shape (n,).
            scores: What the model gave: (n, k), or (n,) for regression.
            labels: The n predictions.
        """
        random = os.urandom(RANDOM * len(labels))
        nonces = tuple(random[start : start + RANDOM] for start in range(0, len(random), RANDOM))
        places, values = self._values(scores)
        slices = self._rows(columns) if self.slicers else [()] * len(labels)
        bins = 0 if self.coder is None else self.coder.null
        tails = map(self._tail, self._labels(labels), slices)
        ids = tuple(
            seal(key, at, nonce, value, place, bins, common)
            for nonce, value, place, common in zip(nonces, values, places, tails, strict=True)
        )
        return Issued(at, nonces, ids)

    def _values(self, scores: np.ndarray) -> tuple[list[int], list[float]]:
        """Take from each row's scores what its outcome is compared with, and find its bin."""
        if self.task.task == "multiclass":
            values = scores.max(axis=1)
        else:
            values = scores[:, 1] if self.task.task == "binary" else scores
        places = [NOWHERE] * len(values) if self.coder is None else self.coder.codes(values).tolist()
        return places, values.tolist()

    def _labels(self, labels: Sequence[Scalar]) -> Sequence[Scalar | None]:
        if self.task.task == "multiclass":
            return labels
        positive = self.task.classes[1] if self.task.task == "binary" else None
        return [positive] * len(labels)

    def _rows(self, columns: dict[str, np.ndarray]) -> Iterator[tuple[str, ...]]:
        """Name the slices of each row; a value that the profile does not name has none."""
        found = [[names[place] for place in slicer.places_of(columns)] for slicer, names in self.slicers]
        return (tuple(name for name in names if name is not None) for names in zip(*found, strict=True))

    def _tail(self, label: Scalar | None, slices: tuple[str, ...]) -> bytes:
        known = self.tails.get((label, slices))
        if known is None:
            known = tail(self.release, self.task.task, label, slices)
            while len(known) > LONGEST_TAIL and slices:
                slices = slices[:-1]
                known = tail(self.release, self.task.task, label, slices)
            if len(self.tails) >= MOST_TAILS:
                self.tails.clear()
            self.tails[label, slices] = known
        return known
