"""Put champion and challenger side by side and say yes or no."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlops import scoring
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import Task, load_task
from mlops.data import table
from mlops.delivery.champion import Champion
from mlops.environment import serving_python
from mlops.gates.bar import Gates
from mlops.gates.match import Check, Outcome
from mlops.gates.rows import Incumbent, incumbent, raw_for, unseen
from mlops.gates.verdict import Comparison, compare
from mlops.pipeline import bootstrap
from mlops.pipeline.dataset import entities
from mlops.pipeline.evaluate import dummy, skill
from mlops.pipeline.labels import encode
from mlops.pipeline.measures import Floats, Judged, measure
from mlops.pipeline.served import serve
from mlops.settings import Settings


@dataclass(frozen=True)
class Judgement:
    """All answers under one bar; `dropped` counts test rows that the champion had been trained on."""

    bar: str
    metric: str
    rows: int
    dropped: int
    checks: tuple[Check, ...]
    score: float
    dummy: float
    skill: float
    comparison: Comparison | None = None
    gates: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether no gate blocks."""
        return all(check.outcome != "block" for check in self.checks)


@dataclass(frozen=True)
class Rows:
    """What is judged: typed training and test rows of the challenger."""

    agreed: Contract
    train: pd.DataFrame
    test: pd.DataFrame


FIRST = Check("champion", "pass", "Nothing runs here yet: there is no champion, and the floor alone decides.")


def judge(settings: Settings, bar: str, gates: Gates, rows: Rows, champion: Champion | None) -> Judgement:
    """Judge the project's bundle against the champion's under one bar.

    Raises:
        MlopsError: It cannot be judged: a metric is not defined, rows or columns are missing, a bundle does not run.
    """
    task = load_task(settings.bundle / "task.json")
    standing = None if champion is None else incumbent(settings, champion)
    kept = rows.test if standing is None else comparable_rows(standing, task, rows.test)
    scores = serve(settings, table.to_json(kept, rows.agreed), len(kept))
    challenger = Judged(encode(kept[task.target], task.classes), scores, task.threshold)
    score = measure(gates.metric, challenger)
    floor = measure(gates.metric, dummy(task, rows.train, kept))
    gained = skill(gates.metric, score, floor)
    found = None if standing is None else versus(settings, gates, standing, task, rows.agreed, kept, challenger)
    against = FIRST if found is None else not_worse(gates, found, len(kept))
    checks = (beats_dummy(gates, score, floor, gained), against)
    dropped = len(rows.test) - len(kept)
    return Judgement(
        bar, gates.metric, len(kept), dropped, checks, score, floor, gained, found, gates.model_dump(mode="json")
    )


def comparable_rows(standing: Incumbent, task: Task, test: pd.DataFrame) -> pd.DataFrame:
    """Keep the test rows that the champion was not trained on.

    Raises:
        MlopsError: The champion answers another question, or too few rows are left.
    """
    _require_comparable(standing.task, task)
    return unseen(standing, test)


def versus(
    settings: Settings,
    gates: Gates,
    standing: Incumbent,
    task: Task,
    agreed: Contract,
    rows: pd.DataFrame,
    challenger: Judged,
) -> Comparison:
    """Score the champion on the challenger's rows, in a process and environment of its own, and compare."""
    champion = standing.champion
    python = serving_python(champion.requirements, settings.cache / "envs")
    scores = np.asarray(
        scoring.score(champion.bundle, champion.source, python, raw_for(standing.data, rows), len(rows))
    )
    theirs = Judged(challenger.truth, aligned(scores, standing.task, task), standing.task.threshold)
    resampled = bootstrap.differences(gates.metric, challenger, theirs, entities(agreed, rows))
    return compare(measure(gates.metric, theirs), measure(gates.metric, challenger), resampled, gates.margin)


def _require_comparable(theirs: Task, ours: Task) -> None:
    if (theirs.task, theirs.target) != (ours.task, ours.target):
        raise MlopsError(
            f"the champion does {theirs.task} on {theirs.target!r}, this model {ours.task} on {ours.target!r}: they "
            "cannot be compared. Start a new project for another target, or have an owner merge this."
        )
    if ours.task == "binary" and theirs.classes[-1:] != ours.classes[-1:]:
        raise MlopsError(
            f"params.yaml: positive is {ours.classes[-1]!r}, the champion's is {theirs.classes[-1]!r}: "
            "they cannot be compared. Keep the champion's."
        )


def aligned(scores: Floats, theirs: Task, ours: Task) -> Floats:
    """Put the champion's columns in the order of the challenger's classes; one that it does not know gets 0."""
    if not ours.classes or theirs.classes == ours.classes:
        return scores
    known = {label: column for column, label in enumerate(theirs.classes)}
    columns = [scores[:, known[c]] if c in known else np.zeros(len(scores)) for c in ours.classes]
    return np.stack(columns, axis=1)


def beats_dummy(gates: Gates, score: float, floor: float, gained: float) -> Check:
    """Ask for a share of the way from the dummy to the best possible."""
    words = (
        f"{gates.metric} {score:.4f} is {gained:.1%} of the way from a dummy's {floor:.4f} to the best possible; "
        f"{gates.beats_dummy_by:.0%} is asked for."
    )
    return Check("dummy", "pass" if gained >= gates.beats_dummy_by else "block", words)


def not_worse(gates: Gates, found: Comparison, rows: int) -> Check:
    """Turn a comparison into an outcome and a sentence."""
    bounds = (
        f"{gates.metric} {found.difference:+.4f} (90 % interval {found.low:+.4f} to {found.high:+.4f}) on {rows} rows"
    )
    if found.answer == "worse":
        return Check("champion", "block", f"Worse than the champion: {bounds}, beyond the margin of {gates.margin}.")
    if found.answer == "not worse":
        word = "Better" if found.low > 0 else "Not worse"
        return Check("champion", "pass", f"{word} than the champion: {bounds}, margin {gates.margin}.")
    outcome: Outcome = "block" if gates.when_unsure == "block" else "warn"
    return Check(
        "champion",
        outcome,
        f"Cannot tell whether it is worse: {bounds}. "
        f"The smallest loss that these rows could show is {found.smallest_loss:.4f}.",
    )


def as_json(judgement: Judgement) -> dict[str, Any]:
    """Turn a judgement into plain values."""
    return {**asdict(judgement), "passed": judgement.passed}
