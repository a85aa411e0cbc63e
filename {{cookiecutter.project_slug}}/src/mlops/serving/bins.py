"""Which bin of the reference profile a value falls into."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

from mlops.serving.profile import Monitored

# Below this a loop over values is faster than NumPy's calls.
FEW = 8


class Coder:
    """The bins of one monitored column, ready to take values."""

    def __init__(self, column: Monitored) -> None:
        self.labels = column.labels
        self.column = column
        self.null = len(self.labels) - 1
        self.edges = np.asarray(column.edges, dtype=np.float64)
        self.listed = list(column.edges)
        self.outside = len(column.edges) + 1
        own = {name: number for number, name in enumerate(column.categories)}
        other = len(own)
        self.table = {**dict.fromkeys(column.known, other), **own, "": self.null}
        self.default = other + 1 if column.known else other

    def codes(self, values: np.ndarray) -> np.ndarray:
        """Find the bins of values.

        Args:
            values: shape (n,), as the contract gives them: float64, object with "" for null, or datetime64.

        Returns:
            Integers of shape (n,): places in `labels`.
        """
        if len(values) <= FEW:
            return np.array([self.code(value) for value in values.tolist()], dtype=np.int64)
        if self.column.form == "category":
            return np.array([self.table.get(str(value), self.default) for value in values.tolist()], dtype=np.int64)
        if self.column.form == "presence":
            return np.where(_missing(values), self.null, 0)
        codes = np.searchsorted(self.edges, values, side="left")
        if self.column.range is not None:
            low, high = self.column.range
            codes = np.where(values < low, self.outside, np.where(values > high, self.outside + 1, codes))
        return np.where(np.isnan(values), self.null, codes)

    def code(self, value: Any) -> int:
        """Find the bin of one value, given as a Python object."""
        if self.column.form == "category":
            return self.table.get(str(value), self.default)
        if value is None or value == "" or value != value:  # only NaN is not itself
            return self.null
        if self.column.form == "presence":
            return 0
        if self.column.range is not None:
            low, high = self.column.range
            if value < low:
                return self.outside
            if value > high:
                return self.outside + 1
        return bisect_left(self.listed, value)


def _missing(values: np.ndarray) -> np.ndarray:
    missing: np.ndarray = np.isnat(values) if values.dtype.kind == "M" else values == ""
    return np.isnan(values) if values.dtype.kind == "f" else missing
