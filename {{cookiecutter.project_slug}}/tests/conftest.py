"""Rows to try things on: of the data where they are here, else made up from the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops import project
from mlops.contract.model import Column

ROOT = Path(__file__).resolve().parent.parent
ROWS = 400
DTYPES = {
    "number": "float64",
    "integer": "Int64",
    "boolean": "boolean",
    "string": object,
    "date": "datetime64[us]",
    "timestamp": "datetime64[us]",
}


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """Give some hundred typed rows, as training sees them."""
    if not (ROOT / "contract.yaml").exists():
        pytest.skip("no contract.yaml yet: `mlops contract infer FILE --target COLUMN` proposes one")
    if any(path.suffix in (".csv", ".parquet") for path in (ROOT / "data" / "raw").glob("0*")):
        table = project.table()
        return table.sample(min(ROWS, len(table)), random_state=0).reset_index(drop=True)
    rng = np.random.default_rng(0)
    columns = [column for column in project.contract().columns if "excluded" not in column.roles]
    return pd.DataFrame({column.name: made_up(column, rng) for column in columns})


def made_up(column: Column, rng: np.random.Generator) -> pd.Series[Any]:
    """Draw values that the contract allows."""
    return pd.Series(list(draw(column, rng)), dtype=DTYPES[column.kind])


def draw(column: Column, rng: np.random.Generator) -> Any:
    """Draw from the column's `enum`, else from its range or length, else from anything of its kind."""
    rules = {rule.kind: rule.value for rule in column.rules}
    labels = rules.get("enum") or target_labels(column)
    if labels:
        return rng.choice(np.array(labels, dtype=object), ROWS)
    low = float(rules.get("minimum", 0))
    high = float(rules.get("maximum", low + 100))
    if column.kind == "number":
        return rng.uniform(low, high, ROWS)
    if column.kind == "integer":
        return rng.integers(int(low), int(high) + 1, ROWS)
    if column.kind == "boolean":
        return rng.random(ROWS) < 0.5
    if column.kind == "string":
        return [letter * int(rules.get("minLength", 1)) for letter in rng.choice(list("abc"), ROWS)]
    minutes = rng.integers(0, 60 * 24 * 365, ROWS).astype("timedelta64[m]")
    return np.datetime64("2024-01-01T00:00", "us") + minutes


def target_labels(column: Column) -> list[Any]:
    """List labels for the target of a classifier."""
    params = project.params()
    if "target" not in column.roles or params.task == "regression" or column.kind == "boolean":
        return []
    if params.task == "binary":
        return [params.positive, 0 if column.kind == "integer" else "other"]
    return [0, 1, 2] if column.kind == "integer" else ["a", "b", "c"]
