"""Makes the reference profile: how the rows of the newest held-out window fall into bins.

`train` makes it of the test rows with the scores of the bundle; `mlops monitoring profile` of any file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from mlops.contract.columns import Columns
from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.contract.near import did_you_mean
from mlops.contract.task import Task
from mlops.data import table
from mlops.monitoring import reference_bins as bins_of
from mlops.monitoring.critical import critical_values, rules_of
from mlops.monitoring.reference_outcomes import outcomes
from mlops.monitoring.window import HALF, Array, by_bin, predictions, rows_of
from mlops.serving.bins import Coder
from mlops.serving.profile import ABOVE, BELOW, UNSEEN, Monitored, Part, Profile, Slice

# Of more rows than this the profile is made of so many, spread evenly: it says no more with others.
ROWS = 50_000
BINS = 10
MOST_SLICES = 20
LEAST_SLICE_ROWS = 100


def of_rows(
    rows: pd.DataFrame,
    agreed: Contract,
    task: Task | None = None,
    scores: Array | None = None,
    *,
    slices: Sequence[str] = (),
    bins: int = BINS,
) -> Profile:
    """Make the profile of typed rows.

    Args:
        rows: typed by the contract; with the target where outcomes are wanted.
        agreed: the contract.
        task: of the model, where there is one.
        scores: what the bundle gives for these rows: (n, k) or (n,).
        slices: columns by whose values drift is judged, too.
        bins: how many bins an input has, at most.

    Raises:
        MlopsError: A column of `slices` is no input, or its values must not be told.
    """
    columns = table.to_columns(rows, agreed)
    monitored = [_input(agreed, column, columns[column.name], bins) for column in agreed.inputs if _told(column)]
    predicted = None if task is None or scores is None else predictions(task, scores)
    if task is not None and predicted is not None:
        monitored.append(_predictions(task, predicted))
    reported = _slices(columns, [column for column in agreed.having("slice") if column.is_input])
    asked = [_asked(agreed, name) for name in slices]
    judged = [Slice(name, value) for name, values in _slices(columns, asked).items() for value in values]
    start, end = _times(rows, agreed)
    made = Profile(
        rows=len(rows),
        start=start,
        end=end,
        monitored=complete(monitored, columns, predicted, judged),
        slices=reported,
    )
    if task is None or scores is None or predicted is None:
        return made
    return replace(made, outcomes=outcomes(made, columns, task, scores, rows[task.target]))


def _told(column: Column) -> bool:
    return "time" not in column.roles


def _input(agreed: Contract, column: Column, values: Array, bins: int) -> Monitored:
    if column.restricted or column.kind in ("date", "timestamp"):
        return Monitored("input", column.name, "presence")
    if column.kind == "string":
        return bins_of.category(column.name, values, bins)
    return bins_of.number(column.name, values, bins)


def _predictions(task: Task, predicted: Array) -> Monitored:
    if task.task == "binary":
        threshold = HALF if task.threshold is None else task.threshold
        return bins_of.probability(task.target, predicted, threshold)
    if task.task == "regression":
        return bins_of.value(task.target, predicted)
    return Monitored("prediction", task.target, "category", categories=tuple(map(str, task.classes)))


def _asked(agreed: Contract, name: str) -> Column:
    known = [c.name for c in agreed.inputs if not c.restricted and c.kind not in ("date", "timestamp")]
    if name not in known:
        raise MlopsError(
            f"params.yaml: monitoring.slices names {name!r}, which is no input of contract.yaml that may be told: not "
            f"restricted, not a time. {did_you_mean(name, known)}"
        )
    return agreed.column(name)


def _slices(columns: Columns, having: Sequence[Column]) -> dict[str, tuple[str, ...]]:
    """List the most frequent values of columns, as the server writes them."""
    found = {}
    for column in having:
        if column.restricted or column.kind in ("date", "timestamp"):
            continue
        counts = Counter(str(value) for value in columns[column.name].tolist() if value != "" and value == value)
        often = sorted(counts, key=lambda value: (-counts[value], value))[:MOST_SLICES]
        found[column.name] = tuple(sorted(often))
    return found


def _times(rows: pd.DataFrame, agreed: Contract) -> tuple[str | None, str | None]:
    if agreed.time is None or agreed.time.name not in rows or not rows[agreed.time.name].notna().any():
        return None, None
    known = rows[agreed.time.name].dropna()
    return known.min().isoformat(), known.max().isoformat()


def complete(
    monitored: Sequence[Monitored], columns: Columns, predicted: Array | None = None, judged: Sequence[Slice] = ()
) -> tuple[Monitored, ...]:
    """Give columns whose bins are known their reference rows and critical values.

    Args:
        monitored: columns without parts.
        columns: arrays of shape (n,).
        predicted: the predictions, shape (n,).
        judged: the slices that are judged beside the whole window; those with fewer than 100 rows are not.
    """
    masks = {found: rows_of(found, columns) for found in judged}
    whole = {found: mask for found, mask in masks.items() if mask.sum() >= LEAST_SLICE_ROWS}
    parted = []
    for column in monitored:
        values = predicted if column.kind == "prediction" else columns[column.name]
        assert values is not None
        parted.append(replace(column, parts=tuple(_parts(column, values, whole))))
    tests = sum(len(rules_of(column.kind, part.rows)) for column in parted for part in column.parts)
    return tuple(
        replace(
            column,
            parts=tuple(replace(p, critical=critical_values(column.kind, p.rows, tests)) for p in column.parts),
        )
        for column in parted
    )


def _parts(column: Monitored, values: Array, masks: dict[Slice, Array]) -> Iterator[Part]:
    coder, alone = Coder(column), _seen_once(column, values)
    codes = coder.codes(values)
    yield Part(None, _reference(coder, codes, int(alone.sum())), {})
    for slice_, mask in masks.items():
        if slice_.column != column.name:
            yield Part(slice_, _reference(coder, codes[mask], int(alone[mask].sum())), {})


def _seen_once(column: Monitored, values: Array) -> Array:
    """Tell which rows hold a value that no other row has: such values are how often the next is unseen (Good 1953)."""
    if not column.known:
        return np.zeros(len(values), dtype=bool)
    counts = Counter(map(str, values.tolist()))
    return np.array([value != "" and counts[str(value)] == 1 for value in values.tolist()], dtype=bool)


def _reference(coder: Coder, codes: Array, alone: int) -> dict[str, float]:
    rows = by_bin(coder, codes)
    if coder.column.known and set(coder.column.known) == set(coder.column.categories):
        del rows[str(len(coder.column.categories))]  # nothing can fall into it
    # A new row lies beyond the extremes of m others with the chance 1 in m at each end.
    expected = {BELOW: 1.0, ABOVE: 1.0, UNSEEN: float(alone)}
    return {name: expected.get(name, number) for name, number in rows.items()}
