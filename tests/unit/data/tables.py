"""Small contracts and tables that the tests of this folder share."""

from __future__ import annotations

import pandas as pd

from mlops.contract.document import parse
from mlops.contract.model import Contract

HEAD = "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: 1.0.0\n"


def contract(*columns: str, head: str = "", table: str = "") -> Contract:
    """A contract of these columns, each in YAML's flow style without its braces."""
    lines = "".join(f"      - {{{column}}}\n" for column in columns)
    return parse(f"{HEAD}{head}schema:\n  - name: t\n{table}    properties:\n{lines}")


TIMED = contract(
    "name: y, tags: [target], logicalType: number",
    "name: t, tags: [time], logicalType: timestamp",
    "name: x, logicalType: number",
)
PLAIN = contract(
    "name: y, tags: [target], logicalType: number",
    "name: g, tags: [group], logicalType: string",
    "name: x, logicalType: number",
    "name: s, logicalType: string",
)


def times(*values: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(values))).astype("datetime64[us]")
