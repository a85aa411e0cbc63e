from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from mlops.contract.task import Task, TaskKind
from mlops.gates.bar import Gates
from mlops.gates.fairness import check_fairness
from mlops.gates.match import Check, Match
from mlops.pipeline.measures import Judged

GATES = Gates(metric="roc_auc", margin=0.01)


def people(n: int, seed: int = 0) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    """Sex, strength of each, and truth; men are positive a little more often."""
    rng = np.random.default_rng(seed)
    sex = pd.Series(rng.choice(["F", "M"], n), name="sex")
    strength = rng.normal(size=n) + 0.2 * (sex == "M").to_numpy()
    return sex, strength, (strength + rng.normal(size=n) > 0.6).astype(int)


def judged(strength: np.ndarray, truth: np.ndarray) -> Judged:
    score = 1 / (1 + np.exp(-strength))
    return Judged(truth, np.c_[1 - score, score], 0.6)


def match(challenger: Judged, champion: Judged | None, kind: TaskKind = "binary", **columns: Any) -> Match:
    task = Task(kind, "y", (), challenger.threshold, "p", (), {}, ())
    rows = pd.DataFrame(index=range(len(challenger.truth)))
    return Match(task, Mock(), rows, rows, challenger, champion, protected=columns)


def bar(**fairness: Any) -> Gates:
    return Gates(metric="roc_auc", margin=0.01, fairness=fairness)


def measures(check: Check, column: int = 0) -> dict[str, dict[str, Any]]:
    return {values["measure"]: values for values in check.details["columns"][column]["measures"]}


def test_scores_shifted_for_one_group_are_blocked_and_the_measure_is_named() -> None:
    sex, strength, truth = people(4000)
    shifted = judged(strength - 0.5 * (sex == "F").to_numpy(), truth)
    check = check_fairness(match(shifted, judged(strength, truth), sex=sex), GATES, None)
    assert check.outcome == "block"
    assert check.words.startswith(
        "Less fair than the champion by demographic parity, equal opportunity, equalized odds (sex). "
    )
    assert "sex = F is predicted positive in" in check.words
    assert measures(check)["demographic_parity"]["answer"] == "worse"
    assert [group["group"] for group in check.details["columns"][0]["groups"]] == ["F", "M"]


@pytest.mark.parametrize(("when_unsure", "outcome"), [("warn", "warn"), ("block", "block")])
def test_on_60_rows_it_cannot_tell(when_unsure: str, outcome: str) -> None:
    sex, strength, truth = people(60, 1)
    shifted = judged(strength - 0.4 * (sex == "F").to_numpy(), truth)
    rows = match(shifted, judged(strength, truth), sex=sex)
    gates = bar(min_rows=10).model_copy(update={"when_unsure": when_unsure})
    check = check_fairness(rows, gates, None)
    assert (check.outcome, check.words[:15]) == (outcome, "Cannot tell for"), check.words
    few = check_fairness(rows, GATES, None)
    assert {values["answer"] for values in measures(few).values()} == {"too few rows"}
    assert few.outcome == "warn" and "fewer than two groups" in few.words


def test_a_model_that_says_the_same_of_every_row_is_not_doubted_for_few_rows() -> None:
    sex, strength, truth = people(130, 1)
    check = check_fairness(match(judged(strength, truth), judged(strength, truth), sex=sex), GATES, None)
    assert check.outcome == "pass"
    small = match(judged(strength[:80], truth[:80]), judged(strength[:80], truth[:80]), sex=sex[:80])
    assert check_fairness(small, GATES, None).outcome == "pass"
    nearly = strength.copy()
    nearly[np.flatnonzero(strength > 0.5)[:1]] = -3
    assert check_fairness(match(judged(nearly, truth), judged(strength, truth), sex=sex), GATES, None).outcome == "warn"


def test_a_growth_that_is_doubted_is_shown_with_the_bound_that_doubts_it() -> None:
    for seed in range(6):
        sex, strength, truth = people(400, seed)
        shifted = judged(strength - 0.3 * (sex == "F").to_numpy(), truth)
        columns = {f"sex{copy}": sex for copy in range(6)}
        found = measures(check_fairness(match(shifted, judged(strength, truth), **columns), GATES, None))
        for one in (found["demographic_parity"], found["equal_opportunity"]):
            beyond = one["difference"] > 0.05 and one["difference_low"] > 0
            assert beyond == (one["answer"] == "worse")


def test_a_gap_of_13_points_between_small_groups_may_be_chance() -> None:
    truth = np.r_[np.ones(30), np.zeros(30), np.ones(38), np.zeros(22)].astype(int)
    sex = pd.Series(["F"] * 60 + ["M"] * 60)
    check = check_fairness(match(Judged(truth, np.c_[1 - truth, truth], 0.5), None, sex=sex), bar(max_gap=0.1), None)
    found = measures(check)["demographic_parity"]
    assert found["challenger"] == pytest.approx(8 / 60, abs=1e-6)
    assert found["low"] < 0 < 0.25 < found["high"]
    assert (found["limit_answer"], check.outcome) == ("cannot tell", "warn")


def test_equal_refits_are_blocked_in_none_of_20() -> None:
    found = []
    for seed in range(20):
        sex, strength, truth = people(800, seed)
        rng = np.random.default_rng(100 + seed)
        race = pd.Series(rng.choice(list("abcd"), 800, p=[0.5, 0.25, 0.15, 0.1]))
        one, other = (judged(strength + rng.normal(0, 0.3, 800), truth) for _ in range(2))
        found.append(check_fairness(match(one, other, sex=sex, race=race), GATES, None).outcome)
    assert found.count("block") == 0, found


def test_a_limit_blocks_without_a_champion_and_nothing_else_does() -> None:
    sex, strength, truth = people(4000)
    unfair = match(judged(strength - 1.0 * (sex == "F").to_numpy(), truth), None, sex=sex)
    assert check_fairness(unfair, GATES, None).outcome == "pass"
    check = check_fairness(unfair, bar(max_gap=0.1), None)
    assert check.outcome == "block" and "Beyond the limit of 0.1" in check.words
    assert measures(check)["error_rate"]["gated"] is False
    fair = match(judged(strength, truth), None, sex=sex)
    only = bar(max_gap=0.2, measures=("demographic_parity",))
    assert check_fairness(fair, only, None).outcome == "pass"


def test_only_the_measures_of_the_bar_decide_but_all_are_reported() -> None:
    sex, strength, truth = people(4000)
    shifted = judged(strength - 0.5 * (sex == "F").to_numpy(), truth)
    check = check_fairness(match(shifted, judged(strength, truth), sex=sex), bar(measures=("error_rate",)), None)
    assert check.outcome != "block"
    assert measures(check)["demographic_parity"]["answer"] == "worse"


def test_a_number_that_is_predicted_worse_for_one_group() -> None:
    rng = np.random.default_rng(0)
    sex, truth, error = pd.Series(rng.choice(["F", "M"], 2000)), rng.normal(size=2000), rng.normal(size=2000)
    champion = Judged(truth, truth + error)
    challenger = Judged(truth, truth + error * np.where(sex == "F", 1.5, 1.0))
    gates = Gates(metric="r2", margin=0.01)
    check = check_fairness(match(challenger, champion, "regression", sex=sex), gates, None)
    assert (check.outcome, list(measures(check))) == ("block", ["mae"])
    assert "by mean absolute error (sex). The prediction for sex = M is off by" in check.words
    assert check_fairness(match(champion, champion, "regression", sex=sex), gates, None).outcome == "pass"


def test_of_several_classes_the_error_rate_decides() -> None:
    rng = np.random.default_rng(0)
    sex, truth = pd.Series(rng.choice(["F", "M"], 2000)), rng.integers(0, 3, 2000)
    right = np.eye(3)[truth] * 0.6 + rng.dirichlet(np.ones(3), 2000) * 0.4
    wrong = np.where(((sex == "F").to_numpy() & (rng.random(2000) < 0.3))[:, None], np.roll(right, 1, axis=1), right)
    check = check_fairness(match(Judged(truth, wrong), Judged(truth, right), "multiclass", sex=sex), GATES, None)
    assert (check.outcome, list(measures(check))) == ("block", ["error_rate"])


def test_numbers_are_cut_and_what_is_missing_is_a_group() -> None:
    sex, strength, truth = people(2000)
    age = pd.Series(np.where(sex == "F", np.nan, np.arange(2000.0)))
    check = check_fairness(match(judged(strength, truth), None, age=age), GATES, None)
    names = {group["group"] for group in check.details["columns"][0]["groups"]}
    assert "(missing)" in names and len(names) == 5


def test_a_group_without_positives_has_no_true_positive_rate() -> None:
    sex, strength, truth = people(2000)
    truth = np.where(sex == "F", 0, truth)
    check = check_fairness(match(judged(strength + 0.01, truth), judged(strength, truth), sex=sex), GATES, None)
    assert measures(check)["equal_opportunity"]["answer"] == "not defined"
    assert check.details["columns"][0]["groups"][0]["true_positive_rate"] is None
    assert check.outcome == "warn"


def test_without_a_protected_column_it_asks_for_one_or_a_reason() -> None:
    _, strength, truth = people(100)
    bare = match(judged(strength, truth), None)
    silent, said = check_fairness(bare, GATES, None), check_fairness(bare, GATES, "No person is described.")
    assert silent.outcome == "warn" and "tag a column `protected`" in silent.words
    assert (said.outcome, said.words) == ("pass", "No protected column is declared: No person is described.")
    assert said.details == {"declared": "No person is described.", "columns": []}
