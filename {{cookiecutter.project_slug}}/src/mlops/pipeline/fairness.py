"""How unlike a model treats the groups of a column, and how much of that chance makes.

A gap is fairlearn's: the largest less the smallest rate over groups, of equalized odds the larger of the true and the
false positive rates' (Hardt, Price and Srebro 2016, NeurIPS); of a mean absolute error 1 - smallest / largest, as it
has a unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from mlops.pipeline.measures import Floats, Judged
from mlops.pipeline.rates import Draws, Names, draws, rates

MEASURES: dict[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equal_opportunity": ("true_positive_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "error_rate": ("error_rate",),
    "mae": ("mae",),
}
FEWEST = 50
DEFINED = 0.95


@dataclass(frozen=True)
class Gap:
    """The difference of one rate between the two groups that all rows show furthest apart.

    `drawn`, of shape (B,), is the same two groups' difference in bootstrap samples, with its sign: a gap that is chance
    falls on both sides of 0. `pairs` counts the pairs of groups that were looked at.
    """

    rate: str
    lowest: str
    highest: str
    low_rate: float
    high_rate: float
    value: float
    ratio: float
    drawn: Floats
    pairs: int


@dataclass(frozen=True)
class Examined:
    """One column: the first model's rates by group (NaN where undefined), and each model's gap by measure."""

    name: str
    rates: pd.DataFrame
    judged: tuple[str, ...]
    gaps: dict[str, tuple[Gap | None, ...]]


def examine(
    models: Sequence[Judged], columns: Mapping[str, Names], entities: Names | None = None, fewest: int = FEWEST
) -> list[Examined]:
    """Find the gaps of models on the same n rows.

    Args:
        models: the first is the one whose rates are given.
        columns: name of a column to the group of each row, shape (n,).
        entities: what is drawn whole, shape (n,); else rows are.
        fewest: groups of fewer rows are not judged.
    """
    coded = {name: np.unique(names.astype(str), return_inverse=True) for name, names in columns.items()}
    tables = {name: [rates(model, names) for model in models] for name, names in columns.items()}
    drawn = draws(models, [code for _, code in coded.values()], entities) if columns else []
    found = []
    for (name, (groups, _)), by_model in zip(coded.items(), drawn, strict=True):
        kept = tables[name][0]["rows"].to_numpy() >= fewest
        sides = [
            (table[kept], {rate: d[:, kept] for rate, d in own.items()})
            for table, own in zip(tables[name], by_model, strict=True)
        ]
        known = [measure for measure, needed in MEASURES.items() if set(needed) <= set(by_model[0])]
        gaps = {measure: tuple(gap(measure, *side) for side in sides) for measure in known}
        found.append(Examined(name, tables[name][0], tuple(groups[kept]), gaps))
    return found


def gap(measure: str, table: pd.DataFrame, drawn: Draws) -> Gap | None:
    """Find the largest gap of a measure over the groups of a table; None where fewer than two define it."""
    found = [_gap(rate, table[rate], drawn[rate]) for rate in MEASURES[measure]]
    sure = [one for one in found if one is not None]
    if not sure or len(sure) < len(found):
        return None
    largest, pairs = max(sure, key=lambda one: one.value), sum(one.pairs for one in sure)
    return Gap(**{**vars(largest), "ratio": min(one.ratio for one in sure), "pairs": pairs})


def _gap(rate: str, column: pd.Series[float], drawn: Floats) -> Gap | None:
    known = np.flatnonzero(column.notna())
    if len(known) < 2:
        return None
    values = column.to_numpy()
    low, high = known[np.argmin(values[known])], known[np.argmax(values[known])]
    low = known[-1] if low == high else low
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = values[low] / values[high] if values[high] else 1.0
        signed = 1 - drawn[:, low] / drawn[:, high] if rate == "mae" else drawn[:, high] - drawn[:, low]
    if np.isfinite(signed).mean() < DEFINED:
        return None
    names, value = column.index, 1 - ratio if rate == "mae" else values[high] - values[low]
    pairs = len(known) * (len(known) - 1) // 2
    ends = (str(names[low]), str(names[high]), float(values[low]), float(values[high]))
    return Gap(rate, *ends, float(value), float(ratio), signed, pairs)


def bounds(drawn: Floats, tests: int = 1) -> tuple[float, float]:
    """Give one-sided 95 % bounds of a resampled number, wider when it is one of several tests (Bonferroni).

    2,000 samples do not reach the quantiles of many tests: the distance from the median grows as the normal one does.
    """
    low, middle, high = np.nanquantile(drawn, [0.05, 0.5, 0.95])
    wider = NormalDist().inv_cdf(1 - 0.05 / tests) / NormalDist().inv_cdf(0.95)
    return float(middle + (low - middle) * wider), float(middle + (high - middle) * wider)


def plain(value: float) -> float | None:
    """Round a number for a report; null for what is not one."""
    return round(float(value), 6) if np.isfinite(value) else None


def group_values(column: Examined) -> list[dict[str, Any]]:
    """Give each group's name, rows and rates as plain values."""
    return [
        {"group": str(name), "rows": int(row["rows"]), **{rate: plain(row[rate]) for rate in column.rates.columns[1:]}}
        for name, row in column.rates.iterrows()
    ]


def gap_values(measure: str, found: Gap | None) -> dict[str, Any]:
    """Give one model's gap as plain values; its interval allows for the pairs of groups it was chosen from."""
    if found is None:
        return {"measure": measure, **dict.fromkeys(("challenger", "low", "high", "ratio"))}
    low, high = bounds(found.drawn, found.pairs)
    return {
        "measure": measure,
        "challenger": plain(found.value),
        "low": plain(low),
        "high": plain(high),
        "ratio": plain(found.ratio),
    }


def report(judged: Judged, columns: Mapping[str, Names], entities: Names | None = None) -> list[dict[str, Any]]:
    """List every column's groups and gaps of one model, as plain values."""
    return [
        {
            "column": column.name,
            "groups": group_values(column),
            "measures": [gap_values(measure, found) for measure, (found,) in column.gaps.items()],
        }
        for column in examine([judged], columns, entities)
    ]
