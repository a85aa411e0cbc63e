"""What every gate looks at: the same rows, scored by both models; and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd
from numpy.typing import NDArray

from mlops.contract.model import Contract
from mlops.contract.task import Task
from mlops.pipeline.measures import Judged
from mlops.pipeline.served import Raw

Outcome = Literal["pass", "warn", "block"]


@dataclass(frozen=True)
class Check:
    """One gate's answer and why, in a sentence; `details` are plain values for the report."""

    gate: str
    outcome: Outcome
    words: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """Champion and challenger on n rows, index 0 to n - 1, that neither was trained on.

    `slices` and `protected` are columns of shape (n,) by the tags of the bar, typed by the contract that tags them;
    `groups` names the entity of each row. `dropped` counts the test rows that the champion had been trained on.
    `champion` is None before the first release, and where it could not be compared: `problem` says why. The samples
    are what a client would send of at most 100 rows, as either contract reads them. `measured_on` counts the test rows
    of the champion's own release.
    """

    task: Task
    agreed: Contract
    train: pd.DataFrame
    rows: pd.DataFrame
    challenger: Judged
    champion: Judged | None = None
    groups: NDArray[Any] | None = None
    slices: Mapping[str, pd.Series] = field(default_factory=dict)
    protected: Mapping[str, pd.Series] = field(default_factory=dict)
    dropped: int = 0
    problem: str = ""
    sample: Raw = field(default_factory=dict)
    champion_sample: Raw | None = None
    measured_on: int | None = None


Question = Callable[[], Check]
