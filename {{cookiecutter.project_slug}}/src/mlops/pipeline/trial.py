"""A quick try: fit on a sample, convert, score; nothing is written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mlops.contract.model import Contract
from mlops.contract.task import Task, load_task
from mlops.data import table
from mlops.pipeline import bundle, convert, dataset, parity, prepare
from mlops.pipeline.fit import Fitted, fit
from mlops.pipeline.labels import encode
from mlops.pipeline.measures import Judged
from mlops.pipeline.params import Params
from mlops.pipeline.params import load as load_params
from mlops.pipeline.prepare import Prepared
from mlops.serving.scorer import Scorer
from mlops.settings import Settings

TEST_ROWS = 5000
Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """A model fitted on a sample: the sampled rows, its task, and its ONNX scores on the sampled test rows.

    `of` is the number of all training rows.
    """

    agreed: Contract
    rows: Prepared
    task: Task
    judged: Judged
    of: int


def run(settings: Settings, rows: int, say: Say) -> Trial:
    """Fit on a sample of the training rows and score a sample of the test rows by ONNX, in this process.

    Args:
        settings: the project.
        rows: how many training rows to sample.
        say: prints a line.

    Raises:
        MlopsError: Features, estimator or conversion fail; the message names the step and what to use instead.
    """
    data, params = dataset.load(settings), load_params(settings.root)
    whole = prepare.divide(data, params)
    name = data.contract.target.name
    sample = replace(whole, train=_sample(whole.train, rows), test=_sample(whole.test, TEST_ROWS))
    fitted = fit(settings, data.contract, params, sample.train, pd.concat([whole.train[name], whole.test[name]]))
    say(f"fit       {fitted.name} on {len(sample.train)} of {len(whole.train)} training rows")
    task, judged = _scored(settings, data.contract, params, fitted, sample, say)
    return Trial(data.contract, sample, task, judged, len(whole.train))


def _sample(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    return frame.sample(rows, random_state=0).sort_index().reset_index(drop=True) if len(frame) > rows else frame


def _scored(
    settings: Settings, agreed: Contract, params: Params, fitted: Fitted, sample: Prepared, say: Say
) -> tuple[Task, Judged]:
    graph = convert.to_onnx(settings, fitted)
    with tempfile.TemporaryDirectory(prefix="mlops-try-") as scratch:
        folder = Path(scratch) / "bundle"
        bundle.write(settings, agreed, params, fitted, graph, sample.split, sample.batches, folder)
        scores = Scorer.load(folder).scores(table.to_columns(sample.test, agreed), len(sample.test))
        task = load_task(folder / "task.json")
    frame = dataset.features(dataset.features_function(settings), agreed, sample.test)
    apart = parity.check(fitted, frame, scores)
    size = len(graph.SerializeToString()) / 1e6
    say(f"convert   {size:.2f} MB of ONNX, equal to the estimator in {1 - apart:.2%} of rows")
    return task, Judged(encode(sample.test[task.target], task.classes), scores, task.threshold)
