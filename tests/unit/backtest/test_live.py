"""The live metric from counts, against the metric of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mlops.backtest.live import loss, matters


def binary(rng: np.random.Generator, rows: int, strength: float) -> tuple[dict[str, float], float]:
    truth = rng.random(rows) < 0.3
    bins = np.clip(np.round(10 + 3 * rng.normal(size=rows) + strength * truth), 0, 19).astype(int)
    counts = {f"{at}/{side}": float(((bins == at) & (truth == side)).sum()) for at in range(20) for side in (0, 1)}
    return counts, float(roc_auc_score(truth, bins))


def test_roc_auc_of_the_bins_is_that_of_the_rows_with_its_error() -> None:
    rng = np.random.default_rng(0)
    (then, better), (now, worse) = binary(rng, 4000, 4), binary(rng, 4000, 2)
    found = loss("binary", now, then)
    assert found is not None and found[0] == pytest.approx(better - worse)
    many = [binary(rng, 400, 3)[1] for _ in range(200)]
    one = binary(rng, 400, 3)[0]
    error = loss("binary", one, one)
    assert error is not None and error[1] / np.sqrt(2) == pytest.approx(np.std(many), rel=0.2)


def test_a_loss_matters_only_beyond_the_limit_and_beyond_chance() -> None:
    assert matters((0.03, 0.009), 0.02)
    assert not matters((0.019, 0.001), 0.02) and not matters((0.03, 0.011), 0.02) and not matters(None, 0.02)


def test_accuracy_and_error_lose_the_way_round_that_is_worse() -> None:
    right = loss("multiclass", {"right": 80.0, "wrong": 20.0}, {"right": 90.0, "wrong": 10.0})
    assert right is not None and right[0] == pytest.approx(0.1) and right[1] == pytest.approx(0.05)
    error = loss(
        "regression",
        {"rows": 100.0, "absolute": 120.0, "squared": 200.0},
        {"rows": 100.0, "absolute": 100.0, "squared": 164.0},
    )
    assert error is not None and error[0] == pytest.approx(0.2)
    assert error[1] == pytest.approx(np.hypot(np.sqrt(2 - 1.44), 0.8) / 10)


def test_rows_of_one_class_show_nothing() -> None:
    counts = {"0/0": 10.0, "0/1": 0.0, "1/0": 5.0, "1/1": 0.0}
    assert loss("binary", counts, {**counts, "1/1": 3.0}) is None
