"""The live metric that Prometheus records is the metric of the rows, and the backtest's twin of it agrees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from monitors import ran
from sklearn.metrics import mean_absolute_error, roc_auc_score
from unit.monitoring import worlds as w

from mlops.backtest.live import METRICS, loss
from mlops.contract.task import TaskKind
from mlops.monitoring import build
from mlops.monitoring.settings import BUCKETS, Settings
from mlops.serving import metrics_requests
from mlops.serving.exposition import counters, references
from mlops.serving.metrics_outcomes import Outcomes as Counters
from mlops.serving.profile import Monitored, Outcomes, Profile
from mlops.serving.tally import Plan, Tally

pytestmark = pytest.mark.unit

EDGES = (0.2, 0.35, 0.5, 0.65, 0.8)
NAMES = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mean_absolute_error"}
END = w.STEP * w.TICKS


@dataclass(frozen=True)
class Case:
    """Scores and what became of them, in a window and in the reference."""

    task: TaskKind
    window: tuple[np.ndarray, np.ndarray]
    reference: tuple[np.ndarray, np.ndarray]


def drawn(task: TaskKind, rows: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores and outcomes; more noise, a worse model."""
    random = np.random.default_rng(seed)
    if task == "regression":
        truth = random.normal(10, 3, rows)
        return truth + random.normal(0, noise, rows), truth
    if task == "multiclass":
        truth = random.integers(0, 3, rows)
        return np.where(random.random(rows) < noise, (truth + 1) % 3, truth), truth
    truth = random.random(rows) < 0.3
    return 1 / (1 + np.exp(-random.normal(truth.astype(float), noise))), truth


CASES = {
    "b": Case("binary", drawn("binary", 700, 1.4, 1), drawn("binary", 3000, 0.9, 2)),
    "m": Case("multiclass", drawn("multiclass", 500, 0.3, 3), drawn("multiclass", 2000, 0.2, 4)),
    "r": Case("regression", drawn("regression", 600, 1.5, 5), drawn("regression", 2000, 1.0, 6)),
}


def counted(task: TaskKind, drawn: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Count as a profile does."""
    scores, truth = drawn
    if task == "regression":
        wrong = np.abs(scores - truth)
        return {"rows": float(len(wrong)), "absolute": float(wrong.sum()), "squared": float((wrong**2).sum())}
    if task == "multiclass":
        return {"right": float((scores == truth).sum()), "wrong": float((scores != truth).sum())}
    bins = binned(scores)
    return {f"{b}/{o}": float(((bins == b) & (truth == bool(o))).sum()) for b in range(len(EDGES) + 1) for o in (0, 1)}


def binned(scores: np.ndarray) -> np.ndarray:
    """Give the bins of scores; an edge belongs to the bin below it."""
    return np.searchsorted(EDGES, scores, side="left")


def samples(case: Case, job: str) -> Iterator[tuple[str, str]]:
    """Tell what the server tells of the window and of the reference, by its own counters."""
    edges = EDGES if case.task == "binary" else ()
    known = (Outcomes(None, counted(case.task, case.reference)),)
    profile = Profile(1, None, None, (Monitored("prediction", "y", "number", edges),), {}, known)
    plan = Plan()
    told = Counters(plan, profile, "r", case.task)
    tally = Tally("t", plan)
    for score, outcome in zip(*(values.tolist() for values in case.window), strict=True):
        told.count(tally, (), score, outcome)
    for family in counters(tally, tally.total()).values():
        for sample in family.samples:
            yield w.name(sample.name, job=job, **sample.labels), f"0+{sample.value / w.TICKS!r}x{w.TICKS}"
    for metric in references(profile, "r", case.task):
        for sample in metric.samples:
            if sample.name.startswith("mlops_reference_outcome"):
                yield w.name(sample.name, job=job, **sample.labels), f"{sample.value!r}x{w.TICKS}"


def asked(series: str, value: float) -> dict[str, Any]:
    """Ask whether a series has a value."""
    expression = f"count(abs({series} - {value!r}) < 1e-9)"
    return {"expr": expression, "eval_time": f"{END}m", "exp_samples": [{"labels": "{}", "value": 1}]}


def metric_of(task: TaskKind, drawn: tuple[np.ndarray, np.ndarray]) -> float:
    """Compute the metric from the rows, by sklearn where it has it."""
    scores, truth = drawn
    if task == "binary":
        return float(roc_auc_score(truth, binned(scores)))
    return float(mean_absolute_error(truth, scores) if task == "regression" else (scores == truth).mean())


def hanley_mcneil(area: float, positive: int, negative: int) -> float:
    """Compute the variance of an area by formula (1) of Radiology 143, 1982."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    return (area * (1 - area) + (positive - 1) * (q1 - area**2) + (negative - 1) * (q2 - area**2)) / (
        positive * negative
    )


def variance_of(task: TaskKind, drawn: tuple[np.ndarray, np.ndarray]) -> float:
    """Compute the square of the metric's standard error from the rows."""
    scores, truth = drawn
    if task == "binary":
        return hanley_mcneil(metric_of(task, drawn), int(truth.sum()), int((~truth).sum()))
    return float((np.abs(scores - truth) if task == "regression" else scores == truth).var() / len(truth))


def questions(case: Case, job: str) -> Iterator[dict[str, Any]]:
    """Ask whether Prometheus has the numbers of the rows, and those of the twin."""
    where = f'{{job="{job}", metric="{NAMES[case.task]}"}}'
    for side, drawn in (("slice:mlops_live", case.window), ("slice:mlops_reference", case.reference)):
        yield asked(f"{side}:metric{where}", metric_of(case.task, drawn))
        yield asked(f"{side}:variance{where}", variance_of(case.task, drawn))
    lost = loss(case.task, *(counted(case.task, drawn) for drawn in (case.window, case.reference)))
    assert lost is not None
    yield asked(f"slice:mlops_live:loss{where}", lost[0])
    yield asked(f"slice:mlops_live:loss_error{where}", lost[1])


def tried(folder: Path, rules: str, cases: Sequence[str] = tuple(CASES)) -> str:
    """Let promtool compute what is known of the cases; returns what differs."""
    series = {key: values for job in cases for key, values in samples(CASES[job], job)}
    # The window of a day is cut to what there is, as an increase would be carried on to its edges.
    exact = rules.replace("interval: 1m", "interval: 5h").replace("[1d]", f"[{END}m]")
    (folder / "rules.yaml").write_text(exact, encoding="utf-8")
    test = {
        "interval": f"{w.STEP}m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [question for job in cases for question in questions(CASES[job], job)],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "5h", "tests": [test]}
    (folder / "test.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = ran("promtool", "test", "rules", "test.yaml", cwd=folder)
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize("job", CASES)
def test_the_twin_of_the_backtest_computes_the_metric_of_the_rows(job: str) -> None:
    case = CASES[job]
    for drawn in (case.window, case.reference):
        found = METRICS[case.task](counted(case.task, drawn))
        assert found is not None
        assert found == pytest.approx((metric_of(case.task, drawn), variance_of(case.task, drawn) ** 0.5), abs=1e-12)


def test_prometheus_computes_the_metric_of_the_rows_and_the_loss_of_the_twin(tmp_path: Path) -> None:
    assert tried(tmp_path, build.text(Settings())) == ""


# Of which case, what stands in the rules, and what stands there instead.
MUTANTS = {
    "a tie counts nothing": ("b", '{outcome="0"} / 2)', '{outcome="0"} / 3)'),
    "a case too many": ("b", ") - 1) *", ") - 2) *"),
    "not about the mean": ("r", " ^ 2, 0)", ", 0)"),
}


@pytest.mark.parametrize("title", MUTANTS)
def test_another_formula_of_the_metric_is_noticed(title: str, tmp_path: Path) -> None:
    job, old, new = MUTANTS[title]
    rules = build.text(Settings())
    assert old in rules
    assert "slice:mlops" in tried(tmp_path, rules.replace(old, new), [job])


def test_settings_know_the_buckets_by_which_the_server_counts() -> None:
    assert metrics_requests.BUCKETS == BUCKETS
