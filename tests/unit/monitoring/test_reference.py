"""What the reference profile holds of a column, and what it leaves out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops.contract.document import parse
from mlops.contract.errors import MlopsError
from mlops.contract.task import Task
from mlops.monitoring import reference
from mlops.monitoring.judge import judge
from mlops.monitoring.reference_bins import category, number, probability, quantile_edges
from mlops.monitoring.window import count
from mlops.serving.bins import Coder
from mlops.serving.profile import Monitored, Profile, load_profile

RNG = np.random.default_rng(0)
AGREED = parse("""
apiVersion: v3.2.0
kind: DataContract
id: t
version: 1.0.0
schema:
  - name: t
    properties:
      - {name: y, tags: [target], logicalType: boolean}
      - {name: größe, logicalType: number}
      - {name: "a.b", logicalType: integer}
      - {name: city, tags: [slice], logicalType: string}
      - {name: when, tags: [time], logicalType: timestamp}
      - {name: secret, logicalType: string, classification: restricted}
      - {name: name, tags: [id], logicalType: string}
""")
TASK = Task("binary", "y", (False, True), 0.4, "p", (), {}, ())


def rows(n: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "y": pd.array(RNG.random(n) < 0.3, dtype="boolean"),
            "größe": RNG.normal(size=n),
            "a.b": pd.array(RNG.integers(0, 4, n), dtype="Int64"),
            "city": RNG.choice(["Ulm", "Bonn", "Köln"], n, p=[0.6, 0.395, 0.005]).astype(object),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), unit="min"),
            "secret": np.array(["x"] * n, dtype=object),
        }
    )


def scores(n: int) -> Any:
    positive = RNG.beta(2, 5, n)
    return np.c_[1 - positive, positive]


def column(profile: Profile, name: str) -> Monitored:
    return next(found for found in profile.monitored if found.name == name)


def test_a_profile_holds_what_may_be_told_and_comes_back_from_its_file(tmp_path: Path) -> None:
    made = reference.of_rows(rows(2000), AGREED, TASK, scores(2000), slices=["city"])
    made.dump(tmp_path / "profile.json")
    assert load_profile(tmp_path / "profile.json") == made
    assert [found.name for found in made.monitored] == ["größe", "a.b", "city", "secret", "y"]
    assert "x" not in (tmp_path / "profile.json").read_text(encoding="utf-8").split('"')
    assert list(column(made, "secret").parts[0].critical) == ["nulls"]
    assert column(made, "y").kind == "prediction"
    assert 0.4 in column(made, "y").edges
    assert made.slices == {"city": ("Bonn", "Köln", "Ulm")}
    # A slice of ten rows says nothing, and within a slice its own column has one value.
    assert [str(part.slice) for part in column(made, "größe").parts] == ["None", "city=Bonn", "city=Ulm"]
    assert len(column(made, "city").parts) == 1
    assert (made.start, made.end) == ("2024-01-01T00:00:00", "2024-01-02T09:19:00")


def test_outcomes_add_up_in_all_and_in_slices() -> None:
    given = rows(1000)
    made = reference.of_rows(given, AGREED, TASK, scores(1000))
    whole, *parts = made.outcomes
    assert sum(whole.counts.values()) == 1000
    assert sum(sum(part.counts.values()) for part in parts) == 1000
    positives = sum(rows for name, rows in whole.counts.items() if name.endswith("/1"))
    assert positives == given["y"].sum()


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_outcomes_of_other_tasks(task: Any) -> None:
    given = rows(300)
    if task == "regression":
        made = reference.of_rows(
            given, AGREED, Task(task, "größe", (), None, "p", (), {}, ()), given["größe"].to_numpy() + 2.0
        )
        assert made.outcomes[0].counts == {
            "rows": 300, "absolute": pytest.approx(600), "squared": pytest.approx(1200),
        }  # fmt: skip
        return
    classes = ("Bonn", "Köln", "Ulm")
    right = np.array([[name == label for label in classes] for name in given["city"]], dtype=float)
    right[:30] = right[:30][:, [1, 2, 0]]
    made = reference.of_rows(given, AGREED, Task(task, "city", classes, None, "p", (), {}, ()), right)
    assert made.outcomes[0].counts == {"right": 270, "wrong": 30}
    assert made.monitored[-1].categories == classes


def test_a_slice_that_must_not_be_told_is_refused() -> None:
    with pytest.raises(MlopsError, match=r"monitoring\.slices names 'secret', which is no input"):
        reference.of_rows(rows(200), AGREED, slices=["secret"])


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        (np.arange(1000.0), 9),
        (np.repeat([0.0, 1.0, 2.0], [30, 70, 900]), 2),
        (np.where(np.arange(1000) < 950, 0.0, np.arange(1000)), 2),
        (np.repeat([0.0, 1.0], [997, 3]), 1),
        (np.zeros(50), 0),
        (np.array([np.nan] * 20), 0),
        (np.array([5.0]), 0),
    ],
)
def test_numbers_are_cut_where_rows_are(values: Any, edges: int) -> None:
    made = number("x", values, 10)
    assert len(made.edges) == edges
    assert list(made.edges) == sorted(set(made.edges))
    shares = np.bincount(Coder(made).codes(values), minlength=len(made.labels))[: edges + 1]
    assert (shares > 0).all() or np.isnan(values).all()


def test_equal_numbers_stay_together_and_a_bin_has_two_percent() -> None:
    values = np.concatenate([np.full(4000, 3.0), RNG.normal(size=6000)])
    made = number("x", values, 10)
    shares = np.bincount(Coder(made).codes(values))[: len(made.edges) + 1] / len(values)
    assert shares.min() >= 0.02
    assert shares.max() < 0.5


def test_scores_are_cut_between_values_where_their_last_digits_do_not_matter() -> None:
    values = RNG.choice([0.1, 0.30000000000000004, 0.7], 1000)
    coders = [Coder(probability("y", values, 0.5)).codes(values + step) for step in (0, 1e-9, -1e-9)]
    assert (coders[0] == coders[1]).all()
    assert (coders[0] == coders[2]).all()


def test_what_is_mostly_seen_once_is_never_unseen() -> None:
    names = np.array([f"n{number}" for number in range(500)], dtype=object)
    assert category("x", names, 10) == Monitored("input", "x", "category")
    assert category("x", np.array([""] * 9, dtype=object), 10).form == "presence"


def test_new_values_are_expected_as_often_as_values_were_seen_once() -> None:
    values = np.array(["a"] * 900 + ["b"] * 97 + ["c", "d", "e"], dtype=object)
    made = reference.complete([category("x", values, 10)], {"x": values})
    assert made[0].parts[0].rows["unseen"] == 3


def test_a_column_that_never_changes_tells_of_any_change() -> None:
    columns = {"n": np.full(500, 7.0), "s": np.array(["k"] * 500, dtype=object)}
    made = reference.complete([number("n", columns["n"], 10), category("s", columns["s"], 10)], columns)
    profile = Profile(500, None, None, made, {})
    other = {"n": np.full(500, 8.0), "s": np.array(["l"] * 500, dtype=object)}
    assert not any(found.drifted for found in judge(profile, count(profile, columns)))
    assert {found.rule for found in judge(profile, count(profile, other)) if found.drifted} == {"range", "unseen"}


def test_bins_that_were_asked_for_are_not_exceeded() -> None:
    assert len(quantile_edges(RNG.normal(size=5000), 4, lambda low, high: low)) == 3


def test_nothing_of_scipy_is_needed_to_judge() -> None:
    source = Path(sys.modules["mlops.monitoring.judge"].__file__ or "").read_text(encoding="utf-8")
    assert "scipy" not in source
    assert "pandas" not in source
