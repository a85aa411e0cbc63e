from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from mlops.data.sample import evenly
from mlops.pipeline.curves import curves
from mlops.pipeline.measures import Judged, calibration_error


def binary(n: int, seed: int = 0) -> Judged:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return Judged((rng.random(n) < score).astype(int), np.c_[1 - score, score], 0.3)


@pytest.mark.parametrize("n", [40, 5000])
def test_a_thinned_curve_still_has_the_area(n: int) -> None:
    judged = binary(n)
    found = curves(judged, (False, True))
    roc, pr = np.array(found["roc"]), np.array(found["pr"])
    assert len(roc) <= 200 and len(pr) <= 200
    assert auc(*roc.T) == pytest.approx(roc_auc_score(judged.truth, judged.scores[:, 1]), abs=0.003)
    assert -np.trapezoid(pr[:, 1], pr[:, 0]) == pytest.approx(
        average_precision_score(judged.truth, judged.scores[:, 1]), abs=0.02
    )
    assert roc[0].tolist() == [0, 0] and roc[-1].tolist() == [1, 1]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_bins_are_those_of_the_expected_calibration_error(classes: int) -> None:
    rng = np.random.default_rng(0)
    judged = Judged(rng.integers(0, classes, 800), rng.dirichlet(np.ones(classes), 800), 0.5 if classes == 2 else None)
    found = curves(judged, tuple("abc"[:classes]))
    error = sum(b["rows"] * abs(b["score"] - b["rate"]) for b in found["calibration"]) / 800
    assert error == pytest.approx(calibration_error(judged), abs=1e-5)
    assert sum(map(sum, found["confusion"])) == sum(b["rows"] for b in found["calibration"]) == 800
    assert ("roc" in found) == (classes == 2)


def test_confusion_has_truth_in_rows_and_keeps_classes_that_no_row_has() -> None:
    judged = Judged(np.array([0, 0, 2]), np.eye(3)[[0, 2, 2]])
    assert curves(judged, ("a", "b", "c"))["confusion"] == [[1, 0, 1], [0, 0, 0], [0, 0, 1]]


def test_rows_of_one_class_have_no_ranking() -> None:
    judged = Judged(np.zeros(50, dtype=int), binary(50).scores, 0.5)
    assert set(curves(judged, (False, True))) == {"calibration", "confusion", "classes"}


def test_residuals_are_truth_less_predicted_evenly_by_rank() -> None:
    rng = np.random.default_rng(0)
    said = rng.normal(size=3000)
    found = curves(Judged(said + 1, said), ())
    assert len(found["residuals"]) == 500
    assert {round(residual, 5) for _, residual in found["residuals"]} == {1.0}
    assert found["residuals"][0][0] == pytest.approx(said.min(), abs=1e-6)
    assert [b["rows"] for b in found["calibration"]] == [300] * 10


def test_few_rows_and_the_same_bytes() -> None:
    few = curves(Judged(np.arange(3.0), np.arange(3.0)), ())
    assert len(few["residuals"]) == len(few["calibration"]) == 3
    first, again = (json.dumps(curves(binary(500), (False, True)), allow_nan=False) for _ in range(2))
    assert first == again


def test_evenly_keeps_both_ends() -> None:
    assert evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert evenly(3, 4).tolist() == [0, 1, 2]
