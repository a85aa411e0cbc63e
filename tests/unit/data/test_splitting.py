from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from counting import calls
from unit.data.tables import PLAIN, TIMED, contract

from mlops.contract.errors import MlopsError
from mlops.data.rowhash import buckets
from mlops.data.splitting import decide, from_json, sides


def timed(rng: np.random.Generator, batches: int = 5, size: int = 200) -> tuple[pd.DataFrame, np.ndarray]:
    """Batches that follow one another, with some rows that come late."""
    day = np.concatenate([30 * b + rng.uniform(0, 30, size) - 40 * (rng.random(size) < 0.05) for b in range(batches)])
    time = np.datetime64("2024-01-01", "us") + (day * 86_400e6).astype("timedelta64[us]")
    frame = pd.DataFrame({"y": rng.normal(size=len(day)), "t": time, "x": rng.normal(size=len(day))})
    frame.loc[rng.random(len(frame)) < 0.05, "y"] = np.nan
    return frame, np.repeat(np.arange(batches), size)


def plain(rng: np.random.Generator, n: int = 1000) -> pd.DataFrame:
    groups = np.array([f"g{i}" for i in rng.integers(0, 200, n)], dtype=object)
    words = np.array([f"w{i}" for i in rng.integers(0, 50, n)], dtype=object)
    words[::17] = None
    groups[::31] = None
    return pd.DataFrame({"y": rng.normal(size=n), "g": groups, "x": rng.normal(size=n), "s": words})


@pytest.mark.parametrize("test", ["newest_batch", "20%", "30d"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", ["expanding", {"sliding": 2}])
def test_a_new_batch_never_moves_a_row_from_train_to_test(test: str, seed: int, window: object) -> None:
    frame, batch = timed(np.random.default_rng(seed))
    before: np.ndarray | None = None
    for count in range(2, 6):
        seen = batch < count
        part, index = frame[seen].reset_index(drop=True), batch[seen]
        now = sides(part, index, TIMED, decide(part, index, TIMED, {"method": "time", "test": test}, window, "1d"))
        assert set(now) == {"train", "test", ""}
        if before is not None:
            assert not ((before == "train") & (now[: len(before)] == "test")).any()
        before = now


@pytest.mark.parametrize("method", ["random", "group"])
def test_a_side_is_the_rows_own(method: str) -> None:
    frame = plain(np.random.default_rng(0))
    split = decide(frame, np.zeros(len(frame), int), PLAIN, {"method": method, "test": "20%", "seed": 3})
    whole = sides(frame, np.zeros(len(frame), int), PLAIN, split)
    order = np.random.default_rng(1).permutation(len(frame))
    part = frame.iloc[order[:700]].reset_index(drop=True)
    assert (sides(part, np.ones(700, int), PLAIN, split) == whole[order[:700]]).all()
    assert 0.14 < (whole == "test").mean() < 0.26


def test_the_columns_order_and_the_target_have_no_say() -> None:
    frame = plain(np.random.default_rng(0))
    split = decide(frame, np.zeros(len(frame), int), PLAIN, {"method": "random", "test": "20%"})
    other = frame[["s", "x", "g", "y"]].assign(y=1.0)
    assert (sides(frame, 0 * frame.index, PLAIN, split) == sides(other, 0 * frame.index, PLAIN, split)).all()


def test_a_group_is_on_one_side() -> None:
    frame = plain(np.random.default_rng(0))
    split = decide(frame, np.zeros(len(frame), int), PLAIN, {"method": "group", "test": "30%"})
    found = pd.Series(sides(frame, np.zeros(len(frame), int), PLAIN, split))
    known = frame["g"].notna()
    assert found[known].groupby(frame["g"][known]).nunique().max() == 1
    assert found[~known].nunique() == 2


def test_the_hash_is_the_same_on_every_machine() -> None:
    frame = pd.DataFrame({"y": 1.0, "g": list("aabb"), "x": [0.0, -0.0, 1.5, np.nan], "s": [None, None, "é", "x"]})
    by_content = buckets(frame, PLAIN, None, 1)
    assert by_content == pytest.approx([0.468686, 0.468686, 0.511573, 0.669786], abs=1e-6)
    assert buckets(frame, PLAIN, PLAIN.group, 1) == pytest.approx([0.936675, 0.936675, 0.877765, 0.877765], abs=1e-6)


def test_equal_rows_are_on_one_side() -> None:
    frame = pd.concat([plain(np.random.default_rng(0))] * 2, ignore_index=True)
    split = decide(frame, np.zeros(len(frame), int), PLAIN, {"method": "random", "test": "20%"})
    found = sides(frame, np.zeros(len(frame), int), PLAIN, split)
    assert (found[:1000] == found[1000:]).all()


def test_another_seed_is_another_split() -> None:
    frame = plain(np.random.default_rng(0))
    index = np.zeros(len(frame), int)
    one, two = (sides(frame, index, PLAIN, decide(frame, index, PLAIN, {"test": "20%", "seed": s})) for s in (0, 1))
    assert (one != two).any()


def test_it_comes_back_from_json() -> None:
    frame, batch = timed(np.random.default_rng(0))
    split = decide(frame, batch, TIMED, {"method": "time", "test": "20%"}, {"sliding": 3}, "2d")
    again = from_json(json.loads(json.dumps(split.to_json())))
    assert again == split
    assert (sides(frame, batch, TIMED, again) == sides(frame, batch, TIMED, split)).all()


def test_the_gap_of_the_label_delay_and_null_targets_are_on_no_side() -> None:
    days = pd.date_range("2024-01-01", periods=10, unit="us")
    frame = pd.DataFrame({"y": [1.0, None] + [1.0] * 8, "t": days, "x": 0.0})
    split = decide(frame, np.zeros(10, int), TIMED, {"test": "3d"}, "expanding", "2d")
    assert (split.boundary, split.train_before) == ("2024-01-07T00:00:00.000000", "2024-01-05T00:00:00.000000")
    found = sides(frame, np.zeros(10, int), TIMED, split)
    assert list(found) == ["train", "", "train", "train", "", "", "test", "test", "test", "test"]


def test_a_sliding_window_keeps_the_last_batches_of_training_rows() -> None:
    days = pd.date_range("2024-01-01", periods=8, unit="us")
    frame, batch = pd.DataFrame({"y": 1.0, "t": days, "x": 0.0}), np.repeat(range(4), 2)
    split = decide(frame, batch, TIMED, {"test": "newest_batch"}, {"sliding": 2})
    assert list(sides(frame, batch, TIMED, split)) == ["", "", *["train"] * 4, "test", "test"]


@pytest.mark.parametrize(
    ("split", "window", "delay", "says"),
    [
        ({"method": "tiem"}, "expanding", None, "Did you mean 'time'"),
        ({"tets": "20%"}, "expanding", None, "Did you mean 'test'"),
        ({"test": "newest_batch"}, "expanding", None, "there is one batch"),
        ({"test": "20"}, "expanding", None, "'20'"),
        ({"test": 0.2}, "expanding", None, "'0.2'"),
        ({"test": "120%"}, "expanding", None, "between|share"),
        ({"test": "9000d"}, "expanding", None, "no train rows"),
        ({"test": "20%", "seed": "x"}, "expanding", None, "seed is 'x'"),
        ({"test": "20%"}, {"slide": 2}, None, "sliding"),
        ({"test": "20%"}, "expanding", "1 day", "label_delay is '1 day'"),
        ({"test": "20%", "method": "group"}, "expanding", None, "tagged `group`"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    split: dict[str, object], window: object, delay: str | None, says: str
) -> None:
    frame, batch = timed(np.random.default_rng(0), batches=1)
    with pytest.raises(MlopsError, match=says):
        decide(frame, batch, TIMED, split, window, delay)


def test_a_null_time_is_an_error_that_names_a_row() -> None:
    frame, batch = timed(np.random.default_rng(0))
    frame.loc[7, "t"] = pd.NaT
    with pytest.raises(MlopsError, match="row 7"):
        decide(frame, batch, TIMED, {"test": "20%"})


def test_an_id_decides_where_there_is_one() -> None:
    own = contract(
        "name: y, tags: [target], logicalType: number",
        "name: i, tags: [id], logicalType: integer",
        "name: x, logicalType: number",
    )
    frame = pd.DataFrame({"y": 1.0, "i": pd.array(range(500), "Int64"), "x": np.arange(500.0)})
    split = decide(frame, np.zeros(500, int), own, {"test": "20%"})
    changed = frame.assign(x=0.0)
    assert (sides(frame, frame.index, own, split) == sides(changed, frame.index, own, split)).all()


def test_ten_times_the_rows_are_ten_times_the_work() -> None:
    def work(rows: int) -> int:
        frame = plain(np.random.default_rng(0), rows)
        return calls(lambda: decide(frame, np.zeros(rows, int), PLAIN, {"method": "random", "test": "20%"}))

    assert work(10_000) <= 10 * work(1000)
