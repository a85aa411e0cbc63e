"""The replay with a trainer, a scorer and a gate that are numbers: who serves what, and what is done how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mlops.backtest.policies import Model, Policy, Signs, Verdict, retrains
from mlops.backtest.replay import Step, replay
from mlops.backtest.summary import as_json, totals
from mlops.contract.errors import MlopsError
from mlops.contract.task import Task

TASK = Task("binary", "y", (False, True), 0.5, "own", (), {}, ())
NOTHING, DRIFT = Signs(), Signs(drifted=("y",), predictions=True)


@dataclass
class World:
    """A model loses a hundredth a batch; what drifts and what is refused is told."""

    drifts: dict[tuple[int, int], Signs] = field(default_factory=dict)
    refused: set[tuple[int, int | None]] = field(default_factory=set)
    done: list[tuple[str, int, int | None]] = field(default_factory=list)
    here: int = 0

    def arrive(self, number: int) -> str:
        assert number == self.here + 1, "one after the other"
        self.here = number
        return f"b{number}"

    def rows(self) -> int:
        return 100 * self.here

    def train(self) -> Model:
        self.done.append(("train", self.here, None))
        return Model(self.here, f"b{self.here}", None, 100, TASK, Path(str(self.here)))

    def metric(self, model: Model) -> float:
        assert model.number < self.here, "no model is scored on what it was made from"
        self.done.append(("score", model.number, self.here))
        return 0.8 - (self.here - model.number) / 100

    def signs(self, model: Model) -> Signs:
        return self.drifts.get((model.number, self.here), NOTHING)

    def gate(self, challenger: Model, champion: Model | None) -> Verdict:
        of = (challenger.number, None if champion is None else champion.number)
        self.done.append(("gate", *of))
        return Verdict(of not in self.refused, "because")


def run(world: World, first: int = 2, batches: int = 5) -> dict[Policy, list[Step]]:
    steps = list(replay(world, first, batches, lambda line: None))
    return {policy: [step for step in steps if step.policy is policy] for policy in Policy}


def test_each_policy_serves_what_it_released() -> None:
    """Drift shows in the first model at batch 4: that policy keeps it until then, and has the new one at batch 5."""
    world = World(drifts={(2, 4): DRIFT})
    found = run(world)
    assert {policy: [step.model for step in steps] for policy, steps in found.items()} == {
        Policy.NEVER: ["b2", "b2", "b2"],
        Policy.EVERY: ["b2", "b3", "b4"],
        Policy.DRIFT: ["b2", "b2", "b4"],
    }
    assert [step.decision for step in found[Policy.DRIFT]] == ["kept", "released", "end"]
    assert [step.metric for step in found[Policy.EVERY]] == [pytest.approx(0.79)] * 3


def test_a_batch_trains_one_model_for_all_and_the_last_none() -> None:
    world = World(drifts={(2, 3): DRIFT, (3, 4): DRIFT, (4, 5): DRIFT})
    run(world)
    assert [number for what, number, _ in world.done if what == "train"] == [2, 3, 4]
    assert len(world.done) == len(set(world.done)), "nothing is scored or judged twice"


def test_a_refused_model_does_not_serve_and_is_judged_against_each_policys_own() -> None:
    world = World(drifts={(2, 4): DRIFT}, refused={(3, 2), (4, 2)})
    found = run(world)
    assert [step.model for step in found[Policy.EVERY]] == ["b2", "b2", "b2"]
    assert [step.decision for step in found[Policy.EVERY]] == ["refused", "refused", "end"]
    assert found[Policy.EVERY][0].words == "because"
    # Where the two policies serve different models, the same challenger meets both.
    world = World(drifts={(2, 4): DRIFT}, refused={(4, 2)})
    found = run(world)
    assert [step.model for step in found[Policy.EVERY]] == ["b2", "b3", "b4"]
    assert [step.model for step in found[Policy.DRIFT]] == ["b2", "b2", "b2"]


def test_no_replay_starts_from_a_model_that_the_gate_refuses() -> None:
    with pytest.raises(MlopsError, match="first model, of 2 batches, is refused: because Let it have more"):
        run(World(refused={(2, None)}))


@pytest.mark.parametrize(
    ("signs", "calls"),
    [
        (NOTHING, False),
        (Signs(drifted=("price",)), False),  # inputs alone only warn
        (DRIFT, True),
        (Signs(loss=0.5, lost=True), True),
        (Signs(loss=0.5), False),
    ],
)
def test_what_retrains(signs: Signs, calls: bool) -> None:
    assert retrains(Policy.DRIFT, signs) is calls
    assert retrains(Policy.EVERY, signs) and not retrains(Policy.NEVER, signs)


def test_the_sum_of_it() -> None:
    """Never: 0.79, 0.78, 0.77; on drift 0.79, 0.78, 0.79; every batch 0.79 thrice, and one of its models refused."""
    world = World(drifts={(2, 4): DRIFT})
    steps = [step for taken in run(world).values() for step in taken]
    found = totals(steps)
    assert found[Policy.NEVER].mean == pytest.approx(0.78) and found[Policy.NEVER].loss == pytest.approx(0.01)
    assert found[Policy.EVERY].loss == 0 and found[Policy.NEVER].worst == pytest.approx(0.77)
    assert [found[policy].retrained for policy in Policy] == [0, 2, 1]
    assert as_json("auc", ["b1", "b2"], steps)["summary"]["on drift"]["mean"] == 0.786667
