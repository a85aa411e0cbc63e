"""The replay: each batch is scored by what every policy serves, then each policy decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from mlops.backtest.policies import Model, Policy, Signs, Verdict, retrains
from mlops.contract.errors import MlopsError

Decision = Literal["kept", "released", "refused", "end"]


class Works(Protocol):
    """What the replay has done for it; all of it looks at the batches that have arrived."""

    def arrive(self, number: int) -> str:
        """Let the batch of this number, from 1, arrive; returns its name."""

    def rows(self) -> int:
        """Count the rows of the newest batch whose target is known."""

    def train(self) -> Model:
        """Train on all that has arrived."""

    def metric(self, model: Model) -> float:
        """Score the newest batch, and give the gate's metric on it."""

    def signs(self, model: Model) -> Signs:
        """Judge the newest batch by the model's own profile."""

    def gate(self, challenger: Model, champion: Model | None) -> Verdict:
        """Judge a model that was just trained."""


@dataclass(frozen=True)
class Step:
    """One batch under one policy: what its model was worth, and what came of it."""

    batch: str
    rows: int
    policy: Policy
    model: str
    until: str | None
    metric: float
    signs: Signs
    decision: Decision
    words: str


def replay(works: Works, first: int, batches: int, say: Callable[[str], None]) -> Iterator[Step]:
    """Go through the batches after the first ones.

    Args:
        works: does the work.
        first: how many batches the first model is made from.
        batches: how many there are.
        say: prints a line of progress.

    Yields:
        A step for each batch and policy. After the last batch nothing is trained: no batch would be scored by it.

    Raises:
        MlopsError: A part of the work failed, or not even the first model passes the gate.
    """
    for number in range(1, first + 1):
        works.arrive(number)
    start = works.train()
    floor = works.gate(start, None)
    if not floor.passed:
        raise MlopsError(f"The first model, of {first} batches, is refused: {floor.words} Let it have more: --first N.")
    serving = dict.fromkeys(Policy, start)
    for number in range(first + 1, batches + 1):
        batch = works.arrive(number)
        say(f"{batch}: scored by {', '.join(sorted({model.batch for model in serving.values()}))}")
        for step, model in list(_batch(works, batch, serving, last=number == batches, say=say)):
            serving[step.policy] = model
            yield step


def _batch(
    works: Works, batch: str, serving: dict[Policy, Model], *, last: bool, say: Callable[[str], None]
) -> Iterator[tuple[Step, Model]]:
    """Score one batch under every policy, then let each decide; a challenger is trained once for all."""
    models = {model.number: model for model in serving.values()}
    seen = {number: (works.metric(model), works.signs(model)) for number, model in models.items()}
    challenger: Model | None = None
    verdicts: dict[int, Verdict] = {}
    for policy, model in serving.items():
        metric, signs = seen[model.number]
        decision: Decision = "end" if last else "kept"
        words, after = "", model
        if not last and retrains(policy, signs):
            challenger = challenger or works.train()
            if model.number not in verdicts:
                verdicts[model.number] = works.gate(challenger, model)
            verdict = verdicts[model.number]
            decision, words = ("released" if verdict.passed else "refused"), verdict.words
            after = challenger if verdict.passed else model
            say(f"{batch}: {policy}: {decision}")
        yield Step(batch, works.rows(), policy, model.batch, model.until, metric, signs, decision, words), after
