from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from mlops.contract.model import Column, Contract, Kind
from mlops.contract.task import Task
from mlops.gates.match import Match
from mlops.gates.worst import worst_slices
from mlops.pipeline.measures import Judged

KINDS: dict[str, Kind] = {
    "key": "string",
    "carrier": "string",
    "distance": "number",
    "seats": "integer",
    "gift": "boolean",
    "at": "timestamp",
}


def rows(n: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "key": [f"k{row}" for row in range(n)],
            "carrier": pd.Series(random.choice(["AA", "MQ", None, "UA"], n), dtype=object),
            "distance": random.gamma(3, 300, n),
            "seats": pd.array([None if row % 5 == 0 else row % 200 for row in range(n)], dtype="Int64"),
            "gift": pd.array(random.random(n) < 0.5, dtype="boolean"),
            "at": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.permutation(n), unit="h"),
        }
    )


def match(frame: pd.DataFrame, bad: np.ndarray, regression: bool = False, champion: bool = False) -> Match:
    """Let the challenger know nothing about the rows where it is bad; the champion is good everywhere."""
    random = np.random.default_rng(1)
    n = len(frame)
    columns = tuple(Column(c, kind, frozenset({"id"}) if c == "key" else frozenset()) for c, kind in KINDS.items())
    agreed = Contract("x", "x", "1.0.0", "", ZoneInfo("UTC"), columns)
    task = Task("regression" if regression else "binary", "y", (), None, "x", (), {}, ())
    if regression:
        truth = random.normal(10, 2, n)
        good = Judged(truth, truth + random.normal(0, 0.5, n))
        ours = Judged(truth, np.where(bad, 10, good.scores))
    else:
        truth = (random.random(n) < 0.5).astype(int)
        p = np.where(truth == 1, 0.8, 0.2) + random.uniform(-0.15, 0.15, n)
        good = Judged(truth, np.c_[1 - p, p], 0.5)
        p = np.where(bad, random.uniform(0.1, 0.9, n), p)
        ours = Judged(truth, np.c_[1 - p, p], 0.5)
    return Match(task, agreed, frame, frame, ours, good if champion else None)


FRAME = rows(4000)


@pytest.mark.parametrize(
    ("bad", "where"),
    [
        (FRAME["carrier"] == "MQ", ["carrier is MQ"]),
        (FRAME["carrier"].isna(), ["carrier is missing"]),
        (FRAME["distance"] > 1200, ["distance > 1,200"]),
        (FRAME["distance"] <= 500, ["distance ≤ 500"]),
        (FRAME["seats"].isna(), ["seats is missing"]),
        (FRAME["gift"].astype(bool), ["gift is"]),
        (FRAME["at"] < pd.Timestamp("2024-03-01"), ["at ≤ 2024-02-2"]),
    ],
)
@pytest.mark.parametrize("regression", [False, True])
def test_a_planted_region_is_found_by_name(bad: pd.Series, where: list[str], regression: bool) -> None:
    found = worst_slices(match(FRAME, bad.to_numpy(dtype=bool), regression))
    assert len(found) == 1
    said = found[0]["where"]
    assert any(rule.startswith(where[0][:11]) for rule in said), said
    assert found[0]["loss"] > 1.5 * found[0]["overall"]
    assert found[0]["champion"] is None
    assert found[0]["loss_name"] == ("mean absolute error" if regression else "log loss")


def test_two_conditions_meet() -> None:
    bad = ((FRAME["carrier"] == "MQ") & (FRAME["distance"] > 700)).to_numpy()
    said = " and ".join(worst_slices(match(FRAME, bad))[0]["where"])
    assert "carrier is MQ" in said
    assert "distance > 7" in said or "distance > 6" in said


def test_with_a_champion_the_region_where_the_loss_grew_is_found_too() -> None:
    found = worst_slices(match(FRAME, (FRAME["carrier"] == "MQ").to_numpy(), champion=True))
    assert [part["found"] for part in found] == ["largest loss", "largest growth"]
    assert found[1]["where"][0] == "carrier is MQ"
    assert found[1]["champion"] < found[1]["loss"] / 2
    assert 50 < found[1]["rows"] < 600


def test_the_region_is_read_off_rows_that_did_not_choose_it() -> None:
    """Where nothing is wrong anywhere, the reported loss is about that of all rows."""
    for part in worst_slices(match(FRAME, np.zeros(4000, bool), champion=True)):
        assert part["loss"] < 1.1 * part["overall"]


@pytest.mark.parametrize("n", [0, 1, 60, 199])
def test_of_too_few_rows_nothing_is_said(n: int) -> None:
    assert worst_slices(match(rows(n), np.zeros(n, bool))) == []


def test_it_is_the_same_every_time() -> None:
    of = match(FRAME, (FRAME["carrier"] == "MQ").to_numpy(), champion=True)
    assert worst_slices(of) == worst_slices(of)


def test_a_number_beyond_what_a_tree_can_hold_does_no_harm() -> None:
    frame = FRAME.assign(distance=FRAME["distance"].where(FRAME.index != 3, 1e39))
    assert worst_slices(match(frame, (frame["carrier"] == "AA").to_numpy()))[0]["where"][0] == "carrier is AA"
