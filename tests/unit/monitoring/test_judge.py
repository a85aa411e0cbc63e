"""The rules, by hand on small numbers; and the mutants of each condition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from mlops.monitoring import judge as module
from mlops.monitoring.critical import FAMILY_ERROR, critical_values, rules_of
from mlops.monitoring.judge import Counts, effect, evidence, judge
from mlops.serving.profile import Kind, Monitored, Part, Profile

INSIDE = {"0": 500.0, "1": 500.0}
CRITICAL = {"distribution": 10.0, "nulls": 10.0, "range": 10.0}


def profile(**rows: float) -> Profile:
    part = Part(None, {**INSIDE, "below": 1.0, "above": 1.0, "null": 0.0, **rows}, CRITICAL)  # type: ignore[arg-type]
    return Profile(1000, None, None, (Monitored("input", "x", "number", (0.0,), (-9.0, 9.0), parts=(part,)),), {})


def window(**rows: float) -> Counts:
    key: tuple[Kind, str, str] = ("input", "", "x")
    return {key: {"0": 0, "1": 0, "below": 0, "above": 0, "null": 0, **{k.lstrip("b_"): v for k, v in rows.items()}}}


def rules(known: Profile, counts: Counts) -> list[str]:
    return [found.rule for found in judge(known, counts) if found.drifted]


def test_evidence_is_the_likelihood_ratio_of_two_samples() -> None:
    o, r = np.array([30.0, 50.0, 0.0]), np.array([400.0, 300.0, 20.0])
    expected = chi2_contingency(np.stack([o, r]), correction=False, lambda_="log-likelihood").statistic
    assert float(evidence(o, r)) == pytest.approx(expected)
    many = evidence(np.stack([o, 2 * o, 0 * o]), r)
    assert many[0] == pytest.approx(expected)
    assert many[2] == 0
    assert float(effect(o, r)) == pytest.approx(effect(np.stack([o, o]), r)[1])


def test_effect_is_zero_on_average_where_nothing_drifted() -> None:
    rng = np.random.default_rng(0)
    windows = rng.multinomial(500, [0.1] * 10, size=400).astype(float)
    references = rng.multinomial(2000, [0.1] * 10, size=400).astype(float)
    found = [float(effect(o, r)) for o, r in zip(windows, references, strict=True)]
    assert abs(float(np.mean(found))) < 0.002


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({"b_0": 500, "b_1": 500}, []),
        ({"b_0": 350, "b_1": 650}, ["distribution"]),
        ({"b_0": 30, "b_1": 69}, []),  # 99 rows
        ({"b_0": 0, "b_1": 0}, []),
        ({"b_0": 470, "b_1": 470, "null": 60}, ["nulls"]),
        ({"b_0": 495, "b_1": 490, "null": 15}, []),  # less than two points more
        ({"b_0": 480, "b_1": 480, "above": 20}, ["range"]),
        ({"b_0": 0, "b_1": 0, "null": 1000}, ["nulls"]),
    ],
)
def test_each_rule_on_a_window(rows: dict[str, float], expected: list[str]) -> None:
    assert rules(profile(), window(**rows)) == expected


def test_a_column_that_is_less_often_null_has_drifted_too() -> None:
    assert rules(profile(null=1000.0), window(b_0=500, b_1=500)) == ["nulls"]


def test_no_window_means_no_drift() -> None:
    assert not any(found.drifted for found in judge(profile(), {}))


def test_evidence_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    known = profile(**{"0": 5e6, "1": 5e6})
    slight = window(b_0=505_000, b_1=495_000)
    assert rules(known, slight) == []
    monkeypatch.setitem(module.LEAST_EFFECT, "distribution", -1.0)
    assert rules(known, slight) == ["distribution"]


def test_effect_alone_is_not_enough() -> None:
    found = next(found for found in judge(profile(), window(b_0=42, b_1=58)) if found.rule == "distribution")
    assert found.effect > found.least
    assert not found.drifted


def test_the_family_error_is_shared_out_and_one_side_has_both_halves() -> None:
    rows = {**INSIDE, "below": 1.0, "above": 1.0, "null": 0.0}
    assert rules_of("input", rows) == ("distribution", "nulls", "range")
    assert rules_of("prediction", rows) == ("distribution", "range")
    assert rules_of("input", {"0": 5.0, "null": 0.0}) == ("nulls",)
    few, many = (critical_values("input", rows, tests) for tests in (3, 300))
    assert all(many[rule] > few[rule] > 0 for rule in few)
    assert few["range"] < few["nulls"] == few["distribution"]
    assert 0.001 <= FAMILY_ERROR <= 0.01
