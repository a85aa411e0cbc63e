"""Which rows train and which test: by a boundary in time, or by a hash; a row never moves from train to test."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.contract.near import did_you_mean
from mlops.data.boundary import boundary, duration, share
from mlops.data.rowhash import buckets

Array = np.ndarray[Any, Any]
Method = Literal["time", "random", "group"]
METHODS = ("time", "random", "group")


@dataclass(frozen=True)
class Split:
    """What was decided; with it and a typed row anyone can tell the row's side.

    Times are ISO 8601 in the contract's zone. Test rows are at or after `boundary`, training rows before
    `train_before` and, in a sliding window, at or after `window_start` (`first_batch` where there is no time).
    """

    method: Method
    test: str
    seed: int = 0
    boundary: str | None = None
    train_before: str | None = None
    window_start: str | None = None
    first_batch: int = 0

    def to_json(self) -> dict[str, Any]:
        """Give the split as JSON values."""
        return asdict(self)


def from_json(raw: dict[str, Any]) -> Split:
    """Read a split back.

    Raises:
        MlopsError: It is not what `to_json` wrote.
    """
    try:
        return Split(**raw)
    except TypeError as error:
        raise MlopsError(f"no split that can be read: {error}. Run `dvc repro prepare` to write it again.") from error


def decide(
    frame: pd.DataFrame,
    batch_index: Array,
    contract: Contract,
    split: dict[str, Any],
    window: Any = "expanding",
    label_delay: str | None = None,
) -> Split:
    """Decide the split of all batches.

    Args:
        frame: typed rows of all batches, as `mlops.data.table.typed` gives them.
        batch_index: shape (n,), the number of each row's batch; larger is newer.
        contract: names time, group, id and target.
        split: `split` of params.yaml: `method`, `test`, `seed`.
        window: `expanding`, or `{"sliding": k}` for the last k batches of training rows.
        label_delay: for so long before the boundary no row trains, such as "1d".

    Raises:
        MlopsError: The settings are wrong, a time is null, or one side has no row.
    """
    method, test, seed = _settings(split, contract)
    labelled = frame[contract.target.name].notna().to_numpy()
    if method == "time":
        decided = _by_time(frame, batch_index, contract, test, label_delay, labelled)
    else:
        share(test)
        decided = Split(method, test, seed)
    decided = _windowed(decided, frame, batch_index, contract, window)
    _check_sides(sides(frame, batch_index, contract, decided), decided, batch_index)
    return decided


def sides(frame: pd.DataFrame, batch_index: Array, contract: Contract, split: Split) -> Array:
    """Tell each row's side: "train", "test" or "" for neither.

    A row without a target, in the gap of `label_delay`, or older than a sliding window is on no side.
    """
    if split.method == "time":
        times = _times(frame, contract)
        test = times >= np.datetime64(split.boundary or "NaT", "us")
        train = times < np.datetime64(split.train_before or "NaT", "us")
        if split.window_start is not None:
            train &= times >= np.datetime64(split.window_start, "us")
    else:
        key = _group(contract) if split.method == "group" else contract.id_column
        test = buckets(frame, contract, key, split.seed) < share(split.test)
        train = ~test & (batch_index >= split.first_batch)
    labelled = frame[contract.target.name].notna().to_numpy()
    return np.where(~labelled, "", np.where(test, "test", np.where(train, "train", "")))


def _settings(split: dict[str, Any], contract: Contract) -> tuple[Method, str, int]:
    for key in split:
        if key not in ("method", "test", "seed"):
            raise MlopsError(
                f"params.yaml: split: unknown key {key!r}. {did_you_mean(key, ('method', 'test', 'seed'))}"
            )
    default = "time" if contract.time else "group" if contract.group else "random"
    method = split.get("method", default)
    if method not in METHODS:
        raise MlopsError(f"params.yaml: split: method is {method!r}. {did_you_mean(method, METHODS)}")
    seed = split.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise MlopsError(f"params.yaml: split: seed is {seed!r}, not a whole number. Write for example 0.")
    test = split.get("test", "20%")
    if method == "group":
        _group(contract)
    return method, str(test), seed


def _group(contract: Contract) -> Column:
    if contract.group is None:
        raise MlopsError("params.yaml: split by group, but no column of contract.yaml is tagged `group`. Tag one.")
    return contract.group


def _times(frame: pd.DataFrame, contract: Contract) -> Array:
    if contract.time is None:
        raise MlopsError("params.yaml: split by time, but no column of contract.yaml is tagged `time`. Tag one.")
    times = frame[contract.time.name].to_numpy(dtype="datetime64[us]")
    unknown = np.flatnonzero(np.isnat(times))
    if len(unknown):
        raise MlopsError(
            f"column {contract.time.name!r} orders the rows, but {len(unknown)} of {len(times)} are null "
            f"(for example row {unknown[0]}). Give them a time, or split by `random`."
        )
    return times


def _by_time(
    frame: pd.DataFrame, batch_index: Array, contract: Contract, test: str, delay: str | None, labelled: Array
) -> Split:
    times = _times(frame, contract)[labelled]
    if len(times) == 0:
        raise MlopsError(
            f"every target {contract.target.name!r} is null, so there is nothing to learn. Add labelled rows."
        )
    start = boundary(times, np.asarray(batch_index)[labelled], test)
    before = start - duration(delay if delay is not None else "0d", "label_delay")
    return Split("time", test, boundary=_iso(start), train_before=_iso(before))


def _windowed(split: Split, frame: pd.DataFrame, batch_index: Array, contract: Contract, window: Any) -> Split:
    if window in (None, "expanding"):
        return split
    last = window.get("sliding") if isinstance(window, dict) and set(window) == {"sliding"} else None
    if isinstance(last, bool) or not isinstance(last, int) or last < 1:
        raise MlopsError(
            f"params.yaml: window is {window!r}. Write `expanding`, or `{{sliding: 6}}` for the last 6 batches."
        )
    train = sides(frame, batch_index, contract, split) == "train"
    if not train.any():
        return split
    first = int(np.unique(batch_index[train])[-last:][0])
    if split.method != "time":
        return Split(split.method, split.test, split.seed, first_batch=first)
    start = _times(frame, contract)[train & (batch_index >= first)].min()
    return Split("time", split.test, 0, split.boundary, split.train_before, _iso(start))


def _iso(time: Any) -> str:
    return str(np.datetime64(time, "us"))


def _check_sides(found: Array, split: Split, batch_index: Array) -> None:
    for side in ("train", "test"):
        if not (found == side).any():
            raise MlopsError(
                f"params.yaml: the split {split.method!r} with test {split.test!r} leaves no {side} rows of "
                f"{len(found)} in {len(np.unique(batch_index))} batches. Add rows, or change `split` or `label_delay`."
            )
