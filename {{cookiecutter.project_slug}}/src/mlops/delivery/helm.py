"""Render a chart by the `helm` binary, through pyhelm3."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mlops.contract.errors import MlopsError
from mlops.delivery.records import LOADER

Manifest = dict[str, Any]
# pyhelm3 logs each failed command, with the paths of folders that nobody knows.
QUIET = "pyhelm3"


class Unrendered(MlopsError):
    """Helm refuses a chart or its values."""


def render(chart: Path, values: Sequence[Path], *, name: str, namespace: str) -> list[Manifest]:
    """Render a chart as Argo CD does: its folder, then value files, of which a later one wins.

    Args:
        chart: The folder of the chart.
        values: YAML files.
        name: The name of the Helm release.
        namespace: Where it would be installed.

    Raises:
        Unrendered: Helm refuses: the message has its words, and file names instead of paths.
        MlopsError: There is no helm.
    """
    helm = shutil.which("helm")
    if helm is None:
        raise MlopsError(
            "No `helm` on the PATH: install Helm 3 or 4 (https://helm.sh/docs/intro/install), then run again."
        )
    files = [word for path in values for word in ("--values", str(path))]
    out = asyncio.run(_run(helm, ["template", name, str(chart), "--namespace", namespace, *files], (*values, chart)))
    found: list[Manifest] = [manifest for manifest in yaml.load_all(out, LOADER) if manifest]
    return found


async def _run(helm: str, words: list[str], paths: Sequence[Path]) -> bytes:
    from pyhelm3 import Command
    from pyhelm3.errors import Error

    logging.getLogger(QUIET).setLevel(logging.CRITICAL)
    try:
        out: bytes = await Command(executable=helm).run(words)
    except Error as error:
        raise Unrendered(f"helm does not render the chart: {_said(error.stderr, paths)}") from error
    return out


def _said(stderr: bytes, paths: Sequence[Path]) -> str:
    text = stderr.decode("utf-8", "replace").strip().removeprefix("Error: ")
    for path in paths:
        text = text.replace(str(path), path.name)
    return "\n".join(line for line in text.splitlines() if line.strip() and "--debug" not in line)
