"""The documented error rates of the drift rules, on few windows; and the mutants that break them."""

from __future__ import annotations

import numpy as np
import pytest
import simulate_drift as simulation

from mlops.monitoring import critical
from mlops.monitoring import judge as module

ALWAYS = (0, 1, 2, 3, 6)  # the drifts that must be seen


def shape(page: str) -> list[str]:
    """Keep headings, table heads and the first cell of rows."""
    kept = [line for line in page.splitlines() if line.startswith(("#", "|"))]
    return [line if line.startswith(("#", "| ---")) else line.split("|")[1].strip() for line in kept]


def alarms(rows: int, references: int = 2) -> float:
    found, of = simulation.false_alarms(15, 2_000, rows, references)
    return found / of


@pytest.mark.parametrize("rows", [20, 200, 2_000])
def test_a_clean_window_seldom_alarms(rows: int) -> None:
    assert alarms(rows) <= 0.05


def test_what_must_be_seen_in_two_thousand_rows_is_seen() -> None:
    seen = simulation.caught(15, 2_000, 2_000, 10)
    assert [simulation.DRIFTS[at].says for at in ALWAYS if seen[at] < 0.9] == []


def test_a_change_that_does_not_matter_does_not_alarm() -> None:
    assert simulation.too_small(simulation.SMALL_ROWS, 50_000, 2) == 0


def test_without_evidence_clean_windows_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(critical, "_quantile", lambda rule, bins, share: 0.0)
    assert alarms(200, 1) > 0.5


def test_without_effect_what_does_not_matter_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.LEAST_EFFECT, "distribution", -1.0)
    assert simulation.too_small(simulation.SMALL_ROWS, 50_000, 2) == 1


def test_the_usual_rules_alarm_on_clean_windows_and_miss_a_shift() -> None:
    small, _ = simulation.beside_usual(20, 4)
    large, seen = simulation.beside_usual(20_000, 1)
    ours, psi, square, _ = range(4)
    assert (small[ours], small[psi]) == (0, 1)
    assert large[ours] == 0
    assert (seen[ours, 0], seen[psi, 0]) == (1, 0)
    middle, _ = simulation.beside_usual(2_000, 10)
    assert middle[ours] == 0
    assert middle[square] > 0.2


def test_sliding_windows_are_judged_as_a_single_one() -> None:
    random = np.random.default_rng(0)
    profile = simulation.profile_of({"x": random.normal(size=2_000)})
    (column,) = profile.monitored
    shares = simulation.shares_of(column, lambda rng, n: rng.normal(0.25, size=n), random)
    rows = random.poisson(2 * shares, (simulation.DAY + 3, len(shares))).astype(float)
    last = dict(zip(column.labels, rows[-simulation.DAY :].sum(axis=0), strict=True))
    found = [f.drifted for f in module.judge(profile, {("input", "", "x"): last}) if f.rule == "distribution"]
    assert simulation.fires(column.parts[0], rows, column.labels, simulation.DAY)[-1] == found[0]


def test_the_page_has_the_headings_that_the_script_would_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "_clean", lambda cell: (0, 10))
    monkeypatch.setattr(simulation, "_caught", lambda cell: [1.0] * len(simulation.DRIFTS))
    monkeypatch.setattr(simulation, "_beside", lambda cell: (np.zeros(4), np.ones((4, len(simulation.DRIFTS)))))
    monkeypatch.setattr(simulation, "_live", lambda cell: ((0.0, 0.0), [(9.0, 1.0)] * len(simulation.LIVELY)))
    monkeypatch.setattr(simulation, "too_small", lambda n, reference, times: 0.0)
    fresh = simulation.page(simulation.REPLICATES, 5, 5, (1, 1, 1))
    assert shape(fresh) == shape(simulation.PAGE.read_text(encoding="utf-8"))
