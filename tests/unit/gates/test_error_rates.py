"""The documented error rates come from a script that runs, and its page has the headings that it would write."""

from __future__ import annotations

import numpy as np
import simulate


def shape(page: str) -> list[str]:
    """Keep headings, table heads and the first two cells of rows."""
    kept = [line for line in page.splitlines() if line.startswith(("#", "|"))]
    return [line if line.startswith(("#", "| task", "| ---")) else line.split("|")[1].strip() for line in kept]


def test_rates_are_sane_and_the_page_has_the_same_headings() -> None:
    fresh = shape(simulate.page({150: 6}, {300: (2, 2)}))
    page = shape(simulate.PAGE.read_text(encoding="utf-8"))
    assert list(dict.fromkeys(fresh)) == list(dict.fromkeys(page))


def test_a_loss_of_four_margins_is_blocked_more_often_than_none() -> None:
    equal, _, _, lost = simulate.verdicts(simulate.World("binary", 150), 25)
    assert equal["worse"] <= 4
    assert lost["worse"] >= 20


def test_the_models_lose_what_they_are_said_to_lose() -> None:
    for task in simulate.SHARES:
        world = simulate.World(task, 100_000)
        random = np.random.default_rng(0)
        models = world.models(random, world.truth(random), [0.0, 0.1])
        prepare = simulate.prepare_of(simulate.METRICS[task])
        champion, equal, worse = (simulate.Spec(prepare, model).point() for model in models)
        assert abs(champion - simulate.TYPICAL[task]) < 0.015
        assert abs(champion - equal) < 0.01
        assert abs(champion - worse - 0.1) < 0.01
