"""Stage `evaluate`: what the bundle is worth on the held-out rows, by the scores that will be served."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import Task, load_task
from mlops.data import table
from mlops.pipeline import bootstrap, dataset, prepare
from mlops.pipeline.curves import curves
from mlops.pipeline.fairness import report as between_groups
from mlops.pipeline.importance import importance
from mlops.pipeline.labels import encode
from mlops.pipeline.linear import linear
from mlops.pipeline.measures import DEFAULT, Floats, Judged, best_possible, measure
from mlops.pipeline.served import serve
from mlops.pipeline.slicing import groups_of
from mlops.pipeline.stage import run, write_json
from mlops.pipeline.texts import gate_metric
from mlops.settings import Settings

SMALLEST_SLICE = 30


def _work(settings: Settings) -> str:
    agreed, prepared = dataset.contract(settings), prepare.load(settings.root)
    task, metric = load_task(settings.bundle / "task.json"), gate_metric(settings.root)
    test, folder = prepared.test, settings.root / "reports"
    judged = Judged(
        encode(test[task.target], task.classes), serve(settings, table.to_json(test, agreed), len(test)), task.threshold
    )
    groups = dataset.entities(agreed, test)
    report = metrics(task, judged, dummy(task, prepared.train, test), metric, groups)
    simple = linear(settings, agreed, task, prepared.train, test, metric)
    write_json(folder / "metrics.json", beside(report, simple))
    write_json(folder / "slices.json", slices(agreed, test, judged, metric))
    write_json(folder / "fairness.json", fairness(agreed, test, judged, groups))
    write_json(folder / "curves.json", curves(judged, task.classes))
    write_json(folder / "importance.json", importance(agreed, test, judged, metric, partial(serve, settings)))
    note(settings)
    low, high = report["interval"]
    skill = f"{report['skill_over_dummy']:.1%} of the way from a dummy to the best possible"
    return f"{metric} {report['metrics'][metric]:.4f} (95 %: {low:.4f} to {high:.4f}) on {len(test)} rows, {skill}"


def dummy(task: Task, train: pd.DataFrame, test: pd.DataFrame) -> Judged:
    """Score test rows with the prior or mean of the training rows."""
    learned = encode(train[task.target], task.classes)
    truth = encode(test[task.target], task.classes)
    if not task.classes:
        return Judged(truth, np.full(len(truth), learned.mean()))
    prior = np.bincount(learned, minlength=len(task.classes)) / len(learned)
    return Judged(truth, np.tile(prior, (len(truth), 1)), 0.5 if task.task == "binary" else None)


def metrics(task: Task, judged: Judged, baseline: Judged, metric: str, groups: Any = None) -> dict[str, Any]:
    """Compute the metrics of a task, the deciding one with its bootstrap interval and its skill over the dummy.

    Raises:
        MlopsError: The deciding metric is not defined on these rows; another one is then only left out.
    """
    values, left_out = {metric: measure(metric, judged)}, {}
    for name in DEFAULT[task.task]:
        try:
            values[name] = measure(name, judged)
        except MlopsError as error:
            left_out[name] = str(error)
    low, high = np.quantile(bootstrap.values(metric, judged, groups), [0.025, 0.975])
    return {
        "metrics": {name: _rounded(value) for name, value in values.items()},
        "metric": metric,
        "interval": [_rounded(low), _rounded(high)],
        "dummy": _rounded(measure(metric, baseline)),
        "skill_over_dummy": _rounded(skill(metric, values[metric], measure(metric, baseline))),
        "threshold": task.threshold,
        "rows": len(judged.truth),
        "undefined": left_out,
    }


def skill(metric: str, score: float, of_dummy: float) -> float:
    """Return (score - dummy) / (best - dummy): 0 for a dummy, 1 for the best possible."""
    room = best_possible(metric) - of_dummy
    if room <= 0:
        raise MlopsError(f"metric {metric!r}: the dummy scores {of_dummy!r}, the best possible. Choose another metric.")
    return (score - of_dummy) / room


def beside(report: dict[str, Any], simple: float | str) -> dict[str, Any]:
    """Add what a linear model scores, or why it does not."""
    if isinstance(simple, str):
        return {**report, "linear": None, "undefined": {**report["undefined"], "linear": simple}}
    margin = report["metrics"][report["metric"]] - simple
    return {**report, "linear": {"score": _rounded(simple), "margin_over": _rounded(margin)}}


def fairness(agreed: Contract, test: pd.DataFrame, judged: Judged, groups: Any = None) -> dict[str, Any]:
    """List the rates of the groups of each `protected` column and the gaps between them; or why there is none."""
    columns = {column.name: groups_of(test[column.name]) for column in agreed.having("protected")}
    return {"columns": between_groups(judged, columns, groups)} if columns else {"declared": agreed.fairness}


def slices(agreed: Contract, test: pd.DataFrame, judged: Judged, metric: str) -> dict[str, Any]:
    """Compute the deciding metric for each group of each `slice` column; null where a slice cannot show it."""
    return {column.name: _slices(test[column.name], judged, metric) for column in agreed.having("slice")}


def _slices(values: pd.Series, judged: Judged, metric: str) -> dict[str, Any]:
    names = groups_of(values)
    return {name: _slice(judged.rows(names == name), metric) for name in sorted(set(names))}


def _slice(judged: Judged, metric: str) -> dict[str, Any]:
    rows = len(judged.truth)
    try:
        value = _rounded(measure(metric, judged)) if rows >= SMALLEST_SLICE else None
    except MlopsError:  # one class only: the slice has rows but no ranking to judge
        value = None
    return {"rows": rows, metric: value}


def _rounded(value: Floats | float) -> float:
    return round(float(value), 6)


def note(settings: Settings) -> None:
    """Write the run into the lab notebook, in a process of its own: the notebook may be slow or down."""
    if os.environ.get("MLOPS_NOTEBOOK") == "off":
        return
    settings.cache.mkdir(exist_ok=True)
    with (settings.cache / "notebook.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "mlops.pipeline.notebook", str(settings.root)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


if __name__ == "__main__":
    run("evaluate", _work)
