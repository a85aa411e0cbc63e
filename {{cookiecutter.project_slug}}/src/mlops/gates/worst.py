"""Where is the model weakest? A shallow tree on each row's loss looks for a region that nobody thought to tag.

The region is found on one half of the rows and its loss is read off the other half: the worst of many leaves looks
worse than it is on the rows that chose it. Only reported, never a reason to block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor

from mlops.gates.match import Match
from mlops.pipeline.kernels import absolute, log_loss
from mlops.pipeline.measures import Floats, Judged

FEWEST_ROWS, SMALLEST_SHARE, DEPTH, CATEGORIES = 50, 0.05, 3, 20
LARGEST = float(np.finfo(np.float32).max)
Value = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """One column that a tree may split: `values` of shape (n,), "at most the threshold" or "more" in words."""

    column: str
    values: Floats
    kind: str
    category: str = ""

    def words(self, low: float, high: float) -> str:
        """Say what lies above `low` and not above `high`."""
        if self.kind in ("is", "missing"):
            return f"{self.column} {'is' if low > 0 else 'is not'} {self.category or 'missing'}"
        above, most = _shown(low, self.kind), _shown(high, self.kind)
        if np.isinf(low):
            return f"{self.column} ≤ {most}"
        return f"{self.column} > {above}" if np.isinf(high) else f"{above} < {self.column} ≤ {most}"


def worst_slices(match: Match) -> list[Value]:
    """Find the region of the input columns where the loss is largest and, with a champion, where it has grown most.

    Values of restricted columns are not told, so these are not looked at.

    Returns:
        Of each region its conditions, and what the half of the rows that did not choose it says: the number of rows
        in it, the challenger's mean loss there and overall, the champion's there. Nothing where the rows are too few,
        or where the region is no worse than the rest.
    """
    name, loss = ("mean absolute error", absolute) if match.challenger.is_regression else ("log loss", log_loss)
    ours = loss(_plain(match.challenger))
    theirs = None if match.champion is None else loss(_plain(match.champion))
    searching = _half(match)
    questions = list(_questions(match))
    if min(searching.sum(), (~searching).sum()) < 2 * FEWEST_ROWS or not questions:
        return []
    table = np.stack([question.values for question in questions], axis=1)
    looked_for = {"largest loss": ours} | ({} if theirs is None else {"largest growth": ours - theirs})
    found = []
    for what, target in looked_for.items():
        region, where = _region(table, questions, target, searching)
        there = region & ~searching
        if where and there.any() and target[there].mean() > max(target[~searching].mean(), 0):
            found.append(
                {
                    "found": what,
                    "where": where,
                    "rows": int(there.sum()),
                    "loss": _rounded(ours[there]),
                    "overall": _rounded(ours[~searching]),
                    "loss_name": name,
                    "champion": None if theirs is None else _rounded(theirs[there]),
                }
            )
    return found


def _plain(judged: Judged) -> Judged:
    """Keep one sure and wrong row from outweighing all others: at most a loss of about 7."""
    return judged if judged.is_regression else Judged(judged.truth, np.clip(judged.scores, 1e-3, 1), judged.threshold)


def _half(match: Match) -> NDArray[np.bool_]:
    """Pick half of the entities to search in."""
    entity = np.arange(len(match.rows)) if match.groups is None else np.unique(match.groups, return_inverse=True)[1]
    return np.asarray(np.random.default_rng(0).permutation(entity.max() + 1 if len(entity) else 0)[entity] % 2 == 0)


def _questions(match: Match) -> Iterator[Question]:
    for column in match.agreed.inputs:
        if column.name not in match.rows or column.restricted:
            continue
        values = match.rows[column.name]
        known = values.notna().to_numpy(dtype=bool)
        if not known.all():
            yield Question(column.name, (~known).astype(np.float64), "missing")
        if known.any():
            yield from _about(column.name, values, known, column.kind)


def _about(name: str, values: pd.Series, known: NDArray[np.bool_], kind: str) -> Iterator[Question]:
    if kind in ("string", "boolean"):
        texts = values[known].astype(str)
        frequent = texts.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:CATEGORIES]
        for category in frequent[: 1 if kind == "boolean" else None]:
            shown = str(category).lower() if kind == "boolean" else str(category)
            flags = np.zeros(len(values))
            flags[known] = (texts == category).to_numpy()
            yield Question(name, flags, "is", shown)
        return
    if kind in ("date", "timestamp"):
        numbers = values.to_numpy(dtype="datetime64[us]").astype(np.float64)
    else:
        # A tree looks at float32, in which larger numbers are infinite.
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan).clip(-LARGEST, LARGEST)
    yield Question(name, np.where(known, numbers, np.median(numbers[known])), kind)


def _region(
    table: Floats, questions: list[Question], target: Floats, searching: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], list[str]]:
    rows = int(searching.sum())
    leaf = max(FEWEST_ROWS, int(SMALLEST_SHARE * rows))
    tree = DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=leaf, random_state=0)
    tree.fit(table[searching], target[searching])
    leaves = tree.apply(table)
    means = pd.Series(target[searching]).groupby(leaves[searching]).mean()
    worst = int(means.index.to_numpy()[means.to_numpy().argmax()])
    return leaves == worst, _conditions(tree.tree_, worst, questions)


def _conditions(tree: Any, leaf: int, questions: list[Question]) -> list[str]:
    bounds: dict[int, tuple[float, float]] = {}
    node = 0
    while node != leaf:
        question, threshold = int(tree.feature[node]), float(tree.threshold[node])
        low, high = bounds.get(question, (-np.inf, np.inf))
        left = _holds(tree, int(tree.children_left[node]), leaf)
        bounds[question] = (low, min(high, threshold)) if left else (max(low, threshold), high)
        node = int((tree.children_left if left else tree.children_right)[node])
    named = {questions[number].column for number, (low, _) in bounds.items() if _is(questions[number]) and low > 0}
    return [
        questions[number].words(low, high)
        for number, (low, high) in bounds.items()
        if not (_is(questions[number]) and low < 0 and questions[number].column in named)
    ]


def _is(question: Question) -> bool:
    return question.kind in ("is", "missing")


def _holds(tree: Any, node: int, leaf: int) -> bool:
    if node == leaf:
        return True
    children = (int(tree.children_left[node]), int(tree.children_right[node]))
    return children[0] != -1 and any(_holds(tree, child, leaf) for child in children)


def _shown(value: float, kind: str) -> str:
    if np.isinf(value):
        return ""
    if kind in ("date", "timestamp"):
        return str(np.datetime64(int(value), "us").astype("datetime64[m]")).removesuffix("T00:00")
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _rounded(losses: Floats) -> float:
    return round(float(losses.mean()), 6)
