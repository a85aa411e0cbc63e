"""Retention: what is chosen, as functions of data."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from unit.delivery.world import hexed, image

from mlops.commands import gc as command
from mlops.contract.errors import MlopsError
from mlops.delivery.gc import dangling, outdated, surviving
from mlops.delivery.history import Standing
from mlops.delivery.objects import Needed
from mlops.delivery.records import ContractRef, Data, Image, Model, Record
from mlops.delivery.retention import Kept, chosen
from mlops.delivery.stored import Run, Stored
from mlops.gates import anchor

NOW = 1_000_000.0


def record(number: int) -> Record:
    named = image(str(number))
    return Record(
        id=f"20130501-{number}",
        identity=named.identity,
        commit=f"{number:040x}",
        image=Image(repository="r", digest=named.digest),
        model=Model(sha256=hexed("m")),
        data=Data(sha256=hexed("d"), batches=1, rows=1),
        contract=ContractRef(version="1", sha256=hexed("c")),
        metrics={"a": float(number)},
    )


def stood(*numbers: int) -> list[Standing]:
    """Standings, given oldest first; 0 is none, -1 unreadable."""
    when = datetime(2013, 5, 1, tzinfo=UTC)
    made = [
        Standing("staging", record(n) if n > 0 else None, f"{at:040x}", "Ada", when, "s", "broken." if n < 0 else "")
        for at, n in enumerate(numbers)
    ]
    return made[::-1]


@pytest.mark.parametrize(
    ("numbers", "keep", "want"),
    [
        ((1, 2, 3, 4), 2, [4, 3]),
        ((1, 2), 5, [2, 1]),
        ((), 2, []),
        ((1, 2, 3, 2, 3, 2, 3), 2, [3, 2]),
        ((1, 2, 3, 4, 5, 2), 1, [2, 5]),
        ((1, 2, 3, 4, 5, 2), 2, [2, 5, 1]),
        ((1, 2, 3, 4, 5, 3, 2), 2, [2, 3, 1, 5]),
        ((1, 2, 3, 0), 2, [3, 2]),
        ((1, 2, -1, 3, 4), 2, [4, 3]),
        ((1, 2, 3, 4, 5, 6, 3), 3, [3, 6, 5, 2, 1]),
    ],
)
def test_it_keeps_the_last_the_ways_back_and_the_newest(numbers: tuple[int, ...], keep: int, want: list[int]) -> None:
    standings = stood(*numbers)
    order = {f"{n:040x}": n for n in range(1, 10)}
    assert [found.id for found in chosen("staging", standings, order, keep)] == [record(n).id for n in want]


@pytest.mark.parametrize("numbers", [(1, 2, -1), (1, -1, 2), (-1,)])
def test_an_unreadable_record_among_them_stops_it(numbers: tuple[int, ...]) -> None:
    with pytest.raises(MlopsError, match=r"broken\. It came to staging by Ada"):
        chosen("staging", stood(*numbers), {f"{n:040x}": n for n in range(1, 10)}, 2)


def stored(name: str, age: float) -> Stored:
    return Stored(name, 1, NOW - age)


def test_a_directory_that_stays_keeps_what_it_lists() -> None:
    inside = {"new.dir": ["shared", "own"], "kept.dir": ["model"], "old.dir": ["shared", "lost"]}
    ages = {"new.dir": 1, "kept.dir": 99, "old.dir": 99, "shared": 99, "own": 99, "lost": 99, "model": 99, "young": 1}
    objects = {name: stored(name, age) for name, age in ages.items()}
    need = Needed({"kept.dir": "r"}, frozenset({"kept.dir"}), frozenset())
    alive = surviving(objects, need, inside.__getitem__, NOW - 50)
    assert alive == {"new.dir", "shared", "own", "kept.dir", "model", "young"}


@pytest.mark.parametrize(
    ("outs", "age", "goes"),
    [
        (("kept",), 99, False),
        (("kept", "going"), 1, True),
        (("never came",), 99, True),
        (("never came",), 1, False),
        ((), 99, False),
    ],
)
def test_an_entry_of_the_run_cache_goes_with_what_it_restores(outs: tuple[str, ...], age: float, goes: bool) -> None:
    run = Run(stored("run", age), outs)
    assert dangling([run], {"kept"}, {"kept", "going"}, NOW - 50) == ([run] if goes else [])


def kept(stays: str, released: str) -> Kept:
    return Kept({}, (), (), frozenset(stays.split()), frozenset(released.split()))


def test_an_image_goes_that_was_released_and_is_not_named_again() -> None:
    tags = {hexed("1"): "old", hexed("2"): "now", hexed("3"): "now", hexed("4"): "unreleased", hexed("5"): "signed"}
    assert outdated({**tags, "latest": "signed"}, kept("now", "old now signed gone")) == ("old",)


def test_the_note_names_as_many_releases_as_the_gate_looks_back_on() -> None:
    assert anchor.RELEASES == command.ANCHOR
