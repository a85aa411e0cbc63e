from __future__ import annotations

import numpy as np
import pytest

from mlops.gates.bar import Gates
from mlops.gates.judge import beats_dummy, not_worse
from mlops.gates.verdict import answer, compare, upper_bounds

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
    assert compare(0.7, 0.7, rng.normal(0, 1e-6, 2000), 0.01).smallest_loss == pytest.approx(0.01, abs=1e-5)
    wide = compare(0.7, 0.7, rng.normal(0, 0.02, 2000), 0.01)
    assert wide.smallest_loss == pytest.approx(2.487 * 0.02, rel=0.05)


@pytest.mark.parametrize("error", [0.001, 0.004, 0.008, 0.02])
def test_the_smallest_loss_is_shown_in_four_cases_of_five(error: float) -> None:
    rng = np.random.default_rng(1)
    loss = compare(0.7, 0.7, rng.normal(0, error, 20_000), 0.01).smallest_loss
    estimates = rng.normal(-loss, error, 20_000)
    shown = [answer(e, e - 1.645 * error, e + 1.645 * error, 0.01) == "worse" for e in estimates]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.02)


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


def test_a_dummy_is_never_enough() -> None:
    assert beats_dummy(Gates(metric="roc_auc", margin=0.01), 0.5, 0.5, 0.0).outcome == "block"


def test_bounds_of_many_hold_at_once_and_cost_little_where_groups_are_the_same() -> None:
    rng = np.random.default_rng(0)
    alone = upper_bounds(np.zeros(1), rng.normal(size=(2000, 1)))
    assert alone[0] == pytest.approx(1.645, abs=0.1)
    ten = upper_bounds(np.zeros(10), rng.normal(size=(2000, 10)))
    assert ten.mean() == pytest.approx(2.57, abs=0.1)  # 0.95 ** 0.1 of a normal distribution
    same = upper_bounds(np.zeros(10), np.repeat(rng.normal(size=(2000, 1)), 10, axis=1))
    assert same.mean() == pytest.approx(1.645, abs=0.1)


def test_a_bound_is_in_units_of_its_own_group() -> None:
    drawn = np.random.default_rng(0).normal([0.1, -0.2], [0.01, 0.1], (2000, 2))
    high = upper_bounds(np.array([0.1, -0.2]), drawn)
    assert (high[0] - 0.1) * 10 == pytest.approx(high[1] + 0.2, rel=0.1)


def test_a_sample_that_does_not_define_a_group_says_nothing_of_it() -> None:
    drawn = np.random.default_rng(0).normal(size=(2000, 2))
    drawn[:100, 1] = np.nan
    constant = np.c_[drawn, np.full(2000, -0.3)]
    high = upper_bounds(np.array([0.0, 0.0, -0.3]), constant)
    assert np.isfinite(high).all()
    assert high[2] == pytest.approx(-0.3)


def test_rows_far_fewer_than_the_champions_are_no_reason_to_let_pass() -> None:
    drawn = np.random.default_rng(0).normal(0, 0.05, 2000)
    found = compare(0.7, 0.7, drawn, 0.01)
    assert found.answer == "cannot tell"
    assert [not_worse(GATES, found, 300, before).outcome for before in (None, 1000, 1001)] == ["warn", "warn", "block"]
    assert "The champion was measured on 1001: hold out more rows" in not_worse(GATES, found, 300, 1001).words
    sure = compare(0.7, 0.7, drawn / 100, 0.01)
    assert not_worse(GATES, sure, 300, 1001).outcome == "pass"
