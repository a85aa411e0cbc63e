"""What Prometheus would have scraped of a model's replicas, minute by minute, in promtool's notation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from monitors import ran

RELEASE = "20261101-1"
# A scrape each five minutes, for five hours.
STEP, TICKS = 5, 60
REPLICAS = ("a", "b")
INSIDE = ("0", "1", "2", "3")
BINS = (*INSIDE, "below", "above", "null")
Series = dict[str, str]


def grows(by: float) -> str:
    """Grow by so many a minute."""
    return f"0+{by * STEP:g}x{TICKS}"


def stays(value: float) -> str:
    """Stay as it is."""
    return f"{value:g}x{TICKS}"


def restarts(by: float, at: int = 20) -> str:
    """Grow by so many a minute, from 0 again after a restart."""
    return f"0+{by * STEP:g}x{at} 0+{by * STEP:g}x{TICKS - at}"


def name(metric: str, **labels: str) -> str:
    """Write a series' name."""
    return f"{metric}{{{', '.join(f'{key}={value!r}' for key, value in labels.items())}}}".replace("'", '"')


def each(metric: str, values: str, **labels: str) -> Series:
    """Let every replica tell a series."""
    return {name(metric, job="m", instance=replica, **labels): values for replica in REPLICAS}


def healthy(release: str = RELEASE) -> Series:
    """Serve twenty requests a minute by two replicas, of which nothing is to be said."""
    made = {
        **each("up", stays(1)),
        **each("mlops_model_info", stays(1), release=release),
        **each("mlops_release_timestamp_seconds", stays(-86_400), release=release),
        **each("mlops_feedback_enabled", stays(0), release=release),
        **each("mlops_predictions_total", grows(10), release=release, slice="", prediction="yes"),
        **answers(10),
        **durations(10, 10),
        **rows("x", dict.fromkeys(INSIDE, 2.0)),
        **rows("y", dict.fromkeys(INSIDE, 2.0), kind="prediction"),
        **rows("city", {"0": 5, "1": 5, "unseen": 0, "null": 0}),
        **reference("x", {**dict.fromkeys(INSIDE, 1000), "below": 1, "above": 1, "null": 40}),
        **reference("y", dict.fromkeys(INSIDE, 1000), kind="prediction"),
        **reference("city", {"0": 2000, "1": 2000, "unseen": 4, "null": 0}),
    }
    return made


def answers(good: float, **statuses: float) -> Series:
    """Answer so many requests a minute on each replica; others by status."""
    found = each("mlops_requests_total", grows(good), route="/predict", status="200")
    for status in ("500", "422"):
        rate = statuses.get(f"s{status}", 0)
        found |= each("mlops_requests_total", grows(rate), route="/predict", status=status)
    return found


def durations(every: float, quick: float) -> Series:
    """Answer so many requests a minute on each replica, and so many of them within the objective."""
    counted = each("mlops_request_duration_seconds_count", grows(every), route="/predict")
    return {**counted, **each("mlops_request_duration_seconds_bucket", grows(quick), route="/predict", le="0.25")}


def rows(column: str, a_minute: dict[str, float], kind: str = "input", slice: str = "") -> Series:
    """Count so many rows a minute on each replica, by bin; the first replica restarts."""
    found: Series = {}
    for bin in a_minute if column == "city" else (BINS if kind == "input" else INSIDE):
        rate = a_minute.get(bin, 0)
        told = each("mlops_rows_total", grows(rate), release=RELEASE, kind=kind, slice=slice, column=column, bin=bin)
        first = next(iter(told))
        found |= {**told, first: restarts(rate)}
    return found


def reference(column: str, expected: dict[str, float], kind: str = "input", slice: str = "") -> Series:
    """Tell the reference rows, and what G must exceed."""
    where = {"release": RELEASE, "kind": kind, "slice": slice, "column": column}
    found: Series = {}
    for bin, count in expected.items():
        found |= each("mlops_reference_rows", stays(count), **where, bin=bin)
    rules = {"distribution": 25.0}
    rules |= {"nulls": 15.0} if "null" in expected else {}
    rules |= {"range": 14.0} if "below" in expected else {}
    rules |= {"unseen": 14.0} if "unseen" in expected else {}
    for rule, value in rules.items():
        found |= each("mlops_reference_critical", stays(value), **where, rule=rule)
    return found


def outcomes(right: float, wrong: float, slice: str = "", release: str = RELEASE) -> Series:
    """Tell outcomes of a model with classes, so many a minute; nine of ten are right on the reference."""
    where = {"release": release, "slice": slice}
    return {
        **each("mlops_feedback_enabled", stays(1), release=release),
        **each("mlops_outcomes_total", grows(right), **where, outcome="right"),
        **each("mlops_outcomes_total", grows(wrong), **where, outcome="wrong"),
        **each("mlops_reference_outcomes", stays(9000), **where, outcome="right"),
        **each("mlops_reference_outcomes", stays(1000), **where, outcome="wrong"),
    }


def ranked(spread: float, slice: str = "", rate: float = 1) -> Series:
    """Tell outcomes of a model of yes and no, by bins; on the reference those of yes score higher by a spread of 1."""
    found = each("mlops_feedback_enabled", stays(1), release=RELEASE)
    for outcome, sign in (("0", -1), ("1", 1)):
        below = expected = 0.0
        for at, bin in enumerate(INSIDE):
            where = {"release": RELEASE, "slice": slice, "bin": bin, "outcome": outcome}
            live, known = (rate * (2.5 + sign * apart * (at - 1.5)) for apart in (spread, 1))
            found |= each("mlops_outcomes_total", grows(live), **where)
            found |= each("mlops_outcomes_below_total", grows(below), **where)
            found |= each("mlops_reference_outcomes", stays(400 * known), **where)
            found |= each("mlops_reference_outcomes_below", stays(400 * expected), **where)
            below, expected = below + live, expected + known
    return found


def measured(error: float, slice: str = "", rate: float = 10) -> Series:
    """Tell outcomes of a model of numbers that is wrong by so much on average; by 1 on the reference."""
    where = {"release": RELEASE, "slice": slice}
    return {
        **each("mlops_feedback_enabled", stays(1), release=RELEASE),
        **each("mlops_outcomes_total", grows(rate), **where),
        **each("mlops_outcome_error_total", grows(rate * error), **where),
        **each("mlops_outcome_squared_error_total", grows(rate * 1.5 * error**2), **where),
        **each("mlops_reference_outcomes", stays(100_000), **where),
        **each("mlops_reference_outcome_error", stays(100_000), **where),
        **each("mlops_reference_outcome_squared_error", stays(150_000), **where),
    }


def document(worlds: dict[str, tuple[Series, set[str]]], rules: str) -> dict[str, Any]:
    """Ask promtool which alerts fire at the end in worlds that Prometheus scrapes at once, each as a job of its own."""
    asked = 'group by (alertname, job, name) (ALERTS{alertstate="firing"})'
    fire = [(alert, title) for title, (_, alerts) in worlds.items() for alert in alerts]
    expected = ['{alertname="Watchdog"}']
    for alert, title in fire:
        argo = any(key.startswith("argocd") for key in worlds[title][0])
        expected.append(f'{{alertname="{alert}", {"name" if argo else "job"}="{title}"}}')
    series = {key.replace('"m"', f'"{title}"'): v for title, (world, _) in worlds.items() for key, v in world.items()}
    return {
        "rule_files": [rules],
        "evaluation_interval": "1h",
        "tests": [
            {
                "interval": f"{STEP}m",
                "input_series": [{"series": key, "values": values} for key, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": asked,
                        "eval_time": f"{STEP * TICKS}m",
                        "exp_samples": [{"labels": labels, "value": 1} for labels in expected],
                    }
                ],
            }
        ],
    }


def contradicted(folder: Path, rules: str, series: Mapping[str, str], asked: list[dict[str, Any]]) -> str:
    """Let promtool ask rules over some series; what it got otherwise than said, "" where nothing."""
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    inputs = [{"series": key, "values": values} for key, values in series.items()]
    test = {"interval": f"{STEP}m", "input_series": inputs, "promql_expr_test": asked}
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "20m", "tests": [test]}
    (folder / "test.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = ran("promtool", "test", "rules", "test.yaml", cwd=folder)
    return done.stdout if done.returncode else ""
