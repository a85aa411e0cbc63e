"""The replay with the real pipeline, scorer, profile and gate, over three months of a shop."""

from __future__ import annotations

import pytest
from sklearn.metrics import roc_auc_score
from unit.backtest.conftest import Months, rows

from mlops.backtest.policies import Policy, Signs
from mlops.backtest.replay import Step, replay
from mlops.contract.task import load_task
from mlops.data import table
from mlops.pipeline.prepare import BATCH, ROW
from mlops.serving.scorer import Scorer

Steps = dict[tuple[str, Policy], Step]


@pytest.fixture(scope="module")
def steps(bench: Months) -> Steps:
    return {(step.batch, step.policy): step for step in replay(bench, 1, 3, lambda line: None)}


def test_a_model_is_made_of_what_had_arrived_and_scored_on_what_comes_next(bench: Months, steps: Steps) -> None:
    seen = [[batch.name for batch in load_task(model.folder / "task.json").batches] for model in bench.models]
    assert seen == [["0001-may.parquet"], ["0001-may.parquet", "0002-june.parquet"]]
    for model, month, policy in ((0, "june", Policy.NEVER), (0, "july", Policy.NEVER), (1, "july", Policy.EVERY)):
        frame = rows(month)
        scores = Scorer.load(bench.models[model].folder).scores(table.to_columns(frame, bench.agreed), len(frame))
        found = steps[month, policy]
        assert found.metric == pytest.approx(roc_auc_score(frame["sold"], scores[:, 1])) and found.rows == 600


def test_a_month_that_turned_is_seen_learned_and_told(steps: Steps) -> None:
    june, july = steps["june", Policy.DRIFT], steps["july", Policy.DRIFT]
    assert june.signs.predictions and june.signs.lost and set(june.signs.drifted) == {"price", "sold"}
    assert (june.decision, june.model, july.decision, july.model) == ("released", "may", "end", "june")
    assert july.metric > 0.9 > 0.6 > steps["july", Policy.NEVER].metric, "the first model has the sign wrong"
    assert not july.signs.lost


def test_the_gate_refuses_the_worse_of_two_which_alone_it_lets_pass(bench: Months, steps: Steps) -> None:
    may, june = bench.models
    verdict = bench.gate(may, june)
    assert not verdict.passed and verdict.words.startswith("Worse than the champion")
    assert bench.gate(may, None).passed, "mutant: a gate that forgets the champion"


def test_more_of_the_same_shows_nothing(bench: Months, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "newest", rows("may", seed=1).assign(**{BATCH: 9, ROW: range(600)}))
    found = bench.signs(bench.models[0])
    assert not found.drifted and not found.calls and found.loss == pytest.approx(0, abs=0.03)
    assert found != Signs(), "the metric was looked at"
