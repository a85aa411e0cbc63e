"""Ten small losses in a row are one large loss."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from mlops.gates import anchor
from mlops.gates.anchor import Gain, best, gain
from mlops.gates.contest import difference
from mlops.pipeline.measures import Judged

pytestmark = pytest.mark.unit
MARGIN = 0.01


def chain(*steps: float) -> dict[str, Gain]:
    return {f"r{n}": Gain(f"r{n - 1}", "roc_auc", step) for n, step in enumerate(steps, 1)}


def test_the_best_is_the_one_from_which_most_was_lost() -> None:
    assert best("r3", chain(0.01, -0.004, -0.004), "roc_auc") == "r1"
    assert best("r3", chain(0.01, 0.004, 0.001), "roc_auc") == "r3"
    assert best("r3", chain(0.01, -0.004, 0.009), "roc_auc") == "r3"


def test_only_twelve_releases_count_and_only_by_one_metric() -> None:
    assert best("r11", chain(*[-0.001] * 11), "roc_auc") == "r0"
    assert best("r12", chain(*[-0.001] * 12), "roc_auc") == "r1"
    assert best("r3", {**chain(-0.1, -0.1, -0.1), "r2": Gain("r1", "f1", -0.1)}, "roc_auc") == "r2"
    assert best("r3", chain(-0.1, -0.1, -0.1), "f1") == "r3"


def test_a_loss_that_a_person_accepted_begins_the_count_anew() -> None:
    def report(**details: Any) -> dict[str, Any]:
        judged = {
            "metric": "roc_auc",
            "comparison": {"difference": -0.2},
            "checks": [{"gate": "champion", "details": details}],
        }
        return {"champion": {"id": "r1"}, "judgements": [judged]}

    assert gain(report()) == {"over": "r1", "metric": "roc_auc", "difference": -0.2}
    assert gain(report(overridden=True)) is None


def test_before_the_first_release_no_champion_is_spoken_of_as_if_it_were_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchor, "standing_of", lambda *_: None)
    first, later = (Mock(champion=standing) for standing in (None, Mock()))
    said = [anchor.check_anchor(Mock(), Mock(), "staging", "HEAD", Mock(), met).words for met in (first, later)]
    assert said[0].startswith("There is no champion") and "better than the champion" in said[1]


def test_ten_losses_of_four_fifths_of_a_margin_are_stopped() -> None:
    """Each model is 0.8 margins worse than the last; none is stopped by its predecessor, the third by the anchor."""
    truth, signal, noise = series()
    models = [scored(truth, signal, noise, MARGIN * 0.8 * step) for step in range(5)]
    steps = [difference("roc_auc", MARGIN, new, old, None) for old, new in pairwise(models)]
    assert "worse" not in [step.answer for step in steps]
    won: dict[str, Gain] = {}
    for step in range(1, 5):
        top = best(f"r{step - 1}", won, "roc_auc")
        anchored = difference("roc_auc", anchor.TIMES * MARGIN, models[step], models[int(top[1:])], None)
        if anchored.answer == "worse":
            break
        won[f"r{step}"] = Gain(f"r{step - 1}", "roc_auc", steps[step - 1].difference)
    assert step == 3, "three times 0.8 is beyond twice the margin"


def series() -> tuple[Any, Any, Any]:
    random = np.random.default_rng(0)
    truth = (random.random(6_000) < 0.3).astype(int)
    return truth, random.standard_normal(6_000) + 1.2 * truth, random.standard_normal(6_000)


def scored(truth: Any, signal: Any, noise: Any, loss: float) -> Judged:
    """A model whose ROC AUC is `loss` below that of the signal alone."""
    low, high = 0.0, 5.0
    goal = auc(truth, signal) - loss
    for _ in range(18):
        middle = (low + high) / 2
        low, high = (middle, high) if auc(truth, signal + middle * noise) > goal else (low, middle)
    p = 1 / (1 + np.exp(-(signal + low * noise)))
    return Judged(truth, np.c_[1 - p, p], 0.5)


def auc(truth: Any, scores: Any) -> float:
    ranks = scores.argsort().argsort() + 1
    ones = truth.sum()
    return float((ranks[truth == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(truth) - ones)))


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "[]",
        '{"metrics": {}}',
        '{"gain": null}',
        '{"gain": {"over": "r0"}}',
        '{"gain": {"over": "r0", "metric": "roc_auc", "difference": "much"}}',
        '{"gain": {"over": "r0", "metric": "roc_auc", "difference": NaN}}',
    ],
)
def test_a_release_that_does_not_tell_what_it_won_ends_the_chain(text: str) -> None:
    assert anchor.read_gain(text.encode()) is None
    assert anchor.read_gain(None) is None


def test_what_a_release_won_is_read_back_and_what_is_beside_it_left() -> None:
    text = '{"gain": {"over": "r0", "metric": "roc_auc", "difference": -0.1, "rows": 5}}'
    assert anchor.read_gain(text.encode()) == Gain("r0", "roc_auc", -0.1)
