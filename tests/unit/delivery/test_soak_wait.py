"""`promote --wait`: how long it waits, what ends it, and what it bears; no second passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from unit.delivery.project import settings
from unit.delivery.world import Clone, copied, found

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import soak_wait
from mlops.delivery.promote import Way
from mlops.delivery.soak_wait import Look, Promotion, wait
from mlops.delivery.trunk import Trunk
from mlops.settings import Settings

WAY = Way("staging", "production")
BEGUN = datetime(2013, 5, 1, 12, tzinfo=UTC)


@dataclass
class Day:
    """A clock that only sleeping moves, and what happens at which minute of it."""

    clone: Clone
    soak: int = 4
    healthy: datetime | None = BEGUN
    answer: Callable[[], None] = lambda: None
    events: dict[float, Callable[[], object]] = field(default_factory=dict)
    now: datetime = BEGUN
    said: list[str] = field(default_factory=list)
    naps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += timedelta(seconds=seconds)
        for minute in sorted(self.events):
            if self.minutes >= minute:
                self.events.pop(minute)()

    @property
    def minutes(self) -> float:
        return (self.now - BEGUN) / timedelta(minutes=1)

    def since(self, settings: Settings, trunk: Trunk, env: str) -> datetime | None:
        assert env == "staging"
        self.answer()
        return self.healthy

    def look(self, *, force: bool = False) -> Promotion:
        place = replace(settings(self.clone), soak=self.soak)
        return Promotion(place, self.clone.trunk, WAY, force=force, healthy=self.since, clock=lambda: self.now)

    def wait(self, *, force: bool = False) -> Look:
        return wait(self.look(force=force), say=self.said.append, clock=lambda: self.now, sleep=self.sleep)

    def ill(self) -> None:
        self.healthy = None

    def silent(self) -> None:
        raise MlopsError("The forge did not answer.")

    def fall_silent(self) -> None:
        self.answer = self.silent

    def answer_again(self) -> None:
        self.answer = lambda: None


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    found(folder).clone("ada").ship("1")
    return folder


@pytest.fixture
def day(template: Path, tmp_path: Path) -> Day:
    return Day(copied(template, tmp_path))


def test_it_waits_until_the_release_has_run_long_enough_and_says_so_once(day: Day) -> None:
    day.now += timedelta(minutes=1)
    found = day.wait()
    assert found.verdict.kind == "go" and found.question.record == day.clone.standing()
    assert 4 <= day.minutes < 4.4 and max(day.naps) == 20
    assert day.said == ["waiting   3 min until 20130501-1 has run healthy for long enough"]


@pytest.mark.parametrize(("soak", "force"), [(0, False), (4, True)])
def test_without_a_soak_and_by_force_nobody_is_asked(day: Day, soak: int, force: bool) -> None:
    day.soak, day.answer = soak, day.silent
    assert day.wait(force=force).verdict.kind == "go" and not day.naps


def test_without_waiting_the_answer_is_how_long_is_left(day: Day) -> None:
    found = day.look()()
    assert found.verdict.kind == "held" and "4 min to go" in found.verdict.words and not day.naps


def test_a_newer_release_ends_it_with_its_own_answer(day: Day) -> None:
    def ship() -> None:
        day.clone.ship("2")
        day.healthy = day.now

    day.events = {2: ship}
    found = day.wait()
    assert found.verdict.kind == "held" and 2 <= day.minutes < 3
    assert "20130501-2" in found.verdict.words and "4 min to go" in found.verdict.words
    assert day.said[-1] == "waiting   ends: 20130501-2 stands in place of 20130501-1"


def test_a_release_that_falls_ill_or_is_taken_back_ends_it(day: Day) -> None:
    day.events = {1: day.ill}
    assert "staging does not run 20130501-1 healthy" in day.wait().verdict.words and day.minutes < 2
    day.healthy = day.now
    day.clone.ship("2")
    day.events = {3: day.clone.rollback}
    found = day.wait()
    assert found.verdict.kind == "held" and "staging is held" in found.verdict.words and day.minutes < 4


def test_a_release_that_is_taken_away_ends_it(day: Day) -> None:
    day.events = {1: lambda: day.clone.revert(":/^Release 20130501-1")}
    with pytest.raises(Refused, match="staging has no release"):
        day.wait()


def test_nobody_to_ask_ends_it_at_once_before_it_waits_and_after_a_while_later(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soak_wait, "SILENCE", timedelta(minutes=2))
    day.answer = day.silent
    with pytest.raises(MlopsError, match="did not answer") as caught:
        day.wait()
    assert caught.value.exit_code == 2 and not day.naps
    day.answer_again()
    day.events = {1: day.fall_silent, 2: day.answer_again}
    assert day.wait().verdict.kind == "go" and day.minutes < 5
    day.now, day.events = BEGUN, {1: day.fall_silent}
    with pytest.raises(MlopsError, match="did not answer"):
        day.wait()
    assert 3 <= day.minutes < 4


def test_a_forge_is_asked_less_often_where_there_are_more_commits_to_ask_about(day: Day) -> None:
    for replicas in range(4):
        day.clone.pull()
        day.clone.commit("Scale", {"deploy/envs/production/values.yaml": f"replicas: {replicas + 5}\n"})
        day.clone.push()
    assert day.look()().pause == 25


def test_mutant_a_look_that_takes_a_newer_release_for_the_old_one_waits_on(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody notices that another release stands: the wait outlives it."""

    def ship() -> None:
        day.clone.ship("2")
        day.healthy = day.now

    day.events = {1: ship}
    real = Promotion.__call__

    def blind(self: Promotion) -> Look:
        found = real(self)
        return replace(found, question=replace(found.question, source=first.question.source))

    first = day.look()()
    monkeypatch.setattr(soak_wait.Promotion, "__call__", blind)
    assert day.wait().verdict.kind == "go" and day.minutes > 4
