"""The boundary in time between training and test rows, and the settings that are text."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from mlops.contract.errors import MlopsError

Array = np.ndarray[Any, Any]
UNITS = {"w": "W", "d": "D", "h": "h", "min": "m"}


def boundary(times: Array, batches: Array, test: str) -> np.datetime64:
    """Find the boundary; it never falls when a batch is added, so no row goes from train to test.

    Args:
        times: shape (n,), datetime64[us], of the rows that have a target.
        batches: shape (n,), each row's batch; larger is newer.
        test: "newest_batch", a share of the rows ("20%", the newest) or a duration ("30d").

    Raises:
        MlopsError: `test` is none of these, or asks for a newest batch among one.
    """
    if test == "newest_batch":
        starts = [times[batches == batch].min() for batch in np.unique(batches)]
        if len(starts) < 2:
            raise MlopsError(
                "params.yaml: split: test is newest_batch, but there is one batch. Write 20%, or add a batch."
            )
        return max(starts)
    if test.endswith("%"):
        part = share(test)
        return max(_newest(times[batches <= batch], part) for batch in np.unique(batches))
    return times.max() - duration(test, "split: test")  # type: ignore[no-any-return]


def _newest(times: Array, part: float) -> np.datetime64:
    count = min(max(1, math.floor(part * len(times) + 0.5)), len(times))
    return np.partition(times, len(times) - count)[len(times) - count]  # type: ignore[no-any-return]


def share(text: str) -> float:
    """Read a share such as "20%".

    Raises:
        MlopsError: Not a share between 0 % and 100 %.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text)
    if match is None or not 0 < float(match[1]) < 100:
        raise MlopsError(
            f"params.yaml: split: test is {text!r}; without `method: time` it is a share. Write for example 20%."
        )
    return float(match[1]) / 100


def duration(text: Any, what: str) -> np.timedelta64:
    """Read a duration such as "30d": weeks w, days d, hours h, minutes min.

    Raises:
        MlopsError: Not a duration.
    """
    match = re.fullmatch(r"(\d{1,6}) ?(w|d|h|min)", str(text))
    if match is None:
        raise MlopsError(f"params.yaml: {what} is {text!r}. Write a whole number and w, d, h or min, for example 30d.")
    return np.timedelta64(int(match[1]), UNITS[match[2]]).astype("timedelta64[us]")  # type: ignore[call-overload, no-any-return]
