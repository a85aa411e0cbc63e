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
from mlops.serving.token import LONGEST, Told, sign, tail
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
        self.slicers = slicers(profile.slices) if profile else ()
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
        given = zip(nonces, self._values(scores), self._labels(labels), self._rows(columns, len(labels)), strict=True)
        bins = 0 if self.coder is None else self.coder.null
        ids = tuple(
            sign(
                key,
                Told(self.release, self.task.task, at, nonce, score, place, bins, label, slices),
                self._tail(label, slices),
            )
            for nonce, (score, place), label, slices in given
        )
        return Issued(at, nonces, ids)

    def _values(self, scores: np.ndarray) -> Iterator[tuple[float, int | None]]:
        if self.task.task == "multiclass":
            return ((score, None) for score in scores.max(axis=1).tolist())
        values = scores[:, 1] if self.task.task == "binary" else scores
        if self.coder is None:
            return ((value, None) for value in values.tolist())
        return zip(values.tolist(), self.coder.codes(values).tolist(), strict=True)

    def _labels(self, labels: Sequence[Scalar]) -> Sequence[Scalar | None]:
        if self.task.task == "multiclass":
            return labels
        positive = self.task.classes[1] if self.task.task == "binary" else None
        return [positive] * len(labels)

    def _rows(self, columns: dict[str, np.ndarray], n: int) -> Iterator[tuple[str, ...]]:
        """Name the slices of each row; a value that the profile does not name has none."""
        found = [((*slicer.names, None), slicer.places_of(columns)) for slicer in self.slicers]
        for row in range(n):
            yield tuple(name for names, places in found if (name := names[places[row]]) is not None)

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
