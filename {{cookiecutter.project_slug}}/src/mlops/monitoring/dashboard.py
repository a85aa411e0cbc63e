"""Makes Grafana's dashboard of a model: traffic, predictions, drift, the live metric, and when releases changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlops.monitoring import live
from mlops.monitoring import rules as r

# The chart makes it the environment's own.
UID = "mlops-model"
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


def document() -> dict[str, Any]:
    """Make the dashboard as Grafana reads it."""
    import json

    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

    source = DataSourceRef(type_val="prometheus", uid="${datasource}")
    board = build.Dashboard("Model").uid(UID).tags(["mlops"]).time("now-2d", "now").refresh("1m").readonly()
    board.with_variable(build.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    job = build.QueryVariable("job").label("Job").query("label_values(mlops_model_info, job)")
    board.with_variable(job.datasource(source).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED))
    for name, expr in MARKS.items():
        board.annotation(
            build.AnnotationQuery().name(name).datasource(source).enable(True).icon_color("blue").expr(expr)
        )
    number = 0
    for title, row in ROWS:
        board.with_row(build.Row(title))
        for panel in row:
            number += 1
            board.with_panel(_panel(panel, source, 24 // len(row)).id(number))
    made: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(board.build()))
    return made


def text() -> str:
    """Write dashboard.json."""
    import json

    return json.dumps(document(), indent=1, sort_keys=True) + "\n"


def _panel(panel: Panel, source: Any, span: int) -> Any:
    from grafana_foundation_sdk.builders import stat, statushistory, timeseries
    from grafana_foundation_sdk.builders.dashboard import FieldColor
    from grafana_foundation_sdk.builders.prometheus import Dataquery
    from grafana_foundation_sdk.models.dashboard import FieldColorModeId

    made: Any = {"lines": timeseries, "cells": statushistory, "number": stat}[panel.form].Panel()
    made.title(panel.title).description(panel.says).unit(panel.unit).datasource(source).span(span).height(8)
    if panel.form == "cells":
        made.color_scheme(FieldColor().mode(FieldColorModeId.CONTINUOUS_GR_YL_RD)).min(0).max(0.25)
    for number, query in enumerate(panel.queries):
        made.with_target(Dataquery().expr(query.expr).legend_format(query.legend).ref_id("ABC"[number]))
    return made
