"""Write what travels: graph, features, contract and task."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import Batch, Task
from mlops.pipeline.fit import Fitted
from mlops.pipeline.params import Params
from mlops.settings import Settings


def write(
    settings: Settings,
    agreed: Contract,
    params: Params,
    fitted: Fitted,
    graph: onnx.ModelProto,
    split: dict[str, object],
    batches: tuple[Batch, ...],
    folder: Path,
) -> None:
    """Write a bundle to a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(graph.SerializeToString(deterministic=True))
    shutil.copyfile(settings.root / "contract.yaml", folder / "contract.yaml")
    copy_package(settings, folder)
    Task(
        task=params.task,
        target=agreed.target.name,
        classes=fitted.classes,
        threshold=fitted.threshold,
        package=settings.package,
        features=fitted.features,
        split=split,
        batches=batches,
    ).dump(folder / "task.json")


def copy_package(settings: Settings, folder: Path) -> None:
    """Copy the user's package without what only training needs: the model module and the source of batches."""
    source = settings.root / "src" / settings.package
    if not source.is_dir():
        raise MlopsError(f"src/{settings.package} is not there, but [tool.mlops] names it as package. Correct either.")
    left_out = {f"{name.replace('.', '/')}.py" for name in (settings.model, settings.source) if name}
    for path in sorted(source.rglob("*.py")):
        target = folder / settings.package / path.relative_to(source)
        if path.relative_to(source.parent).as_posix() not in left_out:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
