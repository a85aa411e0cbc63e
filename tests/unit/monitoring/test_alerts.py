"""Every alert fires where it has to and nowhere else, by promtool; a rule with a condition removed is caught."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from monitors import ran
from unit.monitoring import worlds as w

from mlops.monitoring import build
from mlops.monitoring.rules import Alert
from mlops.monitoring.settings import Settings

pytestmark = pytest.mark.unit

EVEN = dict.fromkeys(w.INSIDE, 2.0)
MOVED = {"0": 4.0, "1": 2.0, "2": 1.0, "3": 1.0}
FEW = {"0": 0.02, "1": 0.0, "2": 0.0, "3": 0.0}  # at the end 6 rows of a replica, all in one bin
ALERTS = [rule for group in build.groups(Settings()) for rule in group.rules if isinstance(rule, Alert)]


def gone(world: w.Series) -> w.Series:
    """Scrape nothing in the last two hours."""
    return {key: f"{values.replace(f'x{w.TICKS}', f'x{w.TICKS - 24}')} stale" for key, values in world.items()}


def ending(world: w.Series, what: str) -> w.Series:
    """Let a counter of the answers stand still for the last half."""
    return {k: f"0+50x30 {50 * 30}x30" if k.startswith(what) and '"200"' in k else v for k, v in world.items()}


def argo(sync: str, health: str, values: str) -> w.Series:
    """Tell what Argo CD says."""
    labels = {"name": "m", "dest_namespace": "m", "sync_status": sync, "health_status": health}
    return {w.name("argocd_app_info", **labels): values}


def other(metric: str, release: str, values: str, **labels: str) -> w.Series:
    """Tell a series of another release on a third replica."""
    return {w.name(metric, job="m", instance="c", release=release, **labels): values}


BASE = w.healthy()
QUIET: dict[str, tuple[w.Series, set[str]]] = {
    "healthy": (BASE, set()),
    "nothing was ever released": ({}, set()),
    "down before a release": (w.each("up", w.stays(0)), set()),
    "20 rows, all wrong": (
        {
            **BASE,
            **w.rows("x", FEW),
            **w.rows("y", FEW, kind="prediction"),
            **w.rows("city", {"0": 0, "1": 0, "unseen": 0.03, "null": 0.03}),
            **w.outcomes(0.0, 0.03),
        },
        {"FeedbackMissing"},  # 20 outcomes of 6,000 predictions are too few to come
    ),
    "much traffic, a difference that matters to nobody": (
        {
            **BASE,
            **w.rows("x", {"0": 520, "1": 500, "2": 500, "3": 480}),
            **w.reference("x", {**dict.fromkeys(w.INSIDE, 1_000_000), "null": 0}),
        },
        set(),
    ),
    "an old release drifted and is gone": (
        {**BASE, **other("mlops_rows_total", "20261001-1", w.grows(50), kind="input", slice="", column="x", bin="0")},
        set(),
    ),
    "no feedback is taken": (
        {**BASE, **w.outcomes(0, 0), **w.each("mlops_feedback_enabled", w.stays(0), release=w.RELEASE)},
        set(),
    ),
    "little loss": ({**BASE, **w.outcomes(8.82, 1.18)}, set()),
    "little loss of ranking": ({**BASE, **w.ranked(0.95)}, set()),
    "a loss of ranking in outcomes that cannot show it": (
        {**BASE, **w.ranked(1), **w.ranked(0.85, slice="s=1", rate=0.03)},
        set(),
    ),
    "a little larger error": ({**BASE, **w.measured(1.015)}, set()),
    "a larger error in outcomes that cannot show it": (
        {**BASE, **w.measured(1), **w.measured(1.1, slice="s=1", rate=0.3)},
        set(),
    ),
    "one failure in a quiet hour": ({**BASE, **w.answers(0.2, s500=0.01), **w.durations(0.2, 0.19)}, set()),
    "never any traffic": ({**BASE, **w.answers(0), **w.durations(0, 0)}, set()),
    "a rollout": (
        {**BASE, **other("mlops_model_info", "20261102-1", f"_x{w.TICKS - 6} 1x6")},
        set(),
    ),
    "Argo CD applies": (
        {**BASE, **argo("OutOfSync", "Healthy", f"_x{w.TICKS - 4} 1x4")},
        set(),
    ),
}  # fmt: skip
LOUD: dict[str, tuple[w.Series, set[str]]] = {
    "an input drifts": ({**BASE, **w.rows("x", MOVED)}, {"FeatureDrift"}),
    "an input drifts in a slice": (
        {**BASE, **w.rows("x", MOVED, slice="s=1"), **w.reference("x", dict.fromkeys(w.INSIDE, 1000), slice="s=1")},
        {"FeatureDrift"},
    ),
    "predictions drift": ({**BASE, **w.rows("y", MOVED, kind="prediction")}, {"PredictionDrift"}),
    "both drift": (
        {**BASE, **w.rows("x", MOVED), **w.rows("y", MOVED, kind="prediction")},
        {"FeatureDrift", "PredictionDrift", "DriftReachesPredictions"},
    ),
    "nulls": ({**BASE, **w.rows("x", {**EVEN, "null": 1})}, {"NullShareMoved"}),
    "a new category": ({**BASE, **w.rows("city", {"0": 5, "1": 5, "unseen": 0.3, "null": 0})}, {"UnseenCategory"}),
    "out of range": ({**BASE, **w.rows("x", {**EVEN, "above": 0.3})}, {"OutOfRange"}),
    "refusals": ({**BASE, **w.answers(9, s422=1)}, {"Refusals"}),
    "failures": ({**BASE, **w.answers(8, s500=2)}, {"ErrorBudgetBurn"}),
    "slowness": ({**BASE, **w.durations(10, 7)}, {"LatencyBudgetBurn"}),
    "a lost metric": ({**BASE, **w.outcomes(8, 2)}, {"LiveMetricBelowFloor"}),
    "a metric lost in a slice": (
        {**BASE, **w.outcomes(9, 1), **w.outcomes(1.6, 0.4, slice="s=1")},
        {"LiveMetricBelowFloor"},
    ),
    "a lost ranking": ({**BASE, **w.ranked(0.7)}, {"LiveMetricBelowFloor"}),
    "a ranking lost in a slice": (
        {**BASE, **w.ranked(1), **w.ranked(0.5, slice="s=1", rate=0.5)},
        {"LiveMetricBelowFloor"},
    ),
    "a larger error": ({**BASE, **w.measured(1.1)}, {"LiveMetricBelowFloor"}),
    "a smaller error, and a larger one in a slice": (
        {**BASE, **w.measured(0.9), **w.measured(1.2, slice="s=1", rate=3)},
        {"LiveMetricBelowFloor"},
    ),
    "no outcomes": ({**BASE, **w.outcomes(0, 0)}, {"FeedbackMissing"}),
    "an old release": (
        {**BASE, **w.each("mlops_release_timestamp_seconds", w.stays(-46 * 86_400), release=w.RELEASE)},
        {"ModelStale"},
    ),
    "clients are gone": (
        ending(BASE, "mlops_requests_total"),
        {"NoTraffic"},
    ),
    "a replica is down": ({**BASE, w.name("up", job="m", instance="b"): w.stays(0)}, {"TargetDown"}),
    "the scrape is cut": (gone(BASE), {"MonitorBlind"}),
    "not synced": (
        {**BASE, **argo("OutOfSync", "Healthy", w.stays(1))},
        {"GitAndClusterDisagree"},
    ),
    "degraded": (
        {**BASE, **argo("Synced", "Degraded", w.stays(1))},
        {"GitAndClusterDisagree"},
    ),
    "two releases": (
        {**BASE, **other("mlops_model_info", "20261102-1", w.stays(1))},
        {"GitAndClusterDisagree"},
    ),
}  # fmt: skip
WORLDS = {**QUIET, **LOUD}


def promtool(folder: Path, rules: str, chosen: dict[str, tuple[w.Series, set[str]]] = WORLDS) -> str:
    """Try rules in worlds; returns what is wrong."""
    # Each hour is often enough here, and quicker.
    (folder / "rules.yaml").write_text(rules.replace("interval: 1m", "interval: 1h"), encoding="utf-8")
    (folder / "test.yaml").write_text(yaml.safe_dump(w.document(chosen, "rules.yaml")), encoding="utf-8")
    done = ran("promtool", "test", "rules", "test.yaml", cwd=folder)
    return done.stdout if done.returncode else ""


def written() -> str:
    """Write the rules as for an outcome that takes an hour."""
    return build.text(Settings(), "1h")


def test_every_alert_fires_where_it_has_to_and_nowhere_else(tmp_path: Path) -> None:
    assert promtool(tmp_path, written()) == ""
    assert {alert.alert for alert in ALERTS} == {"Watchdog"}.union(*(fire for _, fire in WORLDS.values()))


def silence(folder: Path, memory: str) -> str:
    """Serve an hour, then nothing; returns where `NoTraffic` is not as it should be in the days that follow."""
    asked = w.name("mlops_requests_total", job="m", instance="a", route="/predict", status="200")
    (rule,) = (rule for rule in ALERTS if rule.alert == "NoTraffic")
    alert = {"alert": "NoTraffic", "expr": rule.expr.replace("[7d]", memory)}
    rules = yaml.safe_dump({"groups": [{"name": "one", "rules": [alert]}]})
    fires = {0: 0, 1: 1, 3: 1, 6: 1, 8: 0}
    tests = [
        {"expr": "count (ALERTS)", "eval_time": f"{24 * day + 1}h", "exp_samples": [{"labels": "{}", "value": 1}] * on}
        for day, on in fires.items()
    ]
    return w.contradicted(folder, rules, {asked: "0+50x12 600x2400"}, tests)


def test_silence_is_told_until_traffic_is_a_week_ago(tmp_path: Path) -> None:
    assert silence(tmp_path, "[7d]") == ""
    assert silence(tmp_path, "[1d]")


def test_rules_are_as_promtool_wants_them(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(written(), encoding="utf-8")
    done = ran("promtool", "check", "rules", "rules.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


# What stands in the rules, what stands there instead, and a world in which that is found.
MUTANTS = {
    "any number of rows": (">= bool 100)", ">= bool 0)", "20 rows, all wrong"),
    "no effect": (">= bool 0.01)", ">= bool -1)", "much traffic, a difference that matters to nobody"),
    "no evidence": ("rule:mlops_drift:evidence > bool", "rule:mlops_drift:evidence * 0 > bool", "an input drifts"),
    "one replica": ("sum by (job, release, kind, slice, column, bin) (inc", "max by (job, instance) (inc", "nulls"),
    "any release": ("(mlops_rows_total{", "(mlops_nothing_total{", "nulls"),
    "no loss that matters": ("slice:mlops_live:loss > 0.02", "slice:mlops_live:loss > -1", "little loss"),
    "few outcomes": ("> 3 * slice:mlops_live:loss_error", "> 300 * slice:mlops_live:loss_error", "a lost metric"),
    "a ranking without its error": (
        'sqrt(slice:mlops_live:variance',
        "0 * sqrt(slice:mlops_live:variance",
        "a loss of ranking in outcomes that cannot show it",
    ),
    "an error without its error": (
        'sqrt(slice:mlops_live:variance',
        "0 * sqrt(slice:mlops_live:variance",
        "a larger error in outcomes that cannot show it",
    ),
    "an error that is not a share": ("/ slice:mlops_reference:metric - 1)", "* 0)", "a larger error"),
    "few failures": (">= 10)", ">= 0)", "one failure in a quiet hour"),
    "never any traffic": ("offset 1h)) > 0", "offset 1h)) >= 0", "never any traffic"),
    "never a release": (
        " and on (job) max by (job) (max_over_time(mlops_model_info",
        " or (mlops_model_info",
        "down before a release",
    ),
    "blind": (" unless on (job) (mlops_model_info", " and on (job) (mlops_model_info", "the scrape is cut"),
    "without feedback": ("(mlops_feedback_enabled", "(mlops_model_info", "no feedback is taken"),
    "a rollout": ("for: 1h", "for: 0s", "a rollout"),
    "a sync": ("for: 30m", "for: 0s", "Argo CD applies"),
    "stale": ("> 3888000", "> 38880000", "an old release"),
}  # fmt: skip


def test_a_rule_without_one_of_its_conditions_is_found(tmp_path: Path) -> None:
    def found(case: tuple[str, tuple[str, str, str]]) -> bool:
        title, (old, new, world) = case
        assert old in written(), title
        folder = tmp_path / title
        folder.mkdir()
        return bool(promtool(folder, written().replace(old, new), {world: WORLDS[world]}))

    with ThreadPoolExecutor(2) as pool:
        assert [title for title, red in zip(MUTANTS, pool.map(found, MUTANTS.items()), strict=True) if not red] == []
