"""The table of what is held and what goes out, on real repositories, and on the pure decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import pytest
from unit.delivery.test_records import EXAMPLE
from unit.delivery.world import Clone, hexed, image

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import history as history_module
from mlops.delivery import release as release_module
from mlops.delivery.history import Order, Standing, held, history, newest, order_of
from mlops.delivery.records import Record, parse
from mlops.delivery.release import Decision, check, decide

C1, C2, C3 = (hexed(name)[:40] for name in ("c1", "c2", "c3"))
ORDER = {C1: 2, C2: 4, C3: 6}


def record(id_: str, commit: str, content: str) -> Record:
    return parse(EXAMPLE).model_copy(
        update={"id": f"20130501-{id_}", "commit": commit, "identity": image(content).identity}
    )


V1, V2 = record("1", C1, "one"), record("2", C2, "two")


def stood(*oldest_first: Record | str | None) -> list[Standing]:
    when = datetime.fromisoformat("2013-05-01T12:00:00+00:00")
    made = [
        Standing("staging", item, f"{at:040x}", "Ada", when, f"Change {at}")
        if not isinstance(item, str)
        else Standing("staging", None, f"{at:040x}", "Ada", when, f"Change {at}", problem=item)
        for at, item in enumerate(oldest_first)
    ]
    return made[::-1]


def kind(commit: str, content: str, standings: list[Standing], *, force: bool = False) -> str:
    return decide(commit, image(content).identity, standings, ORDER, env="staging", force=force).kind


V1B = record("2", C1, "other base")
V3 = record("3", C3, "one")

TABLE = [
    ("the first release", C1, "one", stood(), "go"),
    ("a newer one", C2, "two", stood(V1), "go"),
    ("the very same", C1, "one", stood(V1), "nothing"),
    ("the same commit with another base", C1, "other base", stood(V1), "go"),
    ("a newer commit with the same content", C2, "one", stood(V1), "go"),
    ("an older run that ends last", C1, "one", stood(V2), "nothing"),
    ("an older run that never stood", C1, "late", stood(V1, V2), "nothing"),
    ("rolled back, the same commit again", C2, "two", stood(V1, V2, V1), "held"),
    ("rolled back, new data and retrained", C3, "three", stood(V1, V2, V1), "held"),
    ("rolled back, an older run", C1, "one", stood(V1, V2, V1), "nothing"),
    ("rolled back, the revert reverted", C3, "three", stood(V1, V2, V1, V2), "go"),
    ("rolled back, the source reverted", C3, "one", stood(V1, V2, V1), "go"),
    ("the source reverted without a rollback", C3, "one", stood(V1, V2), "go"),
    ("after a source revert went out", C3, "one", stood(V1, V2, V1, V3), "nothing"),
    ("equal commits, the later is H", C1, "more", stood(V1, V1B, V1), "held"),
    ("equal commits, R's identity", C1, "one", stood(V1, V1B, V1), "go"),
    ("equal commits, not rolled back", C2, "two", stood(V1, V1B), "go"),
    ("the first release taken away", C2, "two", stood(V1, None), "held"),
    ("the first release taken away, again", C1, "one", stood(V1, None), "held"),
    ("the first release taken away and put back", C2, "two", stood(V1, None, V1), "go"),
    ("an older record put there by hand", C3, "three", stood(V2, V1), "held"),
    ("garbage in history", C3, "three", stood(V1, "garbage", V2), "go"),
]


@pytest.mark.parametrize(("case", "commit", "content", "standings", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_the_table(case: str, commit: str, content: str, standings: list[Standing], expected: str) -> None:
    assert kind(commit, content, standings) == expected
    if expected == "held":
        assert kind(commit, content, standings, force=True) == "go"
    else:
        assert kind(commit, content, standings, force=True) == expected


def test_a_held_decision_names_who_what_and_both_ways_out() -> None:
    words = decide(C3, image("three").identity, stood(V1, V2, V1), ORDER, env="staging").words
    for part in ("Ada", "2013-05-01", "'Change 2'", V2.id, V1.id, "git revert", "mlops release --env staging --force"):
        assert part in words
    elsewhere = decide(C3, image("three").identity, stood(V1, V2, V1), ORDER, env="production").words
    assert "`mlops promote --to production --force`" in elsewhere


def test_garbage_is_never_current_and_force_gets_past_it() -> None:
    with pytest.raises(MlopsError, match=r"broken record.*Ada") as caught:
        kind(C3, "three", stood(V1, V2, "broken record."))
    assert caught.value.exit_code == 2
    assert kind(C3, "three", stood(V1, V2, "broken record."), force=True) == "go"


def test_a_commit_that_is_not_on_main_is_no_candidate() -> None:
    with pytest.raises(MlopsError, match=r"not on the main branch\. Merge or push it first"):
        decide(hexed("x")[:40], image("x").identity, stood(V1), ORDER, env="staging")


def test_a_record_whose_commit_main_no_longer_holds_is_the_oldest() -> None:
    gone = record("9", hexed("rewritten")[:40], "gone")
    assert newest(stood(V1, gone), ORDER) == V1
    assert kind(C1, "one", stood(gone)) == "go"


def release_two_and_roll_back(clone: Clone) -> tuple[Record, Record]:
    first, second = clone.ship("1"), clone.ship("2")
    clone.rollback()
    assert first.record is not None and second.record is not None
    assert clone.standing() == first.record
    return first.record, second.record


def test_rollback_then_new_data_and_retrain_is_held(clone: Clone) -> None:
    first, second = release_two_and_roll_back(clone)
    with pytest.raises(Refused, match="held") as caught:
        clone.ship("3")
    assert caught.value.exit_code == 1
    assert second.id in str(caught.value) and "Roll staging back" in str(caught.value)
    assert clone.standing() == first
    forced = clone.release(clone.git.head(), "3", force=True)
    assert forced.kind == "done" and clone.standing() == forced.record
    assert clone.ship("4").kind == "done"


def test_the_revert_of_the_revert_ends_the_hold(clone: Clone) -> None:
    first, second = clone.ship("1").record, clone.ship("2")
    assert second.commit
    undo = clone.revert(second.commit)
    assert clone.standing() == first
    assert check(clone.trunk, "staging", clone.git.first_parent(undo)[2], image("2").identity).kind == "held"
    clone.revert(undo)
    assert clone.standing() == second.record
    assert clone.ship("3").kind == "done"


def test_a_source_revert_releases_the_old_identity_and_ends_the_hold(clone: Clone) -> None:
    clone.ship("1")
    bad = clone.ship("2").record
    assert bad is not None
    clone.rollback()
    third = clone.release(clone.revert(bad.commit), "1")
    assert third.kind == "done" and third.record is not None
    assert third.record.identity == image("1").identity
    assert third.record.id == "20130501-3"
    assert clone.ship("4").kind == "done"


def test_reverting_the_first_release_takes_it_away_and_holds(clone: Clone) -> None:
    first = clone.ship("1")
    assert first.commit
    clone.revert(first.commit)
    assert clone.standing() is None
    with pytest.raises(Refused, match="to nothing"):
        clone.ship("2")


def test_another_environment_is_not_held(clone: Clone) -> None:
    release_two_and_roll_back(clone)
    sha = clone.source("3")
    assert clone.release(sha, "3", env="production").kind == "done"
    with pytest.raises(Refused):
        clone.release(sha, "3")


def test_mutant_without_the_held_rule_the_rollback_is_lost(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = release_two_and_roll_back(clone)
    monkeypatch.setattr(release_module, "held", lambda *_: None)
    clone.ship("3")
    assert clone.standing() != first


def test_mutant_without_the_order_rule_an_older_run_wins(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    clone.pull()
    old, new = clone.source("1"), clone.source("2")
    clone.release(new, "2")
    monkeypatch.setattr(release_module, "decide", lambda *_, **__: Decision("go", ""))
    clone.release(old, "1")
    standing = clone.standing()
    assert standing is not None and standing.commit == old


def last_seen(standings: Sequence[Standing], order: Order) -> Record | None:
    """Take what appeared last for H: then every rollback is the newest release."""
    return standings[0].record if standings else None


def first_appeared_last(standings: Sequence[Standing], order: Order) -> Record | None:
    """Forget the order of source commits."""
    return newest(standings, {})


def earlier_of_equals(standings: Sequence[Standing], order: Order) -> Record | None:
    """Among records of one commit take the one that appeared first."""
    records = [s.record for s in reversed(standings) if s.record]
    return max(records, key=lambda r: order.get(r.commit, 0), default=None)


MUTANTS = [
    ("no hold at all", "held", lambda *_: None),
    ("H is what appeared last", "newest", last_seen),
    ("H without the order of commits", "newest", first_appeared_last),
    ("the earlier of equal commits is H", "newest", earlier_of_equals),
    ("no ancestor rule", "newest in release", lambda *_: None),
]


@pytest.mark.parametrize(("name", "part", "mutant"), MUTANTS, ids=[row[0] for row in MUTANTS])
def test_the_table_catches_a_mutant(
    name: str, part: str, mutant: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if part == "newest":
        monkeypatch.setattr(history_module, "newest", mutant)
    monkeypatch.setattr(release_module, part.partition(" ")[0], mutant)
    caught = [row[0] for row in TABLE if kind(row[1], row[2], row[3]) != row[4]]
    assert caught, f"no row of the table notices: {name}"


def test_history_says_what_was_taken_back(clone: Clone) -> None:
    first, second = release_two_and_roll_back(clone)
    rev = clone.trunk.tip()
    standings = history(clone.git, "staging", rev)
    assert [s.record for s in standings] == [first, second, first]
    hold = held(standings, order_of(clone.git, rev, standings))
    assert hold is not None and hold.newest == second and hold.by == standings[0]
