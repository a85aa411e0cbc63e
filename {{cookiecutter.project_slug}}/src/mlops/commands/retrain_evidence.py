"""What the decision of `mlops retrain` rests on: the champion's profile, read against new data, and its age."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd

from mlops import scoring
from mlops.commands.retrain_decide import DAY, Age, Drift, Evidence, answers
from mlops.contract.document import load as load_contract
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import load_task
from mlops.data import table
from mlops.data.batches import BatchFile, list_batches
from mlops.delivery import champion as champions
from mlops.delivery.champion import Champion
from mlops.delivery.git import Git
from mlops.delivery.layout import FIRST
from mlops.delivery.records import Record
from mlops.environment import serving_python
from mlops.gates.reporting.write import REPORTS, found
from mlops.monitoring.judge import judge
from mlops.monitoring.settings import load as load_settings
from mlops.monitoring.settings import seconds
from mlops.monitoring.window import Array, count, predictions
from mlops.serving.profile import NAME, load_profile
from mlops.settings import Settings


def today() -> date:
    """Give the UTC day, as releases are named by it."""
    return datetime.now(UTC).date()


def age_of(work: Settings, champion: Record | None) -> Age | None:
    """Read the champion's day from its id, and what is too old from the project's settings."""
    if champion is None:
        return None
    stale = timedelta(seconds=seconds(load_settings(work.root).stale_after))
    return Age(datetime.strptime(champion.id.partition("-")[0], DAY).replace(tzinfo=UTC).date(), stale)


def evidence_of(work: Settings, champion: Record | None, tip: str) -> Evidence:
    """Gather it in the clone in which the gate has just run."""
    drift = None if champion is None else drift_of(work, tip)
    return Evidence(answers(found(work.root / REPORTS / "gate.json")), drift, age_of(work, champion), today())


def drift_of(work: Settings, tip: str) -> Drift:
    """Judge the newest batch by the profile in the champion's bundle."""
    newest = list_batches(work.root)[-1]
    try:
        champion = champions.fetch(work, Git(work.root), tip, FIRST)
        assert champion is not None
        if not (champion.bundle / NAME).is_file():
            return Drift(newest.path.name, unknown=f"release {champion.record.id} is older than reference profiles")
        return _judged(work, champion, newest)
    except MlopsError as error:
        return Drift(newest.path.name, unknown=str(error))


def _judged(work: Settings, champion: Champion, newest: BatchFile) -> Drift:
    agreed = load_contract(champion.bundle / "contract.yaml")
    frame = table.typed(table.read_raw(newest.path), agreed, newest.path.name, excluded=True).frame
    profile, columns = load_profile(champion.bundle / NAME), table.to_columns(frame, agreed)
    counts = count(profile, columns, _predicted(work, champion, agreed, frame))
    drifted = sorted((f for f in judge(profile, counts) if f.drifted), key=lambda finding: -finding.effect)
    return Drift(newest.path.name, tuple(drifted))


def _predicted(work: Settings, champion: Champion, agreed: Contract, frame: pd.DataFrame) -> Array:
    """Score the batch as the champion's server would."""
    python = serving_python(champion.requirements, work.cache / "envs")
    raw = table.to_json(frame, agreed)
    scores = scoring.score(champion.bundle, champion.source, python, raw, len(frame))
    return predictions(load_task(champion.bundle / "task.json"), scores)
