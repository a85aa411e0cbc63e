"""A small real bundle: a contract with every kind and role, a fitted model of a few milliseconds, its ONNX graph."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from mlops.contract.document import load
from mlops.contract.task import Feature, Task

CONTRACT = """\
apiVersion: v3.2.0
kind: DataContract
id: parcels
name: Parcels
version: 1.2.0
status: active
description: {purpose: Predict whether a parcel is late.}
customProperties:
  - {property: timezone, value: America/New_York}
schema:
  - name: parcels
    properties:
      - {name: TARGET, tags: [target], logicalType: KIND, required: true}
      - name: sent at
        tags: [time]
        logicalType: timestamp
        required: true
      - name: parcel.id
        tags: [id]
        logicalType: string
        required: true
      - {name: sender, tags: [group], logicalType: string, required: true}
      - name: länge cm
        logicalType: number
        required: true
        logicalTypeOptions: {minimum: 1, maximum: 200}
        description: Longest side.
      - {name: stops, logicalType: integer, logicalTypeOptions: {minimum: 0}}
      - {name: express, logicalType: boolean}
      - name: depot
        tags: [slice]
        logicalType: string
        enum: [{value: north}, {value: south}]
      - {name: due, logicalType: date}
      - {name: gender, tags: [protected], logicalType: string, required: true}
      - {name: age, tags: [protected, input], logicalType: integer}
      - name: iban
        logicalType: string
        classification: restricted
        logicalTypeOptions: {maxLength: 4}
      - name: weight
        logicalType: number
        logicalTypeOptions: {maximum: 30}
        customProperties: [{property: serving, value: reject}]
      - {name: note, tags: [excluded], logicalType: string}
"""

FEATURES = '''\
"""Columns in, features out."""

from __future__ import annotations

import numpy as np


def features(columns):
    """Derive the model's inputs."""
    sent, due = columns["sent at"], columns["due"]
    hours = (sent - sent.astype("datetime64[D]")) / np.timedelta64(1, "h")
    return {
        "hour": np.where(np.isnat(sent), np.nan, hours),
        "days": np.where(np.isnat(sent) | np.isnat(due), np.nan, (due - sent) / np.timedelta64(1, "D")),
        "long": columns["länge cm"],
        "stops": columns["stops"],
        "express": columns["express"],
        "depot": columns["depot"],
        "iban": columns["iban"],
        "age": columns["age"],
        "weight": columns["weight"],
        "empty": columns["weight"] * np.nan,
    }
'''

TEXT = ("depot", "iban")
NUMBERS = ("hour", "days", "long", "stops", "express", "age", "weight")
CONSTANT = "empty"
LABELS: dict[str, tuple[Any, ...]] = {
    "binary": (False, True),
    "multiclass": ("früh", "late", "on time"),
    "regression": (),
}
KINDS = {"binary": "boolean", "multiclass": "string", "regression": "number"}

ROW: dict[str, Any] = {
    "sent at": "2024-05-01T08:30:00",
    "parcel.id": "p-1",
    "länge cm": 40.5,
    "stops": 3,
    "express": True,
    "depot": "north",
    "due": "2024-05-04",
    "gender": "x",
    "age": 44,
    "iban": "DE12",
    "weight": 2.5,
}


def make_bundle(
    folder: Path, task: str = "binary", *, seed: int = 0, package: str = "parcels", features: str = FEATURES
) -> Path:
    """Fit a model on made-up features and write the folder that `train` would write."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text("")
    (folder / package / "features.py").write_text(features)
    (folder / "contract.yaml").write_text(CONTRACT.replace("TARGET", "late").replace("KIND", KINDS[task]))
    load(folder / "contract.yaml")
    named = [*TEXT, *NUMBERS, CONSTANT]
    kinds = {name: "string" if name in TEXT else "float" for name in named}
    mapped = [Feature(name, f"f{i}", kinds[name], name == CONSTANT) for i, name in enumerate(named)]  # type: ignore[arg-type]
    (folder / "model.onnx").write_bytes(_graph(task, mapped, seed))
    Task(
        task=task,  # type: ignore[arg-type]
        target="late",
        classes=LABELS[task],
        threshold=0.4 if task == "binary" else None,
        package=package,
        features=tuple(mapped),
        split={},
        batches=(),
    ).dump(folder / "task.json")
    return folder


def _graph(task: str, mapped: list[Feature], seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    n = 200
    frame = pd.DataFrame(
        {
            f.onnx: rng.choice(["north", "south", ""], n)
            if f.kind == "string"
            else rng.normal(size=n).astype(np.float32)
            for f in mapped
        }
    )
    text = [f.onnx for f in mapped if f.kind == "string"]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), text), remainder="passthrough"
    )
    if task == "regression":
        # A linear model gives NaN for a missing value, which a test wants to see refused.
        estimator = make_pipeline(encode, DecisionTreeRegressor(max_depth=3, random_state=0))
        y = frame["f4"] + rng.normal(size=n)
    else:
        estimator = make_pipeline(encode, LogisticRegression())
        y = pd.Series(np.arange(n) % len(LABELS[task]))
    estimator.fit(frame, y)
    inputs = [
        (f.onnx, StringTensorType([None, 1]) if f.kind == "string" else FloatTensorType([None, 1])) for f in mapped
    ]
    options = None if task == "regression" else {id(estimator): {"zipmap": False}}
    graph: bytes = to_onnx(estimator, initial_types=inputs, options=options).SerializeToString()
    return graph


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def release_facts(bundle: Path, name: str = "20240501-1") -> dict[str, Any]:
    """The facts of a release of a bundle, as `mlops release` writes them."""
    return {
        "id": name,
        "identity": "sha256:" + "1" * 64,
        "commit": "4" * 40,
        "image": {"repository": "local/parcels", "digest": "sha256:" + "2" * 64},
        "model": {"sha256": sha256(bundle / "model.onnx")},
        "data": {"sha256": "3" * 64, "batches": 1, "rows": 200},
        "contract": {"version": "1.2.0", "sha256": sha256(bundle / "contract.yaml")},
        "metrics": {"roc_auc": 0.5},
    }


def write_release(path: Path, facts: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump({"release": facts}))
    return path
