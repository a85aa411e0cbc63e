"""Is the model as good as the champion in every group of every `slice` column?

A group is *worse* when its estimate is beyond the slice margin and its upper bound below 0, where the bounds of all
groups hold at once with 95 % (`verdict.upper_bounds`): of many groups one looks bad by chance, and must not block.
It is *not worse* when its own one-sided 95 % lower bound is above the margin's loss. R² explodes where a group's target
hardly varies, so groups are then judged by 1 - MSE / variance of all rows: a loss is as many units of error everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.gates.bar import Gates
from mlops.gates.match import Check, Match, Outcome
from mlops.gates.slice_words import judged_in_words, weakest_in_words
from mlops.gates.verdict import answer, upper_bounds
from mlops.gates.worst import worst_slices
from mlops.pipeline import bootstrap
from mlops.pipeline.bootstrap import Spec
from mlops.pipeline.kernels import mean_loss, prepare_of, square
from mlops.pipeline.measures import ECE, Judged
from mlops.pipeline.ranking import Kernel, Prepare
from mlops.pipeline.slicing import groups_of

FEWEST_OF_A_CLASS = 10  # of fewer, resamples all but repeat themselves and look surer than they are
ROW_MEANS = frozenset({"accuracy", "neg_log_loss", "neg_brier_score", ECE})
OF_ALL = "r2 by the variance of all rows"


@dataclass(frozen=True)
class Group:
    """One group: the numbers of its rows, and of those that are scored; `status` says why they are not."""

    column: str
    name: str
    rows: int
    scored: NDArray[np.int64]
    status: str | None


def check_slices(match: Match, gates: Gates) -> Check:
    """Compare champion and challenger in each group of at least `gates.slices.min_rows` rows.

    A class of fewer than ten rows in a group is left out there, unless the metric is a mean over rows.
    """
    prepare, metric = _metric(gates.metric, match.challenger)
    groups = list(_groups(match, gates))
    found = _compared(match, gates, groups, prepare)
    details = {
        "metric": metric,
        "margin": gates.slice_margin,
        "min_rows": gates.slices.min_rows,
        "groups": found,
        "worst": worst_slices(match),
    }
    if not match.slices:
        return Check("slices", "pass", "No column is tagged `slice` in contract.yaml.", details)
    if match.champion is None:
        overall = Spec(prepare, match.challenger).point()
        return Check("slices", "pass", weakest_in_words(found, metric, overall, gates), details)
    return Check("slices", _outcome(found, gates), judged_in_words(found, metric, gates), details)


def _outcome(found: list[dict[str, Any]], gates: Gates) -> Outcome:
    answers = {group["answer"] for group in found}
    if "worse" in answers:
        return "block"
    # How many rows a group needs is the bar's word: where all have fewer, nothing is in doubt about the model.
    if "cannot tell" in answers or answers == {"not defined"}:
        return gates.when_unsure
    return "pass"


def _metric(name: str, judged: Judged) -> tuple[Prepare, str]:
    if name != "r2":
        return prepare_of(name), name
    variance = float(np.var(judged.truth.astype(np.float64)))

    def prepare(part: Judged) -> Kernel:
        error = mean_loss(square)(part)
        return lambda weights: 1 + error(weights) / variance

    return (prepare, OF_ALL) if variance > 0 else (prepare_of(name), name)


def _groups(match: Match, gates: Gates) -> Iterator[Group]:
    for column, values in match.slices.items():
        codes, names = pd.factorize(groups_of(values, gates.slices.bins))
        places = pd.factorize(values, sort=True)[0]
        members = [np.flatnonzero(codes == code) for code in range(len(names))]
        # In the order of the values, what is missing last.
        for rows in sorted(members, key=lambda rows: (places[rows[0]] < 0, places[rows].max())):
            yield _group(match, gates, column, str(names[codes[rows[0]]]), rows)


def _group(match: Match, gates: Gates, column: str, name: str, rows: NDArray[np.int64]) -> Group:
    scored, status = rows, None
    if len(rows) < gates.slices.min_rows:
        status = "too few rows"
    elif not match.challenger.is_regression and gates.metric not in ROW_MEANS:
        truth = match.challenger.truth[rows]
        labels, counts = np.unique(truth, return_counts=True)
        enough = labels[counts >= FEWEST_OF_A_CLASS]
        scored = rows[np.isin(truth, enough)]
        status = "not defined" if len(labels) < 2 else "too few rows" if len(enough) < 2 else None
    return Group(column, name, len(rows), scored, status)


def _compared(match: Match, gates: Gates, groups: list[Group], prepare: Prepare) -> list[dict[str, Any]]:
    models = [match.challenger] if match.champion is None else [match.challenger, match.champion]
    tested = [group for group in groups if group.status is None]
    specs = [Spec(prepare, model.rows(group.scored), group.scored) for group in tested for model in models]
    points = np.array([spec.point() for spec in specs]).reshape(len(tested), len(models))
    bounds = np.full((len(tested), 3), np.nan)
    if match.champion is not None and tested:
        strata = bootstrap.strata_of(match.challenger)
        drawn = bootstrap.joint(specs, len(match.rows), strata, match.groups)
        bounds = _bounds(points[:, 0] - points[:, 1], drawn[:, 0::2] - drawn[:, 1::2])
    told = {id(group): (p, b) for group, p, b in zip(tested, points, bounds, strict=True)}
    silent = (np.full(len(models), np.nan), np.full(3, np.nan))
    return [_described(group, *told.get(id(group), silent), gates) for group in groups]


def _bounds(differences: NDArray[np.float64], drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give each difference with its bounds, shape (k, 3); NaN where the metric is not defined."""
    bounds = np.full((len(differences), 3), np.nan)
    usable = np.isfinite(differences) & (np.isfinite(drawn).mean(axis=0) >= bootstrap.ENOUGH)
    if usable.any():
        part = drawn[:, usable]
        lows = np.nanquantile(part, 0.05, axis=0)
        highs = upper_bounds(differences[usable], part)
        bounds[usable] = np.stack([differences[usable], lows, highs], axis=1)
    return bounds


def _described(group: Group, points: NDArray[np.float64], bounds: NDArray[np.float64], gates: Gates) -> dict[str, Any]:
    challenger, *champion = (_plain(value) for value in points)
    difference, low, high = (_plain(value) for value in bounds)
    status = group.status
    if status is None and challenger is None:
        status = "not defined"
    elif status is None and not champion:
        status = "no champion"
    elif status is None and difference is not None and low is not None and high is not None:
        status = answer(difference, low, high, gates.slice_margin)
    return {
        "column": group.column,
        "group": group.name,
        "rows": group.rows,
        "champion": champion[0] if champion else None,
        "challenger": challenger,
        "difference": difference,
        "low": low,
        "high": high,
        "answer": status or "not defined",
    }


def _plain(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
