"""Stage `prepare`: hold rows out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mlops.contract.errors import MlopsError
from mlops.contract.task import Batch
from mlops.data import splitting
from mlops.pipeline import dataset
from mlops.pipeline.params import Params
from mlops.pipeline.params import load as load_params
from mlops.pipeline.stage import run, write_json
from mlops.settings import Settings

FOLDER = Path("build") / "split"
BATCH, ROW = "\0batch", "\0row"  # no column of a file has this sign


@dataclass(frozen=True)
class Prepared:
    """Typed rows on both sides of the split; BATCH and ROW give a row's batch and its number therein."""

    train: pd.DataFrame
    test: pd.DataFrame
    split: dict[str, Any]
    batches: tuple[Batch, ...]


def divide(data: dataset.Dataset, params: Params) -> Prepared:
    """Split a dataset as params.yaml says.

    Raises:
        MlopsError: A side has no row, or the settings do not fit the contract.
    """
    settings = params.split.model_dump()
    split = splitting.decide(data.frame, data.batch, data.contract, settings, params.window_setting, params.label_delay)
    sides = splitting.sides(data.frame, data.batch, data.contract, split)
    rows = numbered(data)
    train, test = (rows[sides == side].reset_index(drop=True) for side in ("train", "test"))
    return Prepared(train, test, split.to_json(), data.batches)


def numbered(data: dataset.Dataset) -> pd.DataFrame:
    """Give the rows of a dataset with the number of their batch and their own therein."""
    return data.rows.assign(**{BATCH: data.batch, ROW: data.row})


def labelled(data: dataset.Dataset) -> pd.DataFrame:
    """Give the rows that have a target, numbered."""
    rows = numbered(data)
    return rows[rows[data.contract.target.name].notna()]


def load(root: Path) -> Prepared:
    """Read what the stage wrote.

    Raises:
        MlopsError: It has not run.
    """
    folder = root / FOLDER
    if not (folder / "split.json").is_file():
        raise MlopsError(f"{FOLDER} is not there. Run `dvc repro`.")
    described = json.loads((folder / "split.json").read_text(encoding="utf-8"))
    train, test = (pd.read_parquet(folder / f"{side}.parquet") for side in ("train", "test"))
    return Prepared(train, test, described["split"], tuple(Batch(**batch) for batch in described["batches"]))


def _work(settings: Settings) -> str:
    data = dataset.load(settings)
    prepared = divide(data, load_params(settings.root))
    folder = settings.root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    prepared.train.to_parquet(folder / "train.parquet", index=False)
    prepared.test.to_parquet(folder / "test.parquet", index=False)
    described = {"split": prepared.split, "batches": [asdict(batch) for batch in prepared.batches]}
    write_json(folder / "split.json", described)
    unused = len(data.frame) - len(prepared.train) - len(prepared.test)
    return (
        f"{len(prepared.train)} rows to train on, {len(prepared.test)} held out, {unused} unused "
        f"({split_words(prepared.split)})"
    )


def split_words(split: dict[str, Any]) -> str:
    """Say in words how rows were held out."""
    if split.get("boundary"):
        return f"by time from {split['boundary'].removesuffix('.000000').removesuffix('T00:00:00')}"
    return f"by {split['method']}"


if __name__ == "__main__":
    run("prepare", _work)
