"""Inputs and outcomes become batches: each row in one at most, with the first outcome, once it is old enough."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from unit.serving.bundle_factory import CONTRACT, ROW

from mlops.commands import data as command
from mlops.contract.errors import MlopsError, Refused
from mlops.data import batches, feedback
from mlops.data.feedback_files import Files
from mlops.settings import Settings

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
SENT = {name: value for name, value in ROW.items() if name != "iban"} | {"sender": "s"}


class World:
    """A project and a folder of what its servers kept."""

    def __init__(self, root: Path, delay: str = "1d") -> None:
        self.root, self.folder = root, root / "kept"
        text = CONTRACT.replace("TARGET", "late").replace("KIND", "boolean")
        (root / "contract.yaml").write_text(text)
        (root / "params.yaml").write_text(f"task: binary\nlabel_delay: {delay}\nsplit: {{method: random}}\n")
        self.settings = Settings(root, "p", "p", "p.f", "p.m", feedback="kept")
        self.count = 0

    def predict(self, at: datetime, *, told: bool = True, outcome: Any = True, **more: Any) -> str:
        """Keep a row and, where it is told, its outcome."""
        self.count += 1
        nonce, ms = f"{self.count:016x}", round(at.timestamp() * 1000)
        row = SENT | {"parcel.id": f"p-{self.count}"} | more
        line = {"at": ms, "release": "r", "nonces": nonce, "request": {"rows": [row]}}
        self.write("inputs", json.dumps(line))
        if told:
            self.tell(nonce, ms, outcome)
        return nonce

    def tell(self, nonce: str, at: int, outcome: Any, told: int = 0) -> None:
        line = {"at": at, "nonce": nonce, "release": "r", "told": told or at, "outcome": outcome, "late": False}
        self.write("outcomes", json.dumps(line))

    def write(self, kind: str, text: str, end: str = "\n") -> None:
        (self.folder / kind).mkdir(parents=True, exist_ok=True)
        with (self.folder / kind / f"{random.choice('ab')}.jsonl").open("a") as file:
            file.write(text + end)

    def arrive(self, now: datetime = NOW) -> list[pd.DataFrame]:
        return [pd.read_parquet(batch.path) for batch in feedback.arrive(self.settings, now)]

    def join(self, now: datetime = NOW) -> feedback.Joined:
        return feedback.join(self.settings, feedback.load(self.root / "contract.yaml"), now, self.folder)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(batches, "dvc_add", lambda root, path: path.with_name(path.name + ".dvc").write_text(""))
    yield World(tmp_path)


def days(number: float) -> datetime:
    return NOW - timedelta(days=number)


def test_a_batch_is_typed_by_the_contract(world: World) -> None:
    world.predict(days(2), weight=None, stops=None)
    (frame,) = world.arrive()
    (batch,) = batches.list_batches(world.root)
    assert batch.path.name == "0001-feedback-20240531T120000Z.parquet"
    (row,) = frame.to_dict("records")
    assert row["late"] is True
    assert row["sent at"] == pd.Timestamp("2024-05-01T08:30")
    assert pd.isna(row["weight"])
    assert pd.isna(row["iban"])
    assert "note" not in row
    assert world.arrive(NOW + timedelta(days=9)) == []


def test_nothing_is_nothing(world: World) -> None:
    assert world.arrive() == []
    world.predict(days(2), told=False)
    world.predict(days(0.5))
    assert world.arrive() == []
    assert not (world.root / "data").exists()


def test_what_is_left_out_is_counted(world: World) -> None:
    first = world.predict(days(3))
    at = round(days(3).timestamp() * 1000)
    world.tell(first, at, True, told=at + 5)
    world.tell(first, at, False, told=at + 9)
    world.tell("f" * 16, at, True)
    world.predict(days(2), told=False)
    world.predict(days(0.5))
    world.predict(days(5), **{"sent at": "2024-05-31T23:00:00"})  # predicted ahead: young by its own time
    world.predict(days(3), **{"parcel.id": "p-1"}, outcome=False)
    world.write("inputs", '{"at": 17145', end="")
    found = world.join()
    assert (found.pending, found.without, found.replaced, found.orphans, found.torn) == (2, 1, 1, 1, 1)
    assert (found.repeated, found.conflicting) == (2, 1)
    assert found.outcomes == [False]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_first_of_conflicting_outcomes_wins_in_any_order(world: World, reverse: bool) -> None:
    nonce, at = world.predict(days(3), told=False), round(days(3).timestamp() * 1000)
    for told, outcome in sorted([(1, True), (2, False)], reverse=reverse):
        world.tell(nonce, at, outcome, told)
    assert world.join().outcomes == [True]


def test_a_line_after_a_torn_one_is_read(world: World) -> None:
    world.predict(days(3))
    for path in world.folder.glob("*/*"):
        path.write_text('{"at": 1\n' + path.read_text())
    assert len(world.join().rows) == 1


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the seconds of Great Expectations where rows are fine."""
    monkeypatch.setattr(feedback, "check", lambda *_: [])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("seed", range(5))
def test_each_row_is_in_one_batch_at_most(world: World, seed: int) -> None:
    """Rows come between pulls, at any age."""
    draw = random.Random(seed)
    told, got = 0, []
    for step in range(6):
        now = NOW + timedelta(hours=7 * step)
        for _ in range(draw.randrange(8)):
            known = draw.random() < 0.8
            told += known
            world.predict(now - timedelta(hours=draw.uniform(0, 7)), told=known)
        got += [name for frame in world.arrive(now) for name in frame["parcel.id"]]
    got += [name for frame in world.arrive(NOW + timedelta(days=9)) for name in frame["parcel.id"]]
    assert len(got) == len(set(got)) == told > 0


@pytest.mark.usefixtures("unchecked")
def test_without_a_watermark_rows_would_come_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "watermark", lambda root: None)
    world.predict(days(3), **{"parcel.id": None})  # by an id it would be known
    assert len(world.arrive()) == len(world.arrive()) == 1


@pytest.mark.usefixtures("unchecked")
def test_what_an_earlier_batch_has_is_no_new_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.predict(days(9))
    assert [len(frame) for frame in world.arrive(NOW - timedelta(days=5))] == [1]
    world.predict(days(3), **{"parcel.id": "p-1"})
    world.predict(days(3))
    found = world.join()
    assert ([row["parcel.id"] for _, row in found.rows], found.replaced) == (["p-3"], 1)
    monkeypatch.setattr(feedback, "without_known", lambda root, agreed, rows: rows)
    assert len(world.join().rows) == 2


def test_a_batch_that_was_not_pulled_is_a_watermark_too(world: World) -> None:
    world.predict(days(3))
    world.arrive()
    (batch,) = batches.list_batches(world.root)
    batch.path.unlink()
    assert world.join().rows == []


def test_a_break_of_the_contract_is_refused_and_nothing_is_added(world: World) -> None:
    world.predict(days(3), depot="west")
    with pytest.raises(Refused, match="depot"):
        world.arrive()
    assert not (world.root / "data").exists()


def test_few_rows_that_break_the_contract_are_left_out_and_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find", lambda: world.settings)
    for _ in range(38):
        world.predict(days(3))
    world.predict(days(3), depot="west")
    world.predict(days(3), depot=None, weight="heavy")
    command.pull(world.folder)
    said = capsys.readouterr().out
    assert "joined    38 rows" in said
    assert "broken    2 rows" in said
    assert "1 by 'enum' of column 'depot'" in said
    assert "1 by 'type' of column 'weight'" in said
    (batch,) = batches.list_batches(world.root)
    assert set(pd.read_parquet(batch.path)["depot"]) == {SENT["depot"]}


def test_whoever_adds_a_batch_hears_what_was_left_out(world: World) -> None:
    world.predict(days(0.5))
    heard: list[feedback.Joined] = []
    assert feedback.arrive(world.settings, NOW, None, heard.append) == []
    assert [found.pending for found in heard] == [1]


def test_more_than_a_few_are_for_a_person_to_judge(world: World) -> None:
    for number in range(40):
        world.predict(days(3), **({"depot": "west"} if number < 3 else {}))
    with pytest.raises(Refused, match="3 of 40"):
        world.arrive()


def test_a_required_column_that_is_never_kept_is_told(world: World) -> None:
    path = world.root / "contract.yaml"
    path.write_text(path.read_text().replace("name: iban\n", "name: iban\n        required: true\n"))
    world.predict(days(3))
    with pytest.raises(MlopsError, match="'iban' is restricted and required") as caught:
        world.arrive()
    assert caught.value.exit_code == 2


def test_the_command_says_what_it_did(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find", lambda: world.settings)
    with pytest.raises(MlopsError, match="no folder"):
        command.pull(None)
    world.folder.mkdir(exist_ok=True)
    command.pull(world.folder)
    said = capsys.readouterr().out
    assert f"Nothing to add: {str(world.folder)!r} holds no inputs" in said and "joined" not in said
    world.predict(days(900))
    world.predict(days(900), told=False)
    command.pull(world.folder)
    said = capsys.readouterr().out
    assert "joined    1 rows" in said
    assert "without   1 rows" in said
    assert "feedback-" in said


def test_many_rows_of_one_request_keep_their_own_ids(tmp_path: Path) -> None:
    (tmp_path / "inputs").mkdir()
    line = {"at": 5, "release": "r", "nonces": "aabb", "request": {"rows": [{"x": 1}, {"x": 2}]}}
    (tmp_path / "inputs" / "a.jsonl").write_text(json.dumps(line))
    assert list(Files(tmp_path).rows()) == [((5, "aa"), {"x": 1}), ((5, "bb"), {"x": 2})]
