"""How long a release may take in an environment before there is an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from mlops.delivery.git import Git
from mlops.delivery.layout import folder

# Seconds: Argo CD looks for commits every three minutes, and the job of the smoke test may take one more to start.
MARGIN = 240.0
PATIENCE = 600.0  # where there is no chart to ask


def patience(git: Git, env: str, tip: str) -> float:
    """Add up what the values of an environment grant: progressDeadline, smoke.timeout and a margin.

    What people's values.yaml does not set comes from the chart of the release, and before there is one from that of
    `deploy/chart`.
    """
    where = folder(env)
    layers = [_read(git, tip, f"{path}/values.yaml") for path in (where, f"{where}/chart", "deploy/chart")]
    deadline = _first(layer.get("progressDeadline") for layer in layers)
    smoke = _first(_mapping(layer.get("smoke")).get("timeout") for layer in layers)
    return PATIENCE if deadline is None or smoke is None else deadline + smoke + MARGIN


def _first(values: Any) -> float | None:
    return next((float(value) for value in values if type(value) in (int, float)), None)


def _read(git: Git, rev: str, path: str) -> Mapping[str, Any]:
    text = git.show(rev, path)
    try:
        return _mapping(yaml.safe_load(text)) if text else {}
    except yaml.YAMLError:
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
