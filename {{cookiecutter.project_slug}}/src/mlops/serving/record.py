"""What the server was told to serve (`release.yaml`), and whether that is what lies in the image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlops.contract.errors import MlopsError

Facts = dict[str, Any]


def read_release(path: Path) -> Facts:
    """Read the facts under `release:`; a Helm values file may hold more beside them.

    Raises:
        MlopsError: No such file, no YAML, or no `release` with an id.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise MlopsError(f"{path}: not readable as YAML: {error}") from error
    facts = document.get("release") if isinstance(document, dict) else None
    if not isinstance(facts, dict) or "id" not in facts:
        raise MlopsError(f"{path}: no `release:` with an `id`. Restore the file as `mlops release` wrote it.")
    return facts


def sha256_of(path: Path) -> str:
    """Hash a file.

    Raises:
        MlopsError: The file cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise MlopsError(
            f"{path}: not readable: {error.strerror}. Run `dvc repro train` to write the bundle again."
        ) from error


def verify(bundle: Path, release: Mapping[str, Any]) -> None:
    """Compare the bundle's model and contract with the release.

    Raises:
        MlopsError: One differs; the message names the field and both values.
    """
    for field, name in (("model", "model.onnx"), ("contract", "contract.yaml")):
        told = release.get(field)
        told = told.get("sha256") if isinstance(told, Mapping) else None
        found = sha256_of(bundle / name)
        if told != found:
            raise MlopsError(
                f"{field}.sha256 of release {release['id']!r} is {told!r}, but {name} in the image has {found!r}. "
                f"Image and release.yaml do not belong together: restore the environment's folder from Git."
            )
