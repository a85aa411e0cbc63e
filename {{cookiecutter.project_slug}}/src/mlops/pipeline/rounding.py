"""Thresholds of boosted trees become float32, which changes nothing for float32 features.

scikit-learn keeps them as float64, halfway between two values; skl2onnx rounds to the nearest float32, which may lie
above a value that lay above the threshold (https://github.com/onnx/sklearn-onnx/issues/1192).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

FIELD = "num_threshold"


def round_thresholds(estimator: Any) -> None:
    """Round the thresholds of each histogram booster in a fitted estimator down to float32, in place."""
    for tree in _trees(estimator):
        tree.nodes[FIELD] = rounded_down(tree.nodes[FIELD])


def rounded_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Give the largest float32 that is not above each value: `x <= value` stays what it was for any float32 `x`."""
    nearest = values.astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _trees(thing: Any) -> Iterator[Any]:
    if isinstance(thing, BaseEstimator):
        for rounds in getattr(thing, "_predictors", ()):
            yield from (tree for tree in rounds if FIELD in tree.nodes.dtype.names)
        yield from _trees(list(vars(thing).values()))
    elif isinstance(thing, dict):
        yield from _trees(list(thing.values()))
    elif isinstance(thing, list | tuple):
        for item in thing:
            yield from _trees(item)
