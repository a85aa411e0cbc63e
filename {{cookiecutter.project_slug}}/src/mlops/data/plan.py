"""The numbers of the pipeline for a table of this size: split and model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.data.splitting import decide, sides
from mlops.data.target import Target

SEEDS = 50
FEW, MANY = 150, 1000
MOST_TREES = 2000


@dataclass(frozen=True)
class Plan:
    """The split, how many rows it gives each side, and what there is to tell."""

    split: dict[str, Any]
    train_rows: int
    test_rows: int
    decisions: tuple[str, ...]


def percent_to_test(rows: int) -> int:
    """Give the percent of rows to test on: 20 from 1,000 rows up, rising to 40 at 150, in steps of 5."""
    if rows >= MANY:
        return 20
    part = (math.log(MANY) - math.log(max(rows, FEW))) / (math.log(MANY) - math.log(FEW))
    return 5 * round((20 + 20 * part) / 5)


def plan_split(frame: pd.DataFrame, contract: Contract, target: Target) -> Plan:
    """Choose the split: by time where there is one, by group, else by hash.

    Args:
        frame: typed rows.
        contract: as it is proposed.
        target: the classes, each of which is to be on both sides.

    Raises:
        MlopsError: No split leaves rows on both sides that a model can be fitted to and judged by.
    """
    told: list[str] = []
    if contract.time is not None:
        split = {"method": "time", "test": "20%"}
        problem, counts = _judge(frame, contract, target, split)
        if problem is None:
            told.append(f"split: by time, the newest 20 % to test ({counts[1]} rows; {counts[0]} to train).")
            return Plan(split, *counts, tuple(told))
        told.append(f"split: not by time, since by {contract.time.name!r} {problem}.")
    method = "group" if contract.group is not None else "random"
    return _hashed(frame, contract, target, method, told)


def _hashed(frame: pd.DataFrame, contract: Contract, target: Target, method: str, told: list[str]) -> Plan:
    part = percent_to_test(target.rows)
    best: tuple[float, dict[str, Any], tuple[int, int], str | None] | None = None
    for seed in range(SEEDS if len(frame) <= 20_000 else 5):
        split = {"method": method, "test": f"{part}%", "seed": seed}
        problem, counts = _judge(frame, contract, target, split)
        miss = abs(counts[1] / max(1, sum(counts)) - part / 100) + (problem is not None)
        if best is None or miss < best[0]:
            best = (miss, split, counts, problem)
        if miss < 0.1 * part / 100:
            break
    if best is None or 0 in best[2]:
        raise MlopsError(f"the rows cannot be split by {method}: one side would be empty. Bring more rows that differ.")
    _, split, counts, problem = best
    if problem and target.task != "multiclass":
        raise MlopsError(f"however the rows are split by {method}, {problem}. Bring more rows that differ.")
    if problem:
        told.append(f"split: with every seed that was tried {problem}; bring more rows.")
    why = (
        "by group"
        if method == "group"
        else "by a hash of " + ("the id" if contract.id_column else "each row's content")
    )
    told.append(f"split: {why}, {part} % to test ({counts[1]} rows; {counts[0]} to train), seed {split['seed']}.")
    return Plan(split, *counts, tuple(told))


def _judge(
    frame: pd.DataFrame, contract: Contract, target: Target, split: dict[str, Any]
) -> tuple[str | None, tuple[int, int]]:
    """Say what is wrong with a split, and how many rows train and test."""
    batch = np.zeros(len(frame), dtype=int)
    try:
        found = sides(frame, batch, contract, decide(frame, batch, contract, split))
    except MlopsError:
        return "one side has no rows", (0, 0)
    counts = (int((found == "train").sum()), int((found == "test").sum()))
    labels = frame[target.name].astype(object)
    for side in ("train", "test"):
        missing = [label for label in target.classes if label not in set(labels[found == side])]
        if missing:
            return f"the {side} rows would lack the class {missing[0]!r}", counts
    if target.task == "regression" and frame[target.name][found == "test"].nunique() < 2:
        return "the test rows would all have one target", counts
    return None, counts


def model_numbers(rows: int, classes: int) -> dict[str, Any]:
    """Choose the booster's numbers for so many training rows: small trees for few."""
    sizes = ((200, 50, 4, 5), (1_000, 100, 8, 10), (10_000, 200, 15, 20), (math.inf, 200, 31, 20))
    _, iterations, leaves, least = next(size for size in sizes if rows < size[0])
    if classes > 2:  # a tree a class in each iteration
        iterations = max(20, min(iterations, MOST_TREES // classes))
    numbers: dict[str, Any] = {"learning_rate": 0.1, "max_iter": iterations, "max_leaf_nodes": leaves}
    return numbers | ({"min_samples_leaf": least} if least != 20 else {})
