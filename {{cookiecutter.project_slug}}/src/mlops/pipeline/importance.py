"""Permutation importance of the raw columns: what the metric loses when a column is shuffled (Breiman 2001).

Columns are shuffled before `features()`, by the scores that will be served: what a client sends is what is asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.data import table
from mlops.data.sample import evenly
from mlops.pipeline import bootstrap
from mlops.pipeline.kernels import prepare_of
from mlops.pipeline.measures import Floats, Judged, measure
from mlops.pipeline.served import Raw

ROWS = 2000
SAMPLES = 100
NORMAL_90 = 1.645


def importance(
    agreed: Contract, rows: pd.DataFrame, judged: Judged, metric: str, score: Callable[[Raw, int], Floats]
) -> dict[str, Any]:
    """Measure what each input column is worth on at most 2,000 rows.

    Args:
        agreed: the contract; its inputs are shuffled, one at a time and all in the same way.
        rows: typed test rows, n of them.
        judged: the model's scores on them.
        metric: the deciding one.
        score: scores raw rows as the server would; called once.

    Returns:
        For each column the drop of the metric with a 90 % interval, the greatest first; no column, and why, where these
        rows do not define the metric.
    """
    picked = evenly(len(rows), ROWS)
    part, raw = judged.rows(picked), table.to_json(rows.iloc[picked], agreed)
    names = [column.name for column in agreed.inputs]
    try:
        whole = measure(metric, part)
    except MlopsError as error:
        return {"metric": metric, "columns": [], "undefined": str(error)}
    blocks = np.split(score(shuffled(raw, names, len(picked)), len(names) * len(picked)), len(names))
    weights = next(bootstrap.samples(len(picked), bootstrap.strata_of(part), None))[:SAMPLES]
    drawn = prepare_of(metric)(part)(weights)
    found = []
    for name, block in zip(names, blocks, strict=True):
        without = Judged(part.truth, block, part.threshold)
        drop, spread = whole - measure(metric, without), _spread(drawn - prepare_of(metric)(without)(weights))
        values = {"drop": drop, "low": drop - spread, "high": drop + spread}
        found.append({"column": name, **{word: round(value, 6) for word, value in values.items()}})
    return {"metric": metric, "columns": sorted(found, key=lambda one: (-one["drop"], one["column"]))}


def _spread(drawn: Floats) -> float:
    return NORMAL_90 * float(np.nanstd(drawn)) if np.isfinite(drawn).any() else 0.0


def shuffled(raw: Raw, names: list[str], n: int) -> Raw:
    """Put a copy of n rows for each name under each other, in which that column is shuffled."""
    order = np.random.default_rng(0).permutation(n)
    return {
        column: [value for name in names for value in (_in(values, order) if name == column else values)]
        for column, values in raw.items()
    }


def _in(values: list[Any], order: NDArray[Any]) -> list[Any]:
    return [values[row] for row in order]
