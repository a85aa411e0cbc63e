"""Promotion: what goes, what is held, how long it soaks; and the commit, byte for byte."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.delivery.test_held import C1, C2, C3, ORDER, record, stood
from unit.delivery.test_rollback import ship_with_chart
from unit.delivery.world import STAGING, Clone, World, no_sleep

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import promote as module
from mlops.delivery.git import Entry
from mlops.delivery.history import Standing, history
from mlops.delivery.layout import RECORD, machine_files
from mlops.delivery.promote import Question, Way, decide, promote, soaked
from mlops.delivery.publish import Outcome
from mlops.delivery.records import Record
from mlops.delivery.release import message
from mlops.delivery.trunk import Trunk

WAY = Way("staging", "production")
V1, V2, V3 = record("1", C1, "one"), record("2", C2, "two"), record("3", C3, "three")
V4 = record("4", C3, "one")

TABLE = [
    ("the first promotion", stood(V1), stood(), "go", "go"),
    ("a newer one", stood(V1, V2), stood(V1), "go", "go"),
    ("production skips one", stood(V1, V2, V3), stood(V1), "go", "go"),
    ("production has it", stood(V1, V2), stood(V1, V2), "nothing", "nothing"),
    ("production went back to what staging has", stood(V1), stood(V1, V2, V1), "nothing", "nothing"),
    ("staging has nothing", stood(), stood(V1), "no", "no"),
    ("staging's was taken away", stood(V1, None), stood(), "no", "no"),
    ("staging's is unreadable", stood(V1, "garbage."), stood(), "cannot", "cannot"),
    ("production's is unreadable", stood(V1, V2), stood(V1, "garbage."), "cannot", "cannot"),
    ("production had a newer one", stood(V1), stood(V2), "no", "no"),
    ("production had a newer one and went back", stood(V2), stood(V1, V3, V1), "no", "no"),
    ("staging went back", stood(V1, V2, V1), stood(), "held", "go"),
    ("staging went back and forth", stood(V1, V2, V1, V2), stood(), "go", "go"),
    ("production went back from this", stood(V1, V2), stood(V1, V2, V1), "held", "go"),
    ("production went back, staging has a newer one", stood(V2, V3), stood(V1, V2, V1), "held", "go"),
    ("production went back, the source was reverted", stood(V2, V4), stood(V1, V2, V1), "go", "go"),
    ("production went back and forth", stood(V2, V3), stood(V1, V2, V1, V2), "go", "go"),
    ("production's first was taken away", stood(V1, V2), stood(V1, None), "held", "go"),
]


def kind(source: list[Standing], target: list[Standing], *, force: bool = False) -> str:
    try:
        return decide(Question(source, target, ORDER), WAY, force=force).kind
    except Refused:
        return "no"
    except MlopsError:
        return "cannot"


@pytest.mark.parametrize(("case", "source", "target", "plain", "forced"), TABLE, ids=[row[0] for row in TABLE])
def test_the_table(case: str, source: list[Standing], target: list[Standing], plain: str, forced: str) -> None:
    assert (kind(source, target), kind(source, target, force=True)) == (plain, forced)


MUTANTS: list[tuple[str, Callable[..., Any]]] = [
    ("held", lambda *_: None),
    ("newest", lambda *_: None),
    ("_require_readable", lambda *_: None),
]


@pytest.mark.parametrize(("part", "mutant"), MUTANTS, ids=[row[0] for row in MUTANTS])
def test_the_table_catches_a_mutant(part: str, mutant: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, part, mutant)
    assert any(
        (kind(source, target), kind(source, target, force=True)) != tuple(ends) for _, source, target, *ends in TABLE
    )


def test_a_refusal_says_what_ends_it() -> None:
    back = decide(Question(stood(V1, V2, V1), stood(), ORDER), WAY)
    for part in ("staging is held", "Ada", "'Change 2'", V2.id, V1.id, "git revert", WAY.command):
        assert part in back.words
    back = decide(Question(stood(V2, V3), stood(V1, V2, V1), ORDER), WAY)
    assert "production is held" in back.words and "--from staging --to production --force" in back.words
    with pytest.raises(Refused, match=r"20130501-2 of the newer commit.*mlops rollback --env production --to"):
        decide(Question(stood(V1), stood(V2), ORDER), WAY)
    with pytest.raises(MlopsError, match=r"garbage\. It came to staging by Ada.*mlops rollback --env staging"):
        decide(Question(stood(V1, "garbage."), stood(), ORDER), WAY, force=True)
    with pytest.raises(Refused, match=r"staging has no release\. `mlops release --env staging`"):
        decide(Question(stood(), stood(), ORDER), WAY)


NOW = datetime(2013, 5, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "expected", "words"),
    [
        (None, "held", "staging does not run 20130501-1 healthy"),
        (0, "held", "30 min to go"),
        (29.9, "held", "1 min to go"),
        (30, "go", ""),
        (600, "go", ""),
    ],
)
def test_it_soaks(minutes: float | None, expected: str, words: str) -> None:
    healthy = None if minutes is None else NOW - timedelta(minutes=minutes)
    found = soaked(V1, WAY, healthy, 30, NOW)
    assert found.kind == expected and words in found.words
    assert expected == "go" or "--force" in found.words


def test_what_it_says_to_run_goes_by_the_same_way() -> None:
    pushed = soaked(V1, Way("staging", "production", "push"), None, 30, NOW).words
    assert "`mlops promote --from staging --to production --via push --force`" in pushed
    assert "--via" not in soaked(V1, WAY, None, 30, NOW).words, "by a pull request unless told otherwise"


def up(clone: Clone, *, force: bool = False, **more: Any) -> Outcome:
    return promote(clone.trunk, WAY, force=force, sleep=no_sleep, **more)


def files(clone: Clone, env: str) -> dict[str, Entry]:
    return machine_files(clone.git, clone.trunk.tip(), env)


def test_promotion_copies_every_machine_owned_file_and_nothing_else(clone: Clone) -> None:
    ship_with_chart(clone, "1")
    ship_with_chart(clone, "2")
    outcome = up(clone)
    assert outcome.kind == "done" and outcome.commit and "the first one there" in outcome.words
    assert files(clone, "production") == files(clone, "staging")
    assert "chart/only-2.sh" in files(clone, "production")
    assert clone.standing("production") == clone.standing() == outcome.record
    assert clone.git.show(clone.trunk.tip(), "deploy/envs/production/values.yaml") == b"replicas: 4\n"
    names = clone.sh("show", "--format=", "--name-only", outcome.commit).splitlines()
    assert names and all(name.startswith("deploy/envs/production/") for name in names)
    body = clone.sh("show", "--no-patch", "--format=%B", outcome.commit)
    assert body.startswith("Promote 20130501-2 from staging to production\n\nidentity  sha256:")
    ship_with_chart(clone, "3")
    assert "in place of 20130501-2" in up(clone).words
    assert "chart/only-2.sh" not in files(clone, "production")
    assert up(clone).kind == "nothing"


def test_the_metrics_of_a_message_stand_in_columns() -> None:
    was = V1.model_copy(update={"metrics": {"f1": 0.5}})
    text = message("Release 2 to staging", "staging", V2.model_copy(update={"metrics": {"f1": 0.25, "auc": 0.7}}), was)
    assert "\n\nf1   0.25 (was 0.5)\nauc  0.7\n\nTake it back" in text


def test_a_promotion_is_taken_back_like_any_release(clone: Clone) -> None:
    clone.ship("1")
    up(clone)
    before = clone.tree()
    second = clone.ship("2").record
    staging = files(clone, "staging")
    up(clone)
    clone.revert(":/^Promote 20130501-2 from staging to production")
    assert files(clone, "staging") == staging and clone.tree() != before
    first = clone.standing("production")
    assert first is not None and first.id == "20130501-1"
    with pytest.raises(Refused, match="production is held"):
        up(clone)
    with pytest.raises(Refused, match="production is held"):
        clone.ship("3")
        up(clone)
    assert up(clone, force=True).kind == "done"
    assert second != clone.standing("production") == clone.standing()


def test_mutant_a_promotion_of_the_record_alone_is_not_whole(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    ship_with_chart(clone, "1")
    real = module.machine_files
    monkeypatch.setattr(module, "machine_files", lambda git, rev, env: {RECORD: real(git, rev, env)[RECORD]})
    up(clone)
    assert files(clone, "production") != files(clone, "staging")


class Meanwhile(Trunk):
    """A main branch on which staging gets another release just before the first push."""

    def advance(self, new: str, old: str) -> bool:
        Clone(self.git.root.parent / "bob").ship("3")
        return super().advance(new, old)


def test_only_what_was_judged_goes_and_only_over_what_it_was_judged_against(world: World) -> None:
    ada = world.clone("ada")
    world.clone("bob")
    ada.ship("1")
    up(ada)
    second = ada.ship("2").record
    with pytest.raises(MlopsError, match="production changed while 20130501-2 was judged against None"):
        up(ada, judged=second, judged_against=None)
    with pytest.raises(MlopsError, match="staging changed while 20130501-2 was judged"):
        promote(Meanwhile(ada.git), WAY, judged=second, judged_against="20130501-1", sleep=no_sleep)
    assert ada.standing("production") != ada.standing()


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (Way("stagin", "production"), "Did you mean 'staging'"),
        (Way("staging", "prod"), "Did you mean 'production'|No environment 'prod'"),
        (Way("staging", "staging"), "--from and --to are both 'staging'"),
    ],
)
def test_environments_that_are_not_there(clone: Clone, way: Way, words: str) -> None:
    clone.ship("1")
    with pytest.raises(MlopsError, match=words) as caught:
        promote(clone.trunk, way, sleep=no_sleep)
    assert caught.value.exit_code == 2


def test_what_people_change_in_staging_alone_is_not_promoted(clone: Clone) -> None:
    clone.ship("1")
    clone.pull()
    clone.commit("Scale", {f"{STAGING}/values.yaml": "replicas: 7\n"})
    clone.push()
    up(clone)
    assert clone.git.show(clone.trunk.tip(), "deploy/envs/production/values.yaml") == b"replicas: 4\n"
    records: list[Record | None] = [s.record for s in history(clone.git, "production", clone.trunk.tip())]
    assert records == [clone.standing()]
