"""The text files that a person writes, or Git has."""

from __future__ import annotations

from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.contract.text import decode, read_yaml


def read_own(root: Path, name: str) -> str:
    """Read one of the files at the project's root.

    Raises:
        MlopsError: It is missing or not UTF-8.
    """
    path = root / name
    if not path.is_file():
        raise MlopsError(f"{name} is not there yet. Run `mlops contract infer FILE --target COLUMN` to propose one.")
    return decode(path.read_bytes(), name)


def gate_metric(root: Path) -> str:
    """Read the name of the deciding metric from gates.yaml; its other keys are the gate's to read."""
    try:
        metric = read_yaml(read_own(root, "gates.yaml"), "gates.yaml")["metric"]
    except (KeyError, TypeError) as error:
        raise MlopsError(f"gates.yaml: no readable `metric` ({error!r}). Name a scikit-learn scorer there.") from error
    return str(metric)
