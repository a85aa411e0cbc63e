"""`mlops try`: is an idea worth a pull request?"""

from __future__ import annotations

from mlops.commands.words import say
from mlops.gates.bar import Gates
from mlops.gates.bar import parse as parse_gates
from mlops.gates.contest import champion_scores, comparable_rows, difference
from mlops.gates.judge import not_worse
from mlops.gates.rows import incumbent
from mlops.pipeline import trial as trials
from mlops.pipeline.dataset import entities
from mlops.pipeline.evaluate import dummy, skill
from mlops.pipeline.measures import measure
from mlops.pipeline.texts import read_own
from mlops.pipeline.trial import Trial
from mlops.project import champion
from mlops.settings import Settings, find


def trial(rows: int) -> None:
    """Fit on a sample and print what came out beside the champion."""
    settings = find()
    gates = parse_gates(read_own(settings.root, "gates.yaml"))
    found = trials.run(settings, rows, say)
    score = measure(gates.metric, found.judged)
    floor = measure(gates.metric, dummy(found.task, found.rows.train, found.rows.test))
    say(
        f"score     {gates.metric} {score:.4f} on {len(found.rows.test)} test rows; a dummy has {floor:.4f}, "
        f"skill {skill(gates.metric, score, floor):.1%}"
    )
    _beside_champion(settings, gates, found)
    say("Nothing was written. `dvc repro` trains on all rows.")


def _beside_champion(settings: Settings, gates: Gates, found: Trial) -> None:
    released = champion()
    if released is None:
        say("champion  none yet: nothing is released to staging")
        return
    standing = incumbent(settings, released)
    kept = comparable_rows(standing, found.task, found.rows.test)
    judged = found.judged.rows(kept.index.to_numpy())
    theirs = champion_scores(settings, standing, found.task, kept, judged)
    compared = difference(gates.metric, gates.margin, judged, theirs, entities(found.agreed, kept))
    if len(found.rows.train) == found.of:
        say(f"champion  {released.record.id}: {not_worse(gates, compared, len(kept)).words}")
    else:
        say(
            f"champion  {released.record.id} has {gates.metric} {compared.champion:.4f} on the same rows, fitted on "
            f"all of its own; `mlops try --rows {found.of}` compares like with like"
        )
