"""Two models on the same rows: each bundle scored in its own process, from raw columns, with its own features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops import scoring
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import Task, load_task
from mlops.data import table
from mlops.data.sample import evenly
from mlops.delivery.champion import Champion
from mlops.environment import serving_python
from mlops.gates.match import Match
from mlops.gates.rows import Incumbent, incumbent, raw_for, unseen
from mlops.gates.verdict import Comparison, compare
from mlops.pipeline import bootstrap
from mlops.pipeline.labels import encode
from mlops.pipeline.measures import Floats, Judged, measure
from mlops.pipeline.served import serve
from mlops.settings import Settings

SAMPLE = 100


@dataclass(frozen=True)
class Rows:
    """What is judged: typed training and test rows of the challenger."""

    agreed: Contract
    train: pd.DataFrame
    test: pd.DataFrame


def contest(settings: Settings, rows: Rows, champion: Champion | None) -> Match:
    """Score the project's bundle and the champion's.

    Raises:
        MlopsError: They cannot be compared: rows or columns are missing, the question differs, a bundle does not run.
    """
    task = load_task(settings.bundle / "task.json")
    standing = None if champion is None else incumbent(settings, champion)
    kept = rows.test if standing is None else comparable_rows(standing, task, rows.test)
    kept = kept.reset_index(drop=True)
    scores = serve(settings, table.to_json(kept, rows.agreed), len(kept))
    challenger = Judged(encode(kept[task.target], task.classes), scores, task.threshold)
    theirs = None if standing is None else champion_scores(settings, standing, task, kept, challenger)
    some = kept.iloc[evenly(len(kept), SAMPLE)]
    return Match(
        task=task,
        agreed=rows.agreed,
        train=rows.train,
        rows=kept,
        challenger=challenger,
        champion=theirs,
        dropped=len(rows.test) - len(kept),
        sample=table.to_json(some, rows.agreed),
        champion_sample=None if standing is None else raw_for(standing.data, some),
    )


def comparable_rows(standing: Incumbent, task: Task, test: pd.DataFrame) -> pd.DataFrame:
    """Keep the test rows that the champion was not trained on.

    Raises:
        MlopsError: The champion answers another question, or too few rows are left.
    """
    require_comparable(standing.task, task)
    return unseen(standing, test)


def champion_scores(
    settings: Settings, standing: Incumbent, task: Task, rows: pd.DataFrame, challenger: Judged
) -> Judged:
    """Score the champion on the challenger's rows, in a process and environment of its own."""
    champion = standing.champion
    python = serving_python(champion.requirements, settings.cache / "envs")
    raw = raw_for(standing.data, rows)
    scores = np.asarray(scoring.score(champion.bundle, champion.source, python, raw, len(rows)))
    return Judged(challenger.truth, aligned(scores, standing.task, task), standing.task.threshold)


def difference(
    metric: str, margin: float, challenger: Judged, champion: Judged, groups: NDArray[Any] | None
) -> Comparison:
    """Compare one metric of both on the same rows."""
    resampled = bootstrap.differences(metric, challenger, champion, groups)
    return compare(measure(metric, champion), measure(metric, challenger), resampled, margin)


def require_comparable(theirs: Task, ours: Task) -> None:
    """See that two models answer one question.

    Raises:
        MlopsError: Task, target, positive label or all classes differ.
    """
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
    if ours.classes and not set(ours.classes) & set(theirs.classes):
        raise MlopsError(
            f"the champion's classes are {_some(theirs)}, this model's {_some(ours)}, and none is both's: they cannot "
            f"be compared. Keep the type of {ours.target!r} in contract.yaml, or have an owner merge this."
        )


def _some(task: Task) -> str:
    return ", ".join(map(repr, task.classes[:5])) + (", …" if len(task.classes) > 5 else "")


def aligned(scores: Floats, theirs: Task, ours: Task) -> Floats:
    """Put the champion's columns in the order of the challenger's classes; one that it does not know gets 0."""
    if not ours.classes or theirs.classes == ours.classes:
        return scores
    known = {label: column for column, label in enumerate(theirs.classes)}
    columns = [scores[:, known[c]] if c in known else np.zeros(len(scores)) for c in ours.classes]
    return np.stack(columns, axis=1)
