"""What a replay came to: figures that are the same for the same steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from mlops.backtest.policies import Policy
from mlops.backtest.replay import Step

Json = dict[str, Any]


@dataclass(frozen=True)
class Total:
    """One policy over all batches: the mean of its metric, and how much less that is than the best policy's."""

    mean: float
    loss: float
    worst: float
    retrained: int
    refused: int


def totals(steps: Sequence[Step]) -> dict[Policy, Total]:
    """Sum up the steps of each policy; batches count alike, whatever their rows."""
    own = {policy: [step for step in steps if step.policy is policy] for policy in Policy}
    means = {policy: fmean(step.metric for step in taken) for policy, taken in own.items()}
    best = max(means.values())
    return {
        policy: Total(
            mean=means[policy],
            loss=best - means[policy],
            worst=min(step.metric for step in taken),
            retrained=sum(step.decision in ("released", "refused") for step in taken),
            refused=sum(step.decision == "refused" for step in taken),
        )
        for policy, taken in own.items()
    }


def as_json(metric: str, first: Sequence[str], steps: Sequence[Step]) -> Json:
    """Turn a replay into plain values; `first` names the batches of the first model."""
    return {
        "metric": metric,
        "first": list(first),
        "steps": [_step(step) for step in steps],
        "summary": {policy.value: _rounded(asdict(total)) for policy, total in totals(steps).items()},
    }


def _step(step: Step) -> Json:
    return {**_rounded(asdict(step)), "policy": step.policy.value, "signs": _rounded(asdict(step.signs))}


def _rounded(values: Json) -> Json:
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}
