"""`reports/report.md` and `reports/report.html` beside the `reports/gate.json` that they tell."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.gates.reporting.document import document
from mlops.gates.reporting.markdown import comment
from mlops.gates.reporting.page import page
from mlops.gates.reporting.plots import plots

REPORTS = Path("reports")
MARKDOWN, PAGE = "report.md", "report.html"


def write(root: Path, report: dict[str, Any], notebook: str | None = None) -> tuple[Path, Path]:
    """Write both.

    Args:
        root: the project.
        report: the content of reports/gate.json.
        notebook: the address of MLflow; default MLFLOW_TRACKING_URI. It is linked if it is http or https.

    Returns:
        The paths of the Markdown and of the page.
    """
    folder = root / REPORTS
    folder.mkdir(exist_ok=True)
    address = os.environ.get("MLFLOW_TRACKING_URI", "") if notebook is None else notebook
    told = document(report, found(folder / "metrics.json"), address)
    (folder / MARKDOWN).write_text(comment(told), encoding="utf-8")
    curves = report.get("curves") or {}
    if not curves.get("challenger"):
        curves = curves | {"challenger": found(folder / "curves.json")}
    drawn = plots(report | {"curves": curves}, found(folder / "importance.json"))
    (folder / PAGE).write_text(page(told, drawn, facts(report)), encoding="utf-8")
    return folder / MARKDOWN, folder / PAGE


def facts(report: dict[str, Any]) -> str:
    """Say what exactly was judged."""
    batches = report.get("batches") or []
    rows = sum(batch["rows"] for batch in batches)
    seen = f"{len(batches)} batch{'' if len(batches) == 1 else 'es'}, {rows:,} rows"
    model, bar = str(report.get("identity", ""))[:19], str(report.get("base", ""))[:10]
    return f"Model {model}, judged for {report['env']} by the bar of commit {bar}. It has seen {seen}."


def found(path: Path) -> Any:
    """Read a report that may not be there.

    Raises:
        MlopsError: It is not a JSON object.
    """
    try:
        read = json.loads(path.read_bytes()) if path.is_file() else None
    except ValueError as error:
        raise MlopsError(f"{path}: not valid JSON ({error}). Run `dvc repro evaluate`.") from error
    if read is not None and not isinstance(read, dict):
        raise MlopsError(f"{path}: not a report, but {type(read).__name__}. Run `dvc repro evaluate`.")
    return read
