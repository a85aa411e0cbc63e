"""The rows on which both models are judged: held out by one, never trained on by the other."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract.columns import Json
from mlops.contract.document import load as load_contract
from mlops.contract.errors import MlopsError
from mlops.contract.task import Task, load_task
from mlops.data import splitting, table
from mlops.delivery.champion import Champion
from mlops.delivery.git import Git
from mlops.delivery.layout import folder
from mlops.pipeline import dataset
from mlops.pipeline.dataset import Dataset
from mlops.pipeline.prepare import BATCH, ROW
from mlops.settings import Settings

ENOUGH = 0.3


@dataclass(frozen=True)
class Incumbent:
    """The champion with its task, and all of today's rows as its own contract reads them."""

    champion: Champion
    task: Task
    data: Dataset


def incumbent(settings: Settings, champion: Champion) -> Incumbent:
    """Let a champion read today's data.

    Raises:
        MlopsError: The data lacks a column that the champion needs, or a value is of another type.
    """
    try:
        data = dataset.load(settings, load_contract(champion.bundle / "contract.yaml"))
    except MlopsError as error:
        raise MlopsError(f"the champion cannot read today's data: {error}") from error
    return Incumbent(champion, load_task(champion.bundle / "task.json"), data)


def trained_on(task: Task, data: Dataset) -> NDArray[np.bool_]:
    """Tell which rows a model was trained on.

    Args:
        task: its split and batches.
        data: all rows, n of them, read by its own contract: another one may name another time or key.

    Returns:
        Mask of shape (n,).
    """
    numbers = {batch.sha256: number for number, batch in enumerate(task.batches)}
    batch = np.array([numbers.get(b.sha256, -1) for b in data.batches])[data.batch]
    sides = splitting.sides(data.frame, np.maximum(batch, 0), data.contract, splitting.from_json(task.split))
    return np.asarray((batch >= 0) & (sides == "train"))


def unseen(standing: Incumbent, rows: pd.DataFrame) -> pd.DataFrame:
    """Drop the rows that the champion was trained on.

    Raises:
        MlopsError: Fewer than 30 % of the rows remain.
    """
    return fresh(standing.task, standing.data, rows)


def fresh(task: Task, data: Dataset, rows: pd.DataFrame) -> pd.DataFrame:
    """Drop the rows that a model was trained on; `data` holds all rows, read by its own contract.

    Raises:
        MlopsError: Fewer than 30 % of the rows remain.
    """
    seen = _keys(data)[trained_on(task, data)]
    kept = rows[~keys(rows).isin(seen)]
    if len(kept) < ENOUGH * len(rows):
        raise MlopsError(
            f"the champion was trained on {len(rows) - len(kept)} of the {len(rows)} test rows; {len(kept)} are too "
            "few to judge by. Add a batch, or hold out rows that it has not seen."
        )
    return kept


def raw_for(data: Dataset, rows: pd.DataFrame) -> dict[str, list[Json]]:
    """Return what a client would send of the rows, as the contract of `data` reads them."""
    return table.to_json(data.frame.iloc[_keys(data).get_indexer(keys(rows))], data.contract)


def measured_on(git: Git, env: str, rev: str) -> int | None:
    """Count the test rows on which the release that stands was measured; None where its metrics.json does not say."""
    text = git.show(rev, f"{folder(env)}/metrics.json")
    try:
        return None if text is None else int(json.loads(text)["rows"])
    except (ValueError, LookupError, TypeError):
        return None


def keys(rows: pd.DataFrame) -> pd.MultiIndex:
    """Name rows by their batch and their number in it."""
    return pd.MultiIndex.from_frame(rows[[BATCH, ROW]])


def _keys(data: Dataset) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([data.batch, data.row])
