from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops.contract.document import parse
from mlops.contract.model import Contract
from mlops.data import table
from mlops.pipeline.importance import importance
from mlops.pipeline.measures import Judged

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: two
version: 1.0.0
status: active
schema:
  - name: two
    properties:
      - {name: key, tags: [id], logicalType: string}
      - {name: strong, logicalType: number}
      - {name: weak, logicalType: number}
      - {name: idle, logicalType: string}
      - {name: kind, logicalType: string, tags: [protected]}
      - {name: y, logicalType: boolean, tags: [target]}
"""
WEIGHTS = {"strong": 2.0, "weak": 0.5}


@pytest.fixture
def agreed() -> Contract:
    return parse(CONTRACT)


def rows(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: rng.normal(size=n) for name in WEIGHTS})
    frame["strong"] = frame["strong"].where(rng.random(n) > 0.1)
    return frame.assign(key=[f"k{i}" for i in range(n)], idle=rng.choice(["a", "b"], n), kind="x")


class Server:
    """Scores rows as a served model would, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, raw: dict[str, list[Any]], n: int) -> np.ndarray:
        self.asked.append(n)
        assert {len(values) for values in raw.values()} == {n}
        strength = sum(w * np.array([v or 0.0 for v in raw[name]]) for name, w in WEIGHTS.items())
        score = 1 / (1 + np.exp(-strength))
        return np.c_[1 - score, score]


def judge(agreed: Contract, frame: pd.DataFrame) -> Judged:
    scores = Server()(table.to_json(frame, agreed), len(frame))
    truth = (np.random.default_rng(1).random(len(frame)) < scores[:, 1]).astype(int)
    return Judged(truth, scores, 0.5)


def test_columns_come_in_the_order_of_their_worth_after_one_call(agreed: Contract) -> None:
    frame, server = rows(3000), Server()
    found = importance(agreed, frame, judge(agreed, frame), "roc_auc", server)
    assert server.asked == [3 * 2000]
    strong, weak, idle = found["columns"]
    assert [strong["column"], weak["column"], idle["column"]] == ["strong", "weak", "idle"]
    assert strong["low"] > weak["high"] > weak["low"] > 0
    assert idle == {"column": "idle", "drop": 0.0, "low": 0.0, "high": 0.0}


def test_it_is_the_same_twice_and_any_scorer_will_do(agreed: Contract) -> None:
    frame = rows(300)
    first, again = (importance(agreed, frame, judge(agreed, frame), "matthews_corrcoef", Server()) for _ in range(2))
    assert first == again and first["columns"][0]["column"] == "strong"


def test_rows_that_do_not_define_the_metric_are_said_to(agreed: Contract) -> None:
    frame, server = rows(50), Server()
    judged = judge(agreed, frame)
    one_class = Judged(np.zeros(50, dtype=int), judged.scores, 0.5)
    found = importance(agreed, frame, one_class, "roc_auc", server)
    assert (found["columns"], server.asked) == ([], []) and "one class" in found["undefined"]
