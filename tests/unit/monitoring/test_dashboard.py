"""The dashboard is as Grafana wants it, and each of its queries finds something in Prometheus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from baking import PROJECT
from unit.monitoring import worlds as w

from mlops.monitoring import build, dashboard
from mlops.monitoring.settings import Settings

pytestmark = pytest.mark.unit

WORLD = {
    **w.healthy(),
    **w.outcomes(9, 1),
    **w.durations(10, 9),
    **w.each("mlops_request_duration_seconds_bucket", w.grows(10), route="/predict", le="+Inf"),
    **w.each("mlops_refusals_total", w.grows(1), column="x", rule="type"),
    **w.each("mlops_warnings_total", w.grows(1), column="x", rule="enum"),
    w.name("mlops_model_info", job="m", instance="c", release="20261102-1"): f"_x{w.TICKS - 1} 1x1",
}


def empty(queries: list[str], folder: Path) -> str:
    """Run queries at the end of the world; returns what those say that find nothing."""
    asked = [
        {
            "expr": f"count({query.replace('$job', 'm').replace('$__rate_interval', '20m')}) > bool 0",
            "eval_time": f"{w.STEP * w.TICKS}m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for query in queries
    ]
    rules = build.text(Settings(), "1h").replace("interval: 1m", "interval: 20m")
    return w.contradicted(folder, rules, WORLD, asked)


def panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    """List the panels that draw something."""
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def test_every_query_finds_something(tmp_path: Path) -> None:
    board = dashboard.document()
    queries = [target["expr"] for panel in panels(board) for target in panel["targets"]]
    marks = [mark["expr"] for mark in board["annotations"]["list"]]
    assert len(queries) >= 14 and len(marks) == 1
    assert empty([*queries, *marks], tmp_path) == ""


def test_a_query_that_finds_nothing_is_noticed(tmp_path: Path) -> None:
    assert "mlops_nothing" in empty(["mlops_nothing"], tmp_path)


def test_what_is_in_the_chart_is_this_dashboard() -> None:
    assert (PROJECT / build.DASHBOARD).read_text(encoding="utf-8") == dashboard.text()
    board = json.loads(dashboard.text())
    numbers = [panel["id"] for panel in panels(board)]
    assert len(numbers) == len(set(numbers))
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels(board))
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "job"]
