"""Write the last run into MLflow: the lab notebook. Git is the record; nothing reads this back."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

EXPERIMENT = "pipeline"


def main(root: Path) -> None:
    """Log parameters, metrics and commit of the run whose results lie in `root`."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
    metrics, params = _metrics(root), _params(root)
    (root / ".mlops").mkdir(exist_ok=True)
    with (root / ".mlops" / "notebook.lock").open("w") as lock:
        # Two runs that end together would both create the database.
        fcntl.flock(lock, fcntl.LOCK_EX)
        record(root, EXPERIMENT, params, metrics)


def record(root: Path, experiment: str, params: dict[str, Any], metrics: dict[str, float]) -> None:
    """Log one run; to the project's SQLite file unless MLFLOW_TRACKING_URI names another place."""
    # Nobody was asked whether MLflow may report to its maker.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root / 'mlflow.db'}")
    mlflow.set_experiment(experiment)
    with mlflow.start_run(tags={"git.commit": _commit(root)}):
        mlflow.log_params(params)
        mlflow.log_metrics(metrics)


def _metrics(root: Path) -> dict[str, float]:
    report = json.loads((root / "reports" / "metrics.json").read_text(encoding="utf-8"))
    return {**report["metrics"], "skill_over_dummy": report["skill_over_dummy"], "rows": report["rows"]}


def _params(root: Path) -> dict[str, Any]:
    from mlops.pipeline.params import load

    params = load(root)
    return {"task": params.task, **{f"model.{name}": value for name, value in params.model.items()}}


def _unwritten(error: Exception) -> int:
    print(f"MLflow has no note of this run: {type(error).__name__}: {error}", file=sys.stderr)
    return 2


def _commit(root: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "none"


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as error:  # whatever MLflow or its server raise; nothing but this log depends on it
        sys.exit(_unwritten(error))
