from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from mlops.contract.task import Task
from mlops.gates.bar import Gates
from mlops.gates.calibration import chance, check_calibration
from mlops.gates.match import Match
from mlops.pipeline.measures import Judged, calibration_error, measure

GATES = Gates(metric="roc_auc", margin=0.01)


def outcomes(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores, and a truth that they are the probabilities of."""
    rng = np.random.default_rng(seed)
    score = rng.beta(1.5, 2.5, n)
    return score, (rng.random(n) < score).astype(int)


def judged(score: np.ndarray, truth: np.ndarray) -> Judged:
    return Judged(truth, np.c_[1 - score, score], 0.5)


def match(challenger: Judged, champion: Judged | None = None) -> Match:
    kind: Any = "regression" if challenger.is_regression else "binary"
    rows = pd.DataFrame(index=range(len(challenger.truth)))
    return Match(Task(kind, "y", (), challenger.threshold, "p", (), {}, ()), Mock(), rows, rows, challenger, champion)


def bar(**calibration: Any) -> Gates:
    return Gates(metric="roc_auc", margin=0.01, calibration=calibration)


def test_squared_scores_are_blocked_although_they_rank_the_same() -> None:
    score, truth = outcomes(5000)
    champion, challenger = judged(score, truth), judged(score**2, truth)
    assert measure("roc_auc", challenger) == measure("roc_auc", champion)
    check = check_calibration(match(challenger, champion), GATES)
    assert (check.outcome, check.details["answer"]) == ("block", "worse")
    assert "further off than the champion's" in check.words
    assert check.details["brier"] > check.details["champion_brier"]
    assert check.details["difference"] == pytest.approx(check.details["ece"] - check.details["champion_ece"])


def test_no_zero_has_a_sign_of_its_own() -> None:
    same = judged(*outcomes(300))
    assert "difference +0.000, 90 % interval +0.000 to +0.000" in check_calibration(match(same, same), GATES).words


@pytest.mark.parametrize(("when_unsure", "outcome"), [("warn", "warn"), ("block", "block")])
def test_on_60_rows_it_cannot_tell(when_unsure: str, outcome: str) -> None:
    score, truth = outcomes(60)
    gates = GATES.model_copy(update={"when_unsure": when_unsure})
    check = check_calibration(match(judged(score**1.4, truth), judged(score, truth)), gates)
    assert (check.outcome, check.details["answer"]) == (outcome, "cannot tell"), check.words


def test_equal_refits_are_blocked_in_none_of_20() -> None:
    found = []
    for seed in range(20):
        score, truth = outcomes(400 if seed % 2 else 3000, seed)
        rng = np.random.default_rng(100 + seed)
        one, other = (np.clip(score + rng.normal(0, 0.03, len(score)), 0, 1) for _ in range(2))
        found.append(check_calibration(match(judged(one, truth), judged(other, truth)), GATES).outcome)
    assert found.count("block") == 0, found


@pytest.mark.parametrize("classes", [2, 3])
def test_chance_is_what_a_calibrated_model_shows(classes: int) -> None:
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(classes), 300)
    drawn = [Judged(np.array([rng.choice(classes, p=row) for row in scores]), scores) for _ in range(200)]
    real = np.array([calibration_error(one) for one in drawn])
    perfect = chance(drawn[0])
    assert perfect.mean() == pytest.approx(real.mean(), rel=0.08)
    assert np.quantile(perfect, 0.95) == pytest.approx(np.quantile(real, 0.95), rel=0.12)
    assert np.array_equal(perfect, chance(drawn[1]))


def test_a_limit_allows_for_chance() -> None:
    score, truth = outcomes(100)
    few = check_calibration(match(judged(score, truth)), bar(max_ece=0.05))
    assert few.details["ece"] > 0.05 and few.outcome == "pass"
    score, truth = outcomes(5000)
    check = check_calibration(match(judged(score**2, truth)), bar(max_ece=0.05))
    assert (check.outcome, check.details["limit_answer"]) == ("block", "too large")
    assert check_calibration(match(judged(score**2, truth)), GATES).outcome == "pass"


def test_the_interval_takes_chance_out_again() -> None:
    inside = 0
    for seed in range(10):
        score, truth = outcomes(1000, seed)
        details = check_calibration(match(judged(np.clip(score + 0.1, 0, 1), truth)), GATES).details
        inside += details["low"] <= 0.1 <= details["high"]
    assert inside >= 7


def test_a_number_has_no_calibration() -> None:
    values = np.arange(50.0)
    check = check_calibration(match(Judged(values, values)), GATES)
    assert (check.outcome, check.details) == ("pass", {})
