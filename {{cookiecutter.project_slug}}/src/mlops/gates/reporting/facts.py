"""What a model card is made of, as it lies in the project; no date, no machine, no commit."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import Task, load_task
from mlops.gates.reporting import notes
from mlops.gates.reporting.write import REPORTS, found
from mlops.pipeline import dataset
from mlops.pipeline.params import Params
from mlops.pipeline.params import load as load_params
from mlops.settings import Settings


@dataclass(frozen=True)
class Facts:
    """All of it; `slices`, `fairness` and `importance` are empty where evaluate wrote none."""

    name: str
    description: str
    license: str
    contract: Contract
    params: Params
    task: Task
    metrics: dict[str, Any]
    slices: dict[str, Any]
    fairness: dict[str, Any]
    importance: dict[str, Any]
    notes: dict[str, str]


def is_there(settings: Settings) -> bool:
    """Tell whether there is a model to make a card of."""
    return (settings.root / REPORTS / "metrics.json").is_file() and (settings.bundle / "task.json").is_file()


def collect(settings: Settings) -> Facts:
    """Read what the card is made of.

    Raises:
        MlopsError: There is no model yet, or a file is not valid.
    """
    if not is_there(settings):
        raise MlopsError("There is no model to make a card of: reports/metrics.json is not there. Run `dvc repro`.")
    project = tomllib.loads((settings.root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    reports: dict[str, dict[str, Any]] = {
        name: _report(settings.root / REPORTS / f"{name}.json")
        for name in ("metrics", "slices", "fairness", "importance")
    }
    return Facts(
        name=settings.slug,
        description=str(project.get("description", "")),
        license=_license(project.get("license")),
        contract=dataset.contract(settings),
        params=load_params(settings.root),
        task=load_task(settings.bundle / "task.json"),
        notes=notes.read(settings.root),
        **reports,
    )


def _report(path: Path) -> dict[str, Any]:
    content = found(path) or {}
    if not isinstance(content, dict):
        raise MlopsError(f"{path}: not a map. Run `dvc repro evaluate`.")
    return content


def _license(said: Any) -> str:
    return str(said.get("text", "")) if isinstance(said, dict) else str(said or "")
