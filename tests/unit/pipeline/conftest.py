from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from baking import PROJECT

from mlops.contract.model import Contract
from mlops.pipeline import dataset
from mlops.settings import Settings

USER = PROJECT / "src" / "{{cookiecutter.package_name}}"
CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: shop
    properties:
      - {name: key, tags: [id], logicalType: string}
      - {name: size of it, logicalType: string, tags: [slice]}
      - {name: price.€, logicalType: number}
      - {name: "1st", logicalType: integer}
      - {name: empty, logicalType: number}
      - {name: gift, logicalType: boolean}
      - {name: sold, logicalType: timestamp}
      - {name: back, logicalType: boolean, tags: [target]}
"""
PARAMS = """
task: binary
positive: true
threshold: {maximize: f1}
split: {method: random, test: "30%", seed: 0}
model: {learning_rate: 0.1, max_iter: 20, max_leaf_nodes: 8, min_samples_leaf: 5}
"""


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """A project folder with a contract, parameters, generic features, the template's model and one batch."""
    package = tmp_path / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(USER / "features.generic.py", package / "features.py")
    shutil.copy(USER / "model.py", package / "model.py")
    (tmp_path / "contract.yaml").write_text(CONTRACT, encoding="utf-8")
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (tmp_path / "data" / "raw").mkdir(parents=True)
    rows(600).to_parquet(tmp_path / "data" / "raw" / "0001-first.parquet", index=False)
    return Settings(tmp_path, "shop", "shop", "shop.features", "shop.model")


@pytest.fixture
def agreed(shop: Settings) -> Contract:
    return dataset.contract(shop)


def rows(n: int, seed: int = 0) -> pd.DataFrame:
    """Rows of a shop, with a signal in price and size."""
    rng = np.random.default_rng(seed)
    size = rng.choice(["S", "M", "L", None], n)
    price = np.where(rng.random(n) < 0.1, np.nan, rng.gamma(4, 10, n).round(2))
    strength = 0.06 * (np.nan_to_num(price, nan=40) - 40) + 2.0 * (size == "L") + rng.normal(0, 1, n)
    return pd.DataFrame(
        {
            "key": [f"k{seed}-{row}" for row in range(n)],
            "size of it": size,
            "price.€": price,
            "1st": rng.integers(0, 5, n),
            "empty": np.full(n, np.nan),
            "gift": rng.random(n) < 0.3,
            "sold": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), unit="h"),
            "back": strength > 0.5,
        }
    )
