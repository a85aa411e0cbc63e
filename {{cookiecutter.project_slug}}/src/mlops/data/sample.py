"""Some of many rows, always the same ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def evenly(n: int, most: int) -> NDArray[np.int64]:
    """Pick at most so many of n numbers, evenly, the first and the last among them."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)


def spread(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Take rows at even distances: a table may be sorted by its target."""
    return rows.iloc[evenly(len(rows), most)].reset_index(drop=True)
