"""What was fitted, on which rows: `task.json` of a bundle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mlops.contract.errors import MlopsError
from mlops.contract.model import Scalar

TaskKind = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class Feature:
    """One input of the ONNX graph; a constant one was null in every training row and is fed as 0."""

    name: str
    onnx: str
    kind: Literal["float", "string"]
    constant: bool = False


@dataclass(frozen=True)
class Batch:
    """One file of data/raw that the model has seen."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Task:
    """The task of a model: its target, classes and features, and from what rows it was trained.

    `classes` holds the labels in the order of the score's columns, empty for regression; for a binary task the
    second one is the positive. `split` is what `prepare` decided, enough to tell the training rows again.
    """

    task: TaskKind
    target: str
    classes: tuple[Scalar, ...]
    threshold: float | None
    package: str
    features: tuple[Feature, ...]
    split: dict[str, Any]
    batches: tuple[Batch, ...]

    def dump(self, path: Path) -> None:
        """Write the task as JSON, stable byte for byte."""
        path.write_text(json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def load_task(path: Path) -> Task:
    """Read `task.json`.

    Raises:
        MlopsError: The file is missing or is no task.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Task(
            task=raw["task"],
            target=raw["target"],
            classes=tuple(raw["classes"]),
            threshold=raw["threshold"],
            package=raw["package"],
            features=tuple(Feature(**feature) for feature in raw["features"]),
            split=raw["split"],
            batches=tuple(Batch(**batch) for batch in raw["batches"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MlopsError(
            f"{path}: no readable task ({error!r}). Run `dvc repro train` to write the bundle again."
        ) from error
