from __future__ import annotations

import numpy as np
import pytest

from mlops.gates.bar import Gates
from mlops.gates.judge import beats_dummy, not_worse
from mlops.gates.verdict import answer, compare

GATES = Gates(metric="roc_auc", margin=0.01, beats_dummy_by=0.1)


@pytest.mark.parametrize(
    ("difference", "low", "high", "expected"),
    [
        (-0.02, -0.03, -0.01, "worse"),
        (-0.02, -0.05, 0.01, "cannot tell"),  # a large loss that noise explains
        (-0.005, -0.008, -0.002, "not worse"),  # surely a loss, and surely smaller than the margin
        (-0.011, -0.02, -0.001, "worse"),
        (-0.009, -0.02, -0.001, "cannot tell"),
        (0.0, -0.009, 0.009, "not worse"),
        (0.0, -0.02, 0.02, "cannot tell"),
        (0.03, 0.02, 0.04, "not worse"),
    ],
)
def test_the_three_answers(difference: float, low: float, high: float, expected: str) -> None:
    assert answer(difference, low, high, 0.01) == expected


def test_the_smallest_loss_is_never_below_the_margin() -> None:
    rng = np.random.default_rng(0)
    assert compare(0.7, 0.7, rng.normal(0, 1e-6, 2000), 0.01).smallest_loss == 0.01
    wide = compare(0.7, 0.7, rng.normal(0, 0.02, 2000), 0.01)
    assert wide.smallest_loss == pytest.approx(2.487 * 0.02, rel=0.05)


@pytest.mark.parametrize(
    ("shift", "spread", "when_unsure", "outcome", "words"),
    [
        (-0.03, 0.002, "warn", "block", "Worse than the champion: roc_auc -0.0300"),
        (0.0, 0.002, "warn", "pass", "Not worse than the champion"),
        (0.03, 0.002, "warn", "pass", "Better than the champion"),
        (-0.01, 0.03, "warn", "warn", "The smallest loss that these rows could show is 0.07"),
        (-0.01, 0.03, "block", "block", "Cannot tell"),
    ],
)
def test_an_answer_becomes_an_outcome_in_words(
    shift: float, spread: float, when_unsure: str, outcome: str, words: str
) -> None:
    drawn = np.random.default_rng(0).normal(shift, spread, 2000)
    gates = GATES.model_copy(update={"when_unsure": when_unsure})
    check = not_worse(gates, compare(0.7, 0.7 + shift, drawn, 0.01), 500)
    assert (check.outcome, words in check.words) == (outcome, True), check.words


@pytest.mark.parametrize(("gained", "outcome"), [(0.0, "block"), (0.0999, "block"), (0.1, "pass"), (-3.0, "block")])
def test_a_model_must_beat_the_dummy(gained: float, outcome: str) -> None:
    assert beats_dummy(GATES, 0.5 + gained / 2, 0.5, gained).outcome == outcome
