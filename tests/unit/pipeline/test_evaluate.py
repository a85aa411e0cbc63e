from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mlops.contract.model import Contract
from mlops.contract.task import Task
from mlops.pipeline import dataset, evaluate, prepare
from mlops.pipeline.measures import Judged
from mlops.pipeline.params import load as load_params
from mlops.settings import Settings

REPORTS = {"metrics", "slices", "fairness", "curves", "importance"}


@pytest.fixture
def evaluated(shop: Settings, agreed: Contract, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Run the stage twice, with a server that says a price is all there is to know."""
    sides = prepare.divide(dataset.load(shop), load_params(shop.root))
    frame = dataset.features(dataset.features_function(shop), agreed, sides.train)
    task = Task("binary", "back", (False, True), 0.4, "shop", dataset.describe(frame), {}, ())
    (shop.bundle).mkdir(parents=True)
    task.dump(shop.bundle / "task.json")
    (shop.root / "gates.yaml").write_text("metric: roc_auc\n", encoding="utf-8")
    monkeypatch.setattr(evaluate.prepare, "load", lambda root: sides)
    monkeypatch.setattr(evaluate, "serve", serve)
    monkeypatch.setattr(evaluate, "note", lambda settings: None)
    written = []
    for _ in range(2):
        evaluate._work(shop)
        written.append({path.stem: path.read_bytes() for path in (shop.root / "reports").glob("*.json")})
    assert written[0] == written[1]
    return written[0]


def serve(settings: Settings, raw: dict[str, list[Any]], n: int) -> np.ndarray:
    score = 1 / (1 + np.exp(-np.array([((price or 40.0) - 45) / 15 for price in raw["price.€"]])))
    return np.c_[1 - score, score]


def test_every_report_is_there_the_same_twice(evaluated: dict[str, bytes]) -> None:
    assert set(evaluated) == REPORTS
    report = {name: json.loads(text) for name, text in evaluated.items()}
    assert report["metrics"]["linear"]["margin_over"] == pytest.approx(
        report["metrics"]["metrics"]["roc_auc"] - report["metrics"]["linear"]["score"], abs=2e-6
    )
    assert set(report["slices"]["size of it"]) == {"(missing)", "L", "M", "S"}
    assert report["fairness"] == {"declared": None}
    assert report["importance"]["columns"][0]["column"] == "price.€"
    assert len(report["curves"]["roc"]) > 10


def test_a_linear_model_that_fails_is_null_with_its_reason() -> None:
    report = {"metric": "r2", "metrics": {"r2": 0.5}, "undefined": {}}
    assert evaluate.beside(report, 0.4)["linear"] == {"score": 0.4, "margin_over": 0.1}
    failed = evaluate.beside(report, "it did not work")
    assert (failed["linear"], failed["undefined"]) == (None, {"linear": "it did not work"})


def test_protected_columns_and_numeric_slices_are_cut_alike(shop: Settings, agreed: Contract) -> None:
    frame = dataset.load(shop).frame
    columns = tuple(
        replace(column, roles=frozenset({"slice", "protected"})) if column.name == "price.€" else column
        for column in agreed.columns
    )
    tagged = replace(agreed, columns=columns)
    score = np.random.default_rng(0).random(len(frame))
    judged = Judged(frame["back"].astype(int).to_numpy(), np.c_[1 - score, score], 0.5)
    slices = evaluate.slices(tagged, frame, judged, "roc_auc")["price.€"]
    found = evaluate.fairness(tagged, frame, judged)["columns"][0]
    assert {group["group"]: group["rows"] for group in found["groups"]} == {n: v["rows"] for n, v in slices.items()}
    assert len(slices) == 5 and {measure["measure"] for measure in found["measures"]} >= {"equalized_odds"}
