"""The real parts of the replay: the pipeline in a scratch clone, the server's scorer, the gate, the profile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from mlops import scoring
from mlops.backtest import live
from mlops.backtest.course import Course
from mlops.backtest.policies import Model, Signs, Verdict
from mlops.contract.errors import MlopsError
from mlops.contract.task import Task, load_task
from mlops.data import table
from mlops.environment import serving_python
from mlops.gates.bar import Gates
from mlops.gates.behaviour import check_behaviour
from mlops.gates.calibration import check_calibration
from mlops.gates.contest import Rows, aligned, require_comparable
from mlops.gates.cost import check_size
from mlops.gates.fairness import check_fairness
from mlops.gates.judge import Bar, judge
from mlops.gates.match import Match, Question
from mlops.gates.rows import fresh
from mlops.gates.slices import check_slices
from mlops.monitoring.judge import judge as judge_window
from mlops.monitoring.reference_outcomes import outcomes
from mlops.monitoring.window import count, predictions
from mlops.pipeline import dataset, prepare
from mlops.pipeline.labels import encode, plain
from mlops.pipeline.measures import Floats, Judged, measure
from mlops.pipeline.prepare import BATCH, ROW, Prepared
from mlops.pipeline.served import Raw
from mlops.serving.profile import NAME, load_profile
from mlops.settings import Settings


class Bench:
    """A scratch clone in which batches arrive; the replay's `Works`."""

    def __init__(
        self, work: Settings, course: Course, gates: Gates, train: Callable[[], None], live_loss: float
    ) -> None:
        self.work, self.course, self.gates, self._train, self.live_loss = work, course, gates, train, live_loss
        self.agreed = dataset.contract(work)
        self.python = serving_python(work.root / "requirements" / "serve.txt", work.cache / "envs")
        self.number = 0
        self.known: dict[tuple[int, bytes], Floats] = {}

    def arrive(self, number: int) -> str:
        """Let the batch of this number arrive; returns its name."""
        name = self.course.arrive(number)
        self.number = number
        self.data = dataset.load(self.work)
        rows = prepare.labelled(self.data)
        self.newest = rows[rows[BATCH] == number - 1].reset_index(drop=True)
        return name

    def rows(self) -> int:
        """Count the newest batch's rows that have a target."""
        return len(self.newest)

    def train(self) -> Model:
        """Run the pipeline as far as the bundle, and keep that."""
        self._train()
        self.prepared: Prepared = prepare.load(self.work.root)
        folder = self.course.aside / f"model-{self.number}"
        shutil.copytree(self.work.bundle, folder)
        batch = self.course.called(self.number)
        until = self.prepared.split.get("train_before")
        return Model(self.number, batch, until, len(self.prepared.test), load_task(folder / "task.json"), folder)

    def metric(self, model: Model) -> float:
        """Score the newest batch, and give the gate's metric on it; a label that the model cannot know scores 0."""
        task = model.task
        if task.task == "multiclass":
            new = sorted({plain(label) for label in self.newest[task.target].unique()} - set(task.classes), key=str)
            task = replace(task, classes=(*task.classes, *new))
        return measure(self.gates.metric, self._judged(model, self.newest, task))

    def signs(self, model: Model) -> Signs:
        """Judge the newest batch by the model's own profile."""
        profile, task = load_profile(model.folder / NAME), model.task
        scores = self._scores(model, self.newest)
        columns = table.to_columns(self.newest, self.agreed)
        found = judge_window(profile, count(profile, columns, predictions(task, scores)))
        drifted = [finding for finding in found if finding.drifted]
        window = outcomes(profile, columns, task, scores, self.newest[task.target])
        then, now = (next((o.counts for o in taken if o.slice is None), None) for taken in (profile.outcomes, window))
        lost = None if then is None or now is None else live.loss(task.task, now, then)
        return Signs(
            drifted=tuple(dict.fromkeys(finding.column for finding in drifted)),
            predictions=any(finding.kind == "prediction" for finding in drifted),
            loss=None if lost is None else lost[0],
            lost=live.matters(lost, self.live_loss),
        )

    def gate(self, challenger: Model, champion: Model | None) -> Verdict:
        """Ask the gates that need no release and no clock, on the challenger's test rows less what the champion saw."""
        try:
            match = self._match(challenger, champion)
        except MlopsError as error:
            return Verdict(False, f"It cannot be compared: {error}")
        rows = Rows(self.agreed, self.prepared.train, self.prepared.test)
        # A person's override was for its day, not for the days that are replayed.
        found = judge(
            Bar("gates.yaml", self.gates, rows, self.agreed),
            match,
            (),
            self._further(match, challenger, champion),
            date.max,
        )
        blocking = [check.words for check in found.checks if check.outcome == "block"]
        return Verdict(found.passed, " ".join(blocking or [c.words for c in found.checks if c.gate == "champion"]))

    def _match(self, challenger: Model, champion: Model | None) -> Match:
        task, kept = challenger.task, self.prepared.test
        if champion is not None:
            require_comparable(champion.task, task)
            kept = fresh(champion.task, self.data, kept)
        kept = kept.reset_index(drop=True)
        return Match(
            task=task,
            agreed=self.agreed,
            train=self.prepared.train,
            rows=kept,
            challenger=self._judged(challenger, kept, task),
            champion=None if champion is None else self._judged(champion, kept, task),
            groups=dataset.entities(self.agreed, kept),
            slices={column.name: kept[column.name] for column in self.agreed.having("slice")},
            protected={column.name: kept[column.name] for column in self.agreed.having("protected")},
            dropped=len(self.prepared.test) - len(kept),
            measured_on=None if champion is None else champion.measured_on,
        )

    def _further(self, match: Match, challenger: Model, champion: Model | None) -> dict[str, Question]:
        return {
            "slices": lambda: check_slices(match, self.gates),
            "fairness": lambda: check_fairness(match, self.gates, self.agreed.fairness),
            "calibration": lambda: check_calibration(match, self.gates),
            "behaviour": lambda: check_behaviour(match, self.gates, partial(self._serve, challenger)),
            "size": lambda: check_size(challenger.folder, None if champion is None else champion.folder, self.gates),
        }

    def _judged(self, model: Model, rows: pd.DataFrame, task: Task) -> Judged:
        scores = aligned(self._scores(model, rows), model.task, task)
        return Judged(encode(rows[task.target], task.classes), scores, model.task.threshold)

    def _scores(self, model: Model, rows: pd.DataFrame) -> Floats:
        """Score rows once: a batch is often the next model's test rows, too."""
        key = (model.number, rows[[BATCH, ROW]].to_numpy(dtype=np.int64).tobytes())
        if key not in self.known:
            self.known[key] = self._serve(model, table.to_json(rows, self.agreed), len(rows))
        return self.known[key]

    def _serve(self, model: Model, raw: Raw, n: int) -> Floats:
        return np.asarray(scoring.score(model.folder, self.work.root / "src", self.python, raw, n))
