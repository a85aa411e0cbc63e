"""Render the chart as Argo CD does: its folder, the environment's values.yaml, then its release.yaml."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from baking import PROJECT
from helm import helm
from pyhelm3 import Command
from pyhelm3.errors import Error

CHART = PROJECT / "deploy" / "chart"
CASES = ("minimal", "full", "production")
Manifest = dict[str, Any]


def case(name: str) -> Path:
    """Name one of the chart's own example values."""
    return CHART / "ci" / f"{name}-values.yaml"


def run(*arguments: str | os.PathLike[str]) -> str:
    """Run helm; returns what it prints."""
    try:
        return asyncio.run(Command(executable=str(helm())).run([str(a) for a in arguments])).decode()
    except Error as error:
        raise AssertionError(error.stderr.decode()) from error


def text(*values: Path, chart: Path = CHART) -> str:
    """Render value files to the text of the manifests."""
    files = [word for path in values for word in ("--values", str(path))]
    return run("template", "flight-delays", chart, "--namespace", "flight-delays-staging", *files)


def manifests(*values: Path, chart: Path = CHART) -> list[Manifest]:
    """Render value files."""
    return list(yaml.safe_load_all(text(*values, chart=chart)))


def refusal(*values: Path, chart: Path = CHART) -> str:
    """Render value files that helm must refuse; returns what it says."""
    try:
        text(*values, chart=chart)
    except AssertionError as error:
        return str(error)
    raise AssertionError("rendered")


def of_kind(kind: str, among: Sequence[Manifest]) -> Manifest:
    """Pick the one manifest of a kind."""
    (found,) = [manifest for manifest in among if manifest["kind"] == kind]
    return found


def written(path: Path, values: Any) -> Path:
    """Write values to a file."""
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path
