"""What each change of an environment was, for people and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from unit.delivery.test_held import C1, C2, C3, record, stood
from unit.delivery.world import STAGING, Clone, no_sleep

from mlops.commands import history as listing
from mlops.delivery import events as module
from mlops.delivery.events import Event, as_json, events, read
from mlops.delivery.history import Standing
from mlops.delivery.promote import Way, promote

V1, V2, V3 = record("1", C1, "one"), record("2", C2, "two"), record("3", C3, "three")

TABLE = [
    ("released", stood(V1, V2), ["released", "released"], [False, False]),
    ("rolled back", stood(V1, V2, V1), ["rolled back to 20130501-1", "released", "released"], [False, True, False]),
    ("and brought back", stood(V1, V2, V1, V2), ["brought back", "rolled back to 20130501-1", "released", "released"],
     [False, False, True, False]),
    ("rolled back twice", stood(V1, V2, V3, V2, V1),
     ["rolled back to 20130501-1", "rolled back to 20130501-2", "released", "released", "released"],
     [False, True, True, False, False]),
    ("taken away", stood(V1, None), ["taken away", "released"], [False, True]),
    ("and put back", stood(V1, None, V1), ["brought back", "taken away", "released"], [False, False, True]),
    ("edited and mended", stood(V1, "garbage.", V1), ["rolled back to 20130501-1", "unreadable", "released"],
     [False, False, False]),
]  # fmt: skip


@pytest.mark.parametrize(("case", "standings", "words", "undone"), TABLE, ids=[row[0] for row in TABLE])
def test_the_table(case: str, standings: list[Standing], words: list[str], undone: list[bool]) -> None:
    order = {standing.sha: len(standings) - at for at, standing in enumerate(standings)}
    found = events(standings, {}, order)
    assert [event.words for event in found] == words
    assert [event.undone is not None for event in found] == undone


def told(clone: Clone, env: str) -> list[Event]:
    return read(clone.git, env, clone.trunk.tip())


def promoted(clone: Clone) -> None:
    clone.ship("1")
    clone.ship("2")
    promote(clone.trunk, Way("staging", "production"), sleep=no_sleep)


def test_a_promotion_is_one_and_its_source_is_none(clone: Clone) -> None:
    promoted(clone)
    (event,) = told(clone, "production")
    assert (event.kind, event.source, event.words) == ("promoted", "staging", "promoted from staging")
    assert [event.kind for event in told(clone, "staging")] == ["released", "released"]


def test_a_release_to_production_that_staging_gets_later_came_from_nowhere(clone: Clone) -> None:
    clone.release(clone.source("1"), "1", env="production")
    promote(clone.trunk, Way("production", "staging"), sleep=no_sleep)
    assert [event.kind for event in told(clone, "production")] == ["released"]
    assert [event.words for event in told(clone, "staging")] == ["promoted from production"]


def test_mutant_without_order_the_source_looks_promoted(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    promoted(clone)
    real = module._stood
    monkeypatch.setattr(module, "_stood", lambda record, there, order, before: real(record, there, order, 10**9))
    assert "promoted" in [event.kind for event in told(clone, "staging")]


def test_json_has_the_full_values(clone: Clone) -> None:
    promoted(clone)
    back = clone.rollback()
    newest, second, first = json.loads(json.dumps([as_json(event) for event in told(clone, "staging")]))
    assert (newest["happened"], newest["release"], newest["commit"]) == ("rolled back", "20130501-1", back.commit)
    assert second["rolled_back_by"]["commit"] == back.commit and newest["rolled_back_by"] is None
    assert (first["metrics"], first["metric"]) == ({"roc_auc": 0.7}, "roc_auc")
    assert first["image"].startswith("local/project@sha256:") and len(first["source_commit"]) == 40
    assert datetime.fromisoformat(first["when"]).astimezone(UTC) and first["who"] == "mlops"
    (production,) = [as_json(event) for event in told(clone, "production")]
    assert production["promoted_from"] == "staging"


def test_a_line_holds_what_a_person_looks_for(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    promoted(clone)
    clone.rollback()
    clone.pull()
    clone.commit("Oops", {f"{STAGING}/release.yaml": "garbage"})
    clone.push()
    listing.show(told(clone, "staging"))
    lines = capsys.readouterr().out.splitlines()
    assert "unreadable" in lines[0] and "Ada" in lines[0]
    assert "20130501-1  rolled back to 20130501-1  roc_auc 0.7000  mlops" in lines[1]
    assert "20130501-2  released" in lines[2] and "rolled back by mlops" in lines[2]
    assert len(lines) == 4


def test_on_a_terminal_it_is_a_table_and_markup_is_text(
    clone: Clone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    clone.ship("1")
    clone.pull()
    clone.sh("revert", "--no-edit", "HEAD", GIT_AUTHOR_NAME="[red]Eve[/red]")
    clone.push()
    listing.table(told(clone, "staging"))
    out = capsys.readouterr().out
    assert out.startswith("when")
    assert "taken away" in out and "[red]Eve[/red]" in out
