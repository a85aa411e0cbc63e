"""The rows on which both models are judged: held out by one, never trained on by the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract.columns import Json
from mlops.contract.document import load as load_contract
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import Task
from mlops.data import splitting, table
from mlops.delivery.champion import Champion
from mlops.pipeline import dataset
from mlops.pipeline.prepare import BATCH, ROW
from mlops.settings import Settings

ENOUGH = 0.3


def seen(champion: Task, agreed: Contract, rows: pd.DataFrame, shas: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell which rows the champion was trained on.

    Args:
        champion: its task: split and batches.
        agreed: the contract by which the rows are typed.
        rows: typed rows with their batch numbers, n of them.
        shas: sha256 of each batch, by number.

    Returns:
        Mask of shape (n,).
    """
    numbers = {batch.sha256: number for number, batch in enumerate(champion.batches)}
    batch = np.array([numbers.get(sha, -1) for sha in shas])[rows[BATCH].to_numpy()]
    sides = splitting.sides(rows, np.maximum(batch, 0), agreed, splitting.from_json(champion.split))
    return np.asarray((batch >= 0) & (sides == "train"))


def unseen(champion: Task, agreed: Contract, rows: pd.DataFrame, shas: tuple[str, ...]) -> pd.DataFrame:
    """Drop the rows that the champion was trained on.

    Raises:
        MlopsError: Fewer than 30 % of the rows remain.
    """
    kept = rows[~seen(champion, agreed, rows, shas)]
    if len(kept) < ENOUGH * len(rows):
        raise MlopsError(
            f"the champion was trained on {len(rows) - len(kept)} of the {len(rows)} test rows; {len(kept)} are too "
            "few to judge by. Add a batch, or hold out rows that it has not seen."
        )
    return kept


def raw_for(settings: Settings, champion: Champion, agreed: Contract, rows: pd.DataFrame) -> dict[str, list[Json]]:
    """Return the raw values of rows as the champion's contract reads them.

    Raises:
        MlopsError: The data lacks a column that the champion needs.
    """
    theirs = load_contract(champion.bundle / "contract.yaml")
    if _readable(theirs, agreed):
        return table.to_json(rows, agreed)
    try:
        data = dataset.load(settings, theirs)
    except MlopsError as error:
        raise MlopsError(f"the champion cannot read today's data: {error}") from error
    order = pd.MultiIndex.from_arrays([data.batch, data.row]).get_indexer(pd.MultiIndex.from_frame(rows[[BATCH, ROW]]))
    return table.to_json(data.frame.iloc[order], theirs)


def _readable(theirs: Contract, ours: Contract) -> bool:
    have: dict[str, Any] = {column.name: column.kind for column in ours.columns if "excluded" not in column.roles}
    same_zone = theirs.timezone == ours.timezone
    return same_zone and all(have.get(column.name) == column.kind for column in theirs.inputs)
