from __future__ import annotations

import json

import numpy as np
import pytest
from fairlearn import metrics as fairlearn

from mlops.pipeline import rates
from mlops.pipeline.fairness import bounds, examine, report
from mlops.pipeline.measures import Judged


def people(n: int) -> tuple[np.ndarray, Judged]:
    rng = np.random.default_rng(0)
    race, score = rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]), rng.random(n)
    return race, Judged((rng.random(n) < score).astype(int), np.c_[1 - score, score], 0.6)


def test_gaps_and_ratios_are_fairlearns() -> None:
    race, judged = people(3000)
    gaps = {measure: gap for measure, (gap,) in examine([judged], {"race": race})[0].gaps.items()}
    for measure in ("demographic_parity", "equal_opportunity", "equalized_odds"):
        found = gaps[measure]
        for word, value in (("difference", found.value), ("ratio", found.ratio)):
            theirs = getattr(fairlearn, f"{measure}_{word}")(judged.truth, judged.predictions, sensitive_features=race)
            assert value == theirs, (measure, word)


def test_rates_weighed_by_one_are_fairlearns() -> None:
    race, judged = people(3000)
    table = rates.rates(judged, race)
    split, groups = rates.parts(judged), np.unique(race)
    for rate, (hits, among) in split.items():
        by_hand = [hits[race == group].sum() / among[race == group].sum() for group in groups]
        assert table[rate].to_numpy() == pytest.approx(by_hand, abs=1e-15), rate
    drawn = rates.draws([judged], [np.unique(race, return_inverse=True)[1]], None)[0][0]
    for rate, values in drawn.items():
        assert values.mean(axis=0) == pytest.approx(table[rate].to_numpy(), abs=0.005), rate
        expected = np.sqrt(table[rate] * (1 - table[rate]) / table["rows"])
        assert (values.std(axis=0) > 0.9 * expected).all()


def test_both_models_are_drawn_alike() -> None:
    race, judged = people(400)
    column = examine([judged, judged], {"race": race})[0]
    one, other = column.gaps["demographic_parity"]
    assert (one.drawn - other.drawn).std() < one.drawn.std() / 3
    assert abs((one.drawn - other.drawn).mean()) < 0.005


def test_a_group_that_is_never_selected_is_not_certain() -> None:
    truth = np.r_[np.zeros(100), 1, 1, 1, np.zeros(47)].astype(int)
    judged = Judged(truth, np.c_[1 - truth, truth].astype(float), 0.5)
    names = np.array(["a"] * 50 + ["b"] * 50 + ["c"] * 50)
    gap = examine([judged], {"g": names})[0].gaps["demographic_parity"][0]
    assert gap is not None and gap.value == 0.06
    low, high = bounds(gap.drawn, gap.pairs)
    assert low < 0.01 and high > 0.1


def test_entities_are_drawn_whole() -> None:
    race, judged = people(2000)
    entity = np.repeat(np.arange(20), 100)
    alone, whole = (examine([judged], {"race": race}, entities)[0].gaps["error_rate"][0] for entities in (None, entity))
    assert alone is not None and whole is not None and alone.value == whole.value
    assert not np.array_equal(alone.drawn, whole.drawn)


def test_small_groups_are_listed_not_judged() -> None:
    race, judged = people(1000)
    race = np.where(np.arange(1000) < 20, "tiny", race)
    column = examine([judged], {"race": race})[0]
    assert "tiny" in column.rates.index and "tiny" not in column.judged


def test_more_tests_widen_the_bounds() -> None:
    drawn = np.random.default_rng(0).normal(0.1, 0.05, 2000)
    (low, high), (lower, higher) = bounds(drawn), bounds(drawn, 10)
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.05, 0.95])))
    assert lower == pytest.approx(0.1 - 2.576 * 0.05, abs=0.01) and higher > high


def test_a_report_is_the_same_plain_values_twice() -> None:
    race, judged = people(500)
    first, again = (json.dumps(report(judged, {"race": race}), allow_nan=False) for _ in range(2))
    assert first == again
    values = json.loads(first)[0]
    assert set(values["groups"][0]) == {"group", "rows", *rates.parts(judged)}
    assert set(values["measures"][0]) == {"measure", "challenger", "low", "high", "ratio"}
