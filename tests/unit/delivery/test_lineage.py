"""What each release won travels with it, and leads back to the best one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from unit.delivery.world import NOON, Clone, image, no_sleep

from mlops.delivery.commit import write
from mlops.delivery.release import release
from mlops.gates.anchor import standing_of
from mlops.gates.rows import measured_on

pytestmark = pytest.mark.unit


def shipped(clone: Clone, version: str, over: str | None, difference: float) -> str:
    """Release a model that differs by so much from the one before; returns its id."""
    gain = None if over is None else {"over": over, "metric": "roc_auc", "difference": difference}
    made = clone.candidate(clone.source(version), version)
    text = json.dumps({"metrics": {"roc_auc": 0.7}, "rows": 500, "gain": gain}).encode()
    made = replace(made, files={**made.files, "metrics.json": write(clone.git, text)})
    done = release(clone.trunk, "staging", made, image(version), now=NOON, sleep=no_sleep)
    assert done.record is not None
    return done.record.id


def test_the_best_of_the_line_is_found_where_it_stood(clone: Clone) -> None:
    first = shipped(clone, "1", None, 0.0)
    second = shipped(clone, "2", first, 0.02)
    third = shipped(clone, "3", second, -0.004)
    shipped(clone, "4", third, -0.004)
    tip = clone.trunk.tip()
    found = standing_of(clone.git, "staging", tip, "roc_auc")
    assert found is not None and found.record is not None and found.record.id == second
    assert clone.git.show(found.sha, "deploy/envs/staging/release.yaml") is not None
    assert standing_of(clone.git, "staging", tip, "f1") is None


def test_a_release_that_was_taken_back_is_not_of_the_line(clone: Clone) -> None:
    first = shipped(clone, "1", None, 0.0)
    shipped(clone, "2", first, 0.3)
    clone.rollback()
    assert standing_of(clone.git, "staging", clone.trunk.tip(), "roc_auc") is None


def test_before_the_first_release_there_is_no_anchor(clone: Clone) -> None:
    assert standing_of(clone.git, "staging", clone.trunk.tip(), "roc_auc") is None


def test_a_release_says_on_how_many_rows_it_was_measured(clone: Clone) -> None:
    assert measured_on(clone.git, "staging", clone.trunk.tip()) is None
    shipped(clone, "1", None, 0.0)
    assert measured_on(clone.git, "staging", clone.trunk.tip()) == 500
    assert clone.release(clone.source("2"), "2").kind == "done"
    assert measured_on(clone.git, "staging", clone.trunk.tip()) is None, "its metrics.json does not say"
