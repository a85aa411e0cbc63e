from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline

from mlops.pipeline.rounding import round_thresholds, rounded_down


def test_a_rounded_threshold_divides_float32_as_before() -> None:
    # Halfway between neighbours that a table has, such as 4.8 and 5.0, lies a value that the next table may have.
    tenths = (np.arange(-1000, 1000) / 10).astype(np.float32)
    thresholds = (tenths[:-2].astype(np.float64) + tenths[2:]) / 2
    between = tenths[1:-1]
    right = between <= thresholds
    np.testing.assert_array_equal(between <= rounded_down(thresholds), right)
    assert (between <= thresholds.astype(np.float32)).sum() > right.sum()  # what the nearest float32 would do


@pytest.mark.parametrize("booster", [HistGradientBoostingClassifier, HistGradientBoostingRegressor])
def test_the_graph_of_a_booster_says_what_the_booster_says_on_its_thresholds(booster: type) -> None:
    train = np.repeat(np.arange(0, 100, 2, dtype=np.float32), 40)[:, None] / np.float32(10)
    truth = np.arange(len(train)) // 40 % 2
    estimator = make_pipeline(booster(random_state=0, max_iter=30)).fit(train, truth)
    rows = (np.arange(1, 99, 2, dtype=np.float32) / np.float32(10))[:, None]
    before = estimator.predict(rows)
    assert _differ(estimator, rows) > 0.1
    round_thresholds(estimator)
    np.testing.assert_array_equal(estimator.predict(rows), before)
    assert _differ(estimator, rows) == 0


def _differ(estimator: object, rows: np.ndarray) -> float:
    graph = convert_sklearn(estimator, "m", [("x", FloatTensorType([None, 1]))])
    said = onnxruntime.InferenceSession(graph.SerializeToString()).run(None, {"x": rows})[0].reshape(-1)
    return float(np.mean(np.abs(said - estimator.predict(rows)) > 1e-3))  # type: ignore[attr-defined]
