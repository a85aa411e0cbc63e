"""Which ids of the contract earlier batches have: what was predicted again later is no new row."""

from __future__ import annotations

from pathlib import Path

from mlops.contract.model import Contract
from mlops.data import table
from mlops.data.batches import SUFFIXES
from mlops.data.feedback_files import Row


def without_known(root: Path, agreed: Contract, rows: list[Row]) -> list[Row]:
    """Leave rows out whose id is in a batch of data/raw that is here.

    Args:
        root: The project; a batch that was not pulled cannot be looked into.
        agreed: The contract; without an `id` every row stays.
        rows: What was predicted.
    """
    if agreed.id_column is None or not rows:
        return rows
    name, known = agreed.id_column.name, set[str]()
    for path in sorted((root / "data" / "raw").glob("*")):
        if path.suffix.lower() in SUFFIXES:
            frame = table.read_raw(path)
            known |= set(frame[name].dropna().astype(str)) if name in frame else set()
    return [(key, row) for key, row in rows if str(row.get(name)) not in known]
