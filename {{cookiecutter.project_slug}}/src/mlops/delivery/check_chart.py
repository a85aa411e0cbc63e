"""Check that an environment's chart takes its values: what it refuses Argo CD cannot render, and no status tells."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from mlops.contract.errors import MlopsError
from mlops.delivery.git import Git
from mlops.delivery.helm import Unrendered
from mlops.delivery.layout import RECORD, folder
from mlops.delivery.manifests import COPY, VALUES, Files, read, rendered
from mlops.delivery.records import LOADER
from mlops.settings import Settings

SCHEMA = f"{COPY}values.schema.json"
SHOWN = 3
NOTE = " There is no `helm` here: its values were compared with the chart's schema alone, not with its templates."


@dataclass(frozen=True)
class Judged:
    """What a chart says of its values: `no` is empty where it takes them; `note` says what was not looked at."""

    no: str = ""
    note: str = ""


# Judges the files that an environment has at a revision.
Judge = Callable[[Git, str, str], Judged]


@dataclass(frozen=True)
class Charts:
    """Judge by helm, as Argo CD would; where there is none, by the chart's schema."""

    settings: Settings

    def __call__(self, git: Git, rev: str, env: str) -> Judged:
        """Judge values.yaml and release.yaml against the chart beside them.

        Args:
            git: The repository.
            rev: A commit or tree.
            env: The environment.

        Raises:
            MlopsError: There is neither helm nor jsonschema.
        """
        files = read(git, rev, folder(env))
        if RECORD not in files or f"{COPY}Chart.yaml" not in files:
            return Judged()
        if shutil.which("helm") is None:
            said, note = refused(files), NOTE
        else:
            said, note = self._helm(env, files), ""
        if not said:
            return Judged(note=note)
        return Judged(
            f"{folder(env)}/{VALUES}: the chart of {env}'s release does not take it: {said.rstrip('.')}. Argo CD could "
            f"render nothing, {env} would stay as it is, and no commit status would say why. Correct {VALUES}."
        )

    def _helm(self, env: str, files: Files) -> str:
        try:
            rendered(self.settings, env, files)
        except Unrendered as error:
            return str(error)
        return ""


def refused(files: Files) -> str:
    """Compare values with the schema of their chart; nothing where it takes them, or has none."""
    if SCHEMA not in files:
        return ""
    validator = _validator(json.loads(files[SCHEMA]))
    values: dict[str, Any] = {}
    for path in (f"{COPY}{VALUES}", VALUES, RECORD):
        try:
            more = yaml.load(files.get(path, b""), LOADER) or {}
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            return f"{path}: {' '.join(str(error).split())}"
        if not isinstance(more, dict):
            return f"{path}: is no map of values"
        values = combined(values, more)
    errors = sorted(validator.iter_errors(values), key=lambda error: [str(part) for part in error.absolute_path])
    return "; ".join(f"at '{'/'.join(map(str, error.absolute_path))}': {error.message}" for error in errors[:SHOWN])


def combined(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Put values over others as Helm does: maps are merged, and null takes a default away."""
    result = dict(values)
    for key, value in more.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            result[key] = combined(below, value)
        elif value is None and key in result:
            del result[key]
        else:
            result[key] = value
    return result


def _validator(schema: dict[str, Any]) -> Any:
    try:
        from jsonschema.validators import validator_for
    except ImportError as error:
        raise MlopsError(
            "Nobody can say whether the charts take their values: no `helm` on the PATH, and no jsonschema. "
            "Install Helm 3 or 4 (https://helm.sh/docs/intro/install), then run again."
        ) from error
    return validator_for(schema)(schema)
