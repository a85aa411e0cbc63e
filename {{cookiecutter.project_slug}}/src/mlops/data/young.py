"""Rows that may lack their target, because it is not known so soon."""

from __future__ import annotations

import pandas as pd

from mlops.contract.model import Contract
from mlops.data.boundary import duration
from mlops.data.table import typed


def settled(raw: pd.DataFrame, contract: Contract, label_delay: str) -> pd.DataFrame:
    """Drop the rows that have no target and are younger than `label_delay`, counted from the table's newest time.

    Args:
        raw: as `read_raw` gave it.
        contract: names time and target.
        label_delay: how long a target may take, such as "1d".
    """
    time, target = contract.time, contract.target
    if time is None or {time.name, target.name} - set(map(str, raw.columns)):
        return raw
    rows = typed(raw, contract, "the table", [time.name, target.name]).frame
    young = rows[time.name] > rows[time.name].max() - pd.Timedelta(duration(label_delay, "label_delay"))
    keep = ~(young & rows[target.name].isna()).to_numpy(dtype=bool)
    return raw if keep.all() else raw[keep].reset_index(drop=True)
