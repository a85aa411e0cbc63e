"""What the working tree would release: the facts of the record, and the files that travel with it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from mlops.contract.errors import MlopsError
from mlops.contract.task import Task, load_task
from mlops.delivery.commit import write
from mlops.delivery.git import Entry, Git
from mlops.delivery.image import ImageRef
from mlops.delivery.layout import ENVS, require_environment
from mlops.delivery.records import ContractRef, Data, Image, Model, Record
from mlops.settings import Settings

METRICS = Path("reports/metrics.json")
# What reproducing the pipeline writes; and what releases and people of an environment write, which is not source.
NOT_SOURCE = ("dvc.lock", "reports", ENVS)
SOURCE = "src"


@dataclass(frozen=True)
class Candidate:
    """A model that is ready to go out; `files` are by their path inside the environment's folder."""

    commit: str
    model: Model
    data: Data
    contract: ContractRef
    metrics: dict[str, float]
    files: dict[str, Entry]

    def record(self, id_: str, image: ImageRef) -> Record:
        """Make the release record."""
        return Record(
            id=id_,
            identity=image.identity,
            commit=self.commit,
            image=Image(repository=image.repository, digest=image.digest),
            model=self.model,
            data=self.data,
            contract=self.contract,
            metrics=self.metrics,
        )


def with_gain(candidate: Candidate, git: Git, metrics: Path, gain: Mapping[str, Any] | None) -> Candidate:
    """Let the release's metrics.json keep what the model won over the one before it, on the same rows."""
    if gain is None:
        return candidate
    document = {**json.loads(_read(metrics)), "gain": dict(gain)}
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return replace(candidate, files={**candidate.files, "metrics.json": write(git, text.encode())})


def gather(settings: Settings, git: Git, env: str, *, card: bytes) -> Candidate:
    """Collect what the working tree would release to an environment.

    Args:
        settings: The project, reproduced and committed.
        git: Its repository.
        env: The environment.
        card: The model card of this very model, which the release keeps.

    Raises:
        MlopsError: Something is not committed, missing or no number, or there is no such environment.
    """
    git.require_full_history()
    _require_own_repository(settings.root, git)
    require_environment(git, "HEAD", env)
    _require_committed(git)
    commit = source_commit(git, "HEAD")
    return Candidate(
        commit=commit,
        model=Model(sha256=_sha256(_read(settings.bundle / "model.onnx"))),
        data=data_of(load_task(settings.bundle / "task.json")),
        contract=_contract(settings.bundle / "contract.yaml"),
        metrics=read_metrics(settings.root / METRICS),
        files=_travelling(settings.root, git, commit, card),
    )


def source_commit(git: Git, rev: str) -> str:
    """Name the newest first-parent commit that touches anything outside deploy/envs/."""
    spec = ("--", ":(top)", f":(top,exclude){ENVS}")
    found = git.text("rev-list", "--first-parent", "--max-count=1", git.rev_parse(rev), *spec)
    if not found:
        raise MlopsError(f"{rev!r} holds nothing outside {ENVS}/: there is nothing to release.")
    return found


def data_of(task: Task) -> Data:
    """Name the batches a model has seen: sha256 over the lines `name sha256`, in their order."""
    lines = "".join(f"{batch.name} {batch.sha256}\n" for batch in task.batches)
    return Data(sha256=_sha256(lines.encode()), batches=len(task.batches), rows=sum(b.rows for b in task.batches))


def read_metrics(path: Path) -> dict[str, float]:
    """Read the numbers under "metrics" of a report.

    Raises:
        MlopsError: There are none, or one is no finite number.
    """
    return metrics_of(_read(path), str(path))


def metrics_of(text: bytes, path: str) -> dict[str, float]:
    """Read the numbers under "metrics" of a report's text.

    Raises:
        MlopsError: There are none, or one is no finite number.
    """
    try:
        report: Any = json.loads(text)
        metrics, first = report["metrics"], report.get("metric")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise MlopsError(f'{path}: no map under "metrics" ({error!r}). Run `dvc repro evaluate`.') from error
    if not isinstance(metrics, dict) or not metrics:
        raise MlopsError(f'{path}: "metrics" is {metrics!r} and must map names to numbers. Run `dvc repro evaluate`.')
    # The metric that decided comes first: that is the one a list of releases shows.
    order = sorted(metrics, key=lambda name: name != first)
    return {name: _finite(path, name, metrics[name]) for name in order}


def _finite(path: str, name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MlopsError(f"{path}: metric {name!r} is {value!r} and must be a finite number. Nothing is released.")
    return float(value)


def _contract(path: Path) -> ContractRef:
    text = _read(path)
    try:
        version = yaml.safe_load(text)["version"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise MlopsError(f"{path}: no readable `version`. Mend contract.yaml and run `dvc repro`.") from error
    return ContractRef(version=str(version), sha256=_sha256(text))


def _travelling(root: Path, git: Git, commit: str, card: bytes) -> dict[str, Entry]:
    chart = git.ls(commit, "deploy/chart")
    return {
        "dvc.lock": write(git, _read(root / "dvc.lock")),
        "metrics.json": write(git, _read(root / METRICS)),
        "model-card.md": write(git, card),
        **{f"chart/{path}": entry for path, entry in chart.items()},
    }


def _require_own_repository(root: Path, git: Git) -> None:
    top = git.toplevel()
    if top.resolve() != root.resolve():
        raise MlopsError(
            f"{str(root)!r} lies inside the repository {str(top)!r} and must be one of its own: `git init`."
        )


def _require_committed(git: Git) -> None:
    dirty = git.dirty(NOT_SOURCE)
    if dirty:
        more = f" and {len(dirty) - 5} more" if len(dirty) > 5 else ""
        raise MlopsError(
            f"Not committed: {', '.join(map(repr, dirty[:5]))}{more}. "
            "A release is made from a commit: commit and push what belongs to the project, "
            "and list other new files in .gitignore. What `git status` does not show, `touch` first."
        )
    hidden = [path for path in git.ignored(SOURCE) if path.endswith(".py")]
    if hidden:
        raise MlopsError(
            f"Ignored by Git, yet code of {SOURCE}/ that may go out: {', '.join(map(repr, hidden[:5]))}. "
            "A release is made from a commit: remove them, or take them out of .gitignore and commit."
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MlopsError(f"{path}: cannot be read ({error.strerror}). Run `dvc repro`.") from error


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
