"""Some of many rows, always the same ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly(n: int, most: int) -> NDArray[np.int64]:
    """Pick at most so many of n numbers, evenly, the first and the last among them."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)
