"""How often the gate errs, through the code that decides: refits that differ by their seed, and a true loss."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from mlops.gates.verdict import compare
from mlops.pipeline import bootstrap
from mlops.pipeline.measures import Judged, measure

MARGIN = 0.005


def table(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(n, 6))
    strength = inputs[:, 0] + 0.5 * inputs[:, 1] * inputs[:, 2] + rng.normal(0, 1.5, n)
    return inputs, (strength > 1).astype(int)


def refit(seed: int, test: np.ndarray) -> np.ndarray:
    """Fit on a table with another seed, which also picks the rows: an equal model, not the same one."""
    inputs, truth = table(1500, 1)
    picked = np.random.default_rng(seed).choice(len(truth), 1200, replace=False)
    model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, random_state=seed)
    return np.asarray(model.fit(inputs[picked], truth[picked]).predict_proba(test))


@pytest.mark.parametrize("rows", [300, 5000])
def test_of_30_equal_refits_at_most_4_are_blocked(rows: int) -> None:
    inputs, truth = table(rows, 2)
    champion = Judged(truth, refit(0, inputs))
    answers = [answer(champion, Judged(truth, refit(seed, inputs))) for seed in range(1, 31)]
    assert answers.count("worse") <= 4, answers


def test_a_true_loss_of_four_margins_at_20000_rows_is_blocked() -> None:
    rng = np.random.default_rng(3)
    truth = (rng.random(20_000) < 0.2).astype(int)
    strength = 0.9 * truth + rng.normal(size=20_000)
    champion = Judged(truth, scores(strength))
    noise = rng.normal(size=20_000)
    # The noise that costs four margins is found on the rows themselves.
    levels = np.linspace(0, 1.5, 151)
    losses = [
        measure("roc_auc", champion) - measure("roc_auc", Judged(truth, scores(strength + a * noise))) for a in levels
    ]
    level = levels[int(np.argmin(np.abs(np.array(losses) - 4 * MARGIN)))]
    assert answer(champion, Judged(truth, scores(strength + level * noise))) == "worse"


def answer(champion: Judged, challenger: Judged) -> str:
    drawn = bootstrap.differences("roc_auc", challenger, champion)
    found = compare(measure("roc_auc", champion), measure("roc_auc", challenger), drawn, MARGIN)
    return found.answer


def scores(strength: np.ndarray) -> np.ndarray:
    probability = 1 / (1 + np.exp(-strength))
    return np.c_[1 - probability, probability]
