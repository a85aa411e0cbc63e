"""What Grafana's dashboard of a model shows: traffic, predictions, drift, live metric, changes of the release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mlops.monitoring import live
from mlops.monitoring import rules as r

CHOSEN = 'job="$job"'
INFO = f"max by (release) (mlops_model_info{{{CHOSEN}}})"
FOUND = f"max by (release) (max_over_time(mlops_model_info{{{CHOSEN}}}[1m]))"


@dataclass(frozen=True)
class Query:
    """PromQL, and what its series are called."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """A picture of some queries."""

    title: str
    says: str
    unit: str
    queries: tuple[Query, ...]
    form: Literal["lines", "cells", "number"] = "lines"


def _rate(what: str, by: str = "") -> str:
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({what}[$__rate_interval]))"


def _quantile(share: float) -> str:
    buckets = _rate(f"mlops_request_duration_seconds_bucket{{{CHOSEN}, {r.PREDICT}}}", "le")
    return f"histogram_quantile({share}, {buckets})"


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Service",
        (
            Panel(
                "Requests",
                "Answers to /predict, by status.",
                "reqps",
                (Query(_rate(f"mlops_requests_total{{{CHOSEN}, {r.PREDICT}}}", "status") + " > 0", "{{status}}"),),
            ),
            Panel(
                "Time to answer",
                "Half, and 99 of 100, of the answers to /predict took no longer.",
                "s",
                (Query(_quantile(0.5), "50 %"), Query(_quantile(0.99), "99 %")),
            ),
            Panel(
                "Failed and slow",
                "Share of requests that failed (5xx), and that took longer than the objective.",
                "percentunit",
                (Query(f"{r.ERRORS}5m{{{CHOSEN}}}", "failed"), Query(f"{r.SLOW}5m{{{CHOSEN}}}", "slow")),
            ),
        ),
    ),
    (
        "Predictions",
        (
            Panel(
                "Predictions by release",
                "A release takes over from the one before, or is rolled back to it.",
                "cps",
                (Query(_rate(f'mlops_predictions_total{{{CHOSEN}, slice=""}}', "release"), "{{release}}"),),
            ),
            Panel(
                "Predictions by class",
                "What is predicted, by release.",
                "cps",
                (
                    Query(
                        _rate(f'mlops_predictions_total{{{CHOSEN}, slice=""}}', "release, prediction"),
                        "{{release}} {{prediction}}",
                    ),
                ),
            ),
            Panel(
                "Refused and warned",
                "Requests by the column and rule that they break.",
                "cps",
                (
                    Query(
                        _rate(f"mlops_refusals_total{{{CHOSEN}}}", "column, rule") + " > 0",
                        "refused {{column}} {{rule}}",
                    ),
                    Query(
                        _rate(f"mlops_warnings_total{{{CHOSEN}}}", "column, rule") + " > 0",
                        "warned {{column}} {{rule}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "Drift",
        (
            Panel(
                "How far each column is from the reference",
                "Population stability index less what noise gives, by column and time; predictions, too.",
                "none",
                (Query(f'{r.EFFECT}{{{CHOSEN}, rule="distribution", slice=""}}', "{{column}} {{release}}"),),
                "cells",
            ),
            Panel(
                "Missing, out of range, unseen",
                "Difference of the share of rows from the reference.",
                "percentunit",
                (Query(f'{r.EFFECT}{{{CHOSEN}, rule!="distribution", slice=""}}', "{{column}} {{rule}} {{release}}"),),
            ),
        ),
    ),
    (
        "Live",
        (
            Panel(
                "Live metric by slice",
                "Of predictions whose outcome is known; the first series is that of the reference.",
                "none",
                (
                    Query(f'{live.REFERENCE}:metric{{{CHOSEN}, slice=""}}', "reference {{metric}} {{release}}"),
                    Query(f"{live.METRIC}{{{CHOSEN}}}", "{{slice}} {{metric}} {{release}}"),
                ),
            ),
            Panel(
                "Predictions with an outcome",
                "Share of the predictions of the window, by slice.",
                "percentunit",
                (Query(f"{live.COVERAGE}{{{CHOSEN}}}", "{{slice}} {{release}}"),),
            ),
            Panel(
                "Age of the release",
                "Since the day of its id.",
                "s",
                (Query(f"time() - max by (release) (mlops_release_timestamp_seconds{{{CHOSEN}}})", "{{release}}"),),
                "number",
            ),
        ),
    ),
)
MARKS = {
    "Release or rollback": f"{INFO} unless on (release) {FOUND.replace('}[1m]', '}[1m] offset 1m')}",
}


def panels() -> Sequence[Panel]:
    """List what is drawn."""
    return [panel for _, row in ROWS for panel in row]
