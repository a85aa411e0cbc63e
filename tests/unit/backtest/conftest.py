from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from baking import PROJECT

from mlops.backtest import works
from mlops.backtest.course import Course
from mlops.backtest.policies import Model
from mlops.backtest.works import Bench
from mlops.gates.bar import parse
from mlops.pipeline import prepare, served, train
from mlops.settings import Settings

USER = PROJECT / "src" / "{{cookiecutter.package_name}}"
TEXTS = {
    "contract.yaml": """
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: shop
    properties:
      - {name: price, logicalType: number}
      - {name: size, logicalType: string, tags: [slice]}
      - {name: sold, logicalType: boolean, tags: [target]}
""",
    "params.yaml": """
task: binary
positive: true
threshold: 0.5
split: {method: random, test: "30%", seed: 0}
model: {learning_rate: 0.2, max_iter: 20, max_leaf_nodes: 8, min_samples_leaf: 20}
""",
    "gates.yaml": "metric: roc_auc\nmargin: 0.01\nwhen_unsure: warn\nbeats_dummy_by: 10%\n",
    "pyproject.toml": '[project]\nname = "shop"\n[tool.mlops]\npackage = "shop"\nfeatures = "shop.features"\n'
    'model = "shop.model"\nsource = "shop.source"\n',
    "src/shop/__init__.py": "",
}
MONTHS = ("may", "june", "july")
NAMES = [f"{number:04d}-{month}.parquet" for number, month in enumerate(MONTHS, 1)]


class Months(Bench):
    """A bench that remembers its models."""

    models: list[Model]

    def train(self) -> Model:
        self.models = [*getattr(self, "models", []), super().train()]
        return self.models[-1]


def rows(month: str, seed: int = 0) -> pd.DataFrame:
    """In May the cheap is sold; since June prices are up, and the dear is sold."""
    rng = np.random.default_rng([seed, MONTHS.index(month)])
    price = rng.normal(100 if month == "may" else 160, 15, 600).round(2)
    dear = (price - price.mean()) / 15 + rng.normal(0, 0.5, 600) > 0
    return pd.DataFrame({"price": price, "size": rng.choice(["S", "L"], 600), "sold": dear ^ (month == "may")})


def project(root: Path) -> Settings:
    """Write a project without data."""
    for name, text in TEXTS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    shutil.copy(USER / "features.generic.py", root / "src" / "shop" / "features.py")
    shutil.copy(USER / "model.py", root / "src" / "shop" / "model.py")
    (root / "data" / "raw").mkdir(parents=True)
    return Settings(root, "shop", "shop", "shop.features", "shop.model")


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """A project without data in a scratch folder."""
    return project(tmp_path / "clone")


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Months]:
    """Three months, with the real trainer, scorer and gate; the serving environment is this one, without DVC."""
    shop = project(tmp_path_factory.mktemp("backtest") / "clone")
    (shop.root / "src" / "mlops").symlink_to(PROJECT / "src" / "mlops")
    for name, month in zip(NAMES, MONTHS, strict=True):
        rows(month).to_parquet(shop.root / "data" / "raw" / name, index=False)
        (shop.root / "data" / "raw" / f"{name}.dvc").touch()

    def run() -> None:
        prepare._work(shop)
        train._work(shop)

    with pytest.MonkeyPatch.context() as patch:
        for module in (works, served):
            patch.setattr(module, "serving_python", lambda *_: Path(sys.executable))
        yield Months(shop, Course(shop, NAMES), parse(TEXTS["gates.yaml"]), run, 0.02)
