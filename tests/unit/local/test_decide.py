from __future__ import annotations

import pytest

from mlops.delivery.local_decide import LONGEST, Failures, Wanted, decide, relevant
from mlops.delivery.records import ContractRef, Data, Image, Model, Record


def wanted(name: str) -> Wanted:
    record = Record(
        id=name,
        identity="sha256:" + "1" * 64,
        commit="4" * 40,
        image=Image(repository="local/x", digest="sha256:" + "2" * 64),
        model=Model(sha256="5" * 64),
        data=Data(sha256="3" * 64, batches=1, rows=1),
        contract=ContractRef(version="1", sha256="6" * 64),
        metrics={},
    )
    return Wanted(name.encode(), record, "4" * 40)


ONE, TWO = wanted("20240501-1"), wanted("20240501-2")


@pytest.mark.parametrize(
    ("named", "last", "alive", "failed", "due"),
    [
        (None, None, False, {}, None),
        (ONE, None, False, {}, ONE),
        (ONE, ONE, True, {}, None),
        (TWO, ONE, True, {}, TWO),
        (None, ONE, True, {}, None),
        (None, ONE, False, {}, ONE),
        (ONE, ONE, False, {}, ONE),
        (TWO, ONE, True, {TWO.text: Failures(1, 100)}, None),
        (TWO, ONE, False, {TWO.text: Failures(1, 100)}, ONE),
        (TWO, ONE, False, {TWO.text: Failures(1, 100), ONE.text: Failures(1, 100)}, None),
        (TWO, ONE, True, {TWO.text: Failures(1, 99)}, TWO),
        (TWO, ONE, True, {TWO.text: Failures(2, 99)}, None),
    ],
)
def test_what_is_started_next(
    named: Wanted | None, last: Wanted | None, alive: bool, failed: dict[bytes, Failures], due: Wanted | None
) -> None:
    assert decide(named, last, alive, failed, 100.5) is due


def test_the_pause_doubles_up_to_a_minute() -> None:
    assert [Failures(count, 0).again for count in (1, 2, 3, 7, 5000)] == [1, 2, 4, LONGEST, LONGEST]


def test_a_release_that_left_and_comes_back_is_tried_at_once() -> None:
    failed = {ONE.text: Failures(3, 0), TWO.text: Failures(2, 0)}
    assert relevant(failed, ONE, None) == {ONE.text: Failures(3, 0)}
