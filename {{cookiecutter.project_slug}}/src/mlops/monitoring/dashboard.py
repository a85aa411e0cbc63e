"""Makes Grafana's dashboard of a model."""

from __future__ import annotations

from typing import Any

from mlops.monitoring.dashboard_panels import MARKS, ROWS, Panel

# The chart makes it the environment's own.
UID = "mlops-model"


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
