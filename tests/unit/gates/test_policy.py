"""A *no* blocks unless a reviewed file says why not, and until when."""

from __future__ import annotations

from datetime import date

import pytest

from mlops.contract.errors import MlopsError
from mlops.gates.bar import Gates, parse
from mlops.gates.match import Check
from mlops.gates.policy import ask, excused, forgives, overrides, softened

pytestmark = pytest.mark.unit
BAR = "metric: roc_auc\nmargin: 0.01\n"
TODAY = date(2013, 5, 1)
NO = Check("slices", "block", "Worse for EWR.", {"groups": []})


def bar(more: str) -> Gates:
    return parse(BAR + more)


def override(gate: str = "slices", expires: str = "2013-05-01") -> Gates:
    return bar(f"overrides: [{{gate: {gate}, reviewer: ada, reason: EWR is rebuilt, expires: {expires}}}]\n")


def test_a_no_blocks_by_default() -> None:
    assert softened(bar(""), NO, TODAY) == NO


def test_a_gate_that_only_warns_says_why() -> None:
    said = softened(bar("modes: {slices: {mode: warn, reason: EWR is rebuilt}}\n"), NO, TODAY)
    assert said.outcome == "warn"
    assert said.words == "Worse for EWR. This gate only warns: EWR is rebuilt"


def test_a_gate_that_is_off_is_not_asked() -> None:
    def asked() -> Check:
        raise AssertionError("asked")

    said = ask(bar("modes: {slices: {mode: off, reason: no groups here}}\n"), "slices", asked, TODAY)
    assert (said.outcome, said.words) == ("pass", "Off: no groups here")
    assert ask(bar(""), "slices", lambda: NO, TODAY) == NO


def test_a_gate_that_is_off_does_not_warn_where_its_answer_is_known_already() -> None:
    said = softened(bar("modes: {slices: {mode: off, reason: no groups here}}\n"), NO, TODAY)
    assert (said.outcome, said.words) == ("pass", "Off: no groups here")


def test_an_override_holds_through_its_last_day_and_no_longer() -> None:
    assert softened(override(), NO, TODAY).outcome == "warn"
    assert "Overridden until 2013-05-01 by ada: EWR is rebuilt" in softened(override(), NO, TODAY).words
    assert softened(override(), NO, date(2013, 5, 2)) == NO
    assert [o["active"] for day in (1, 2) for o in overrides(override(), date(2013, 5, day))] == [True, False]


def test_an_override_is_for_one_gate() -> None:
    assert softened(override("fairness"), NO, TODAY) == NO
    assert excused(override("champion"), "champion", TODAY) and forgives(override("champion"), "champion", TODAY)
    assert not forgives(bar("modes: {champion: {mode: warn, reason: r}}\n"), "champion", TODAY)


def test_what_passes_stays_as_it_is() -> None:
    fine = Check("slices", "warn", "Cannot tell.")
    assert softened(override(), fine, TODAY) == fine


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("modes: {slices: {mode: warn}}\n", "'modes.slices.reason' is missing"),
        ("modes: {slice: {mode: warn, reason: r}}\n", "modes.slice"),
        ("modes: {slices: {mode: ignore, reason: r}}\n", "modes.slices.mode"),
        ("modes: {slices: {mode: warn, reason: ''}}\n", "modes.slices.reason"),
        ("overrides: [{gate: slices, reviewer: a, reason: r}]\n", "overrides.0.expires"),
        ("overrides: [{gate: slices, reviewer: a, reason: r, expires: soon}]\n", "overrides.0.expires"),
        ("overrides: [{gate: slices, reviewer: a, reason: r, expire: 2013-05-01}]\n", "Did you mean 'expires'"),
        ("slices: {min_row: 40}\n", "Did you mean 'min_rows'"),
        ("slices: {min_rows: 3}\n", "slices.min_rows"),
        ("fairness: {max_gab: 0.1}\n", "Did you mean 'max_gap'"),
        ("cost: {max_slowdown: 0.5}\n", "cost.max_slowdown"),
        ("calibration: 0.1\n", "calibration"),
    ],
)
def test_a_key_that_pretends_is_an_error(more: str, words: str) -> None:
    with pytest.raises(MlopsError, match=words):
        bar(more)
