"""The policies of retraining, and what one sees when it decides: no file, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlops.contract.task import Task


class Policy(StrEnum):
    """When a model is trained anew."""

    NEVER = "never"
    EVERY = "every batch"
    DRIFT = "on drift"


@dataclass(frozen=True)
class Signs:
    """What the serving model's own profile says of a batch.

    `drifted` names columns, the target's name standing for the predictions; `loss` is how much worse the live metric
    is than in the reference window, None where the profile cannot say; `lost` says that it matters.
    """

    drifted: tuple[str, ...] = ()
    predictions: bool = False
    loss: float | None = None
    lost: bool = False

    @property
    def calls(self) -> bool:
        """Whether they call for a new model; inputs alone only warn."""
        return self.predictions or self.lost


@dataclass(frozen=True)
class Model:
    """A model trained when `batch` was the newest one, as files: `folder` is its bundle.

    `number` counts the batches that it was made from, `until` is the time before which its training rows end (None
    where the split knows no time), `measured_on` counts its own test rows.
    """

    number: int
    batch: str
    until: str | None
    measured_on: int
    task: Task
    folder: Path


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a challenger."""

    passed: bool
    words: str


def retrains(policy: Policy, signs: Signs) -> bool:
    """Tell whether a policy trains anew now."""
    return policy is Policy.EVERY or (policy is Policy.DRIFT and signs.calls)
