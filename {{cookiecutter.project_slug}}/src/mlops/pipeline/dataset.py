"""The whole table, typed by the contract, and what `features()` makes of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops.contract.columns import Columns
from mlops.contract.document import load as load_contract
from mlops.contract.errors import MlopsError
from mlops.contract.features import model_inputs
from mlops.contract.model import Contract
from mlops.contract.task import Batch, Feature
from mlops.data import table
from mlops.data.batches import list_batches
from mlops.settings import Settings

Function = Callable[[Columns], Columns]
IMPORTED: dict[str, dict[str, int]] = {}


@dataclass(frozen=True)
class Dataset:
    """All batches as one typed table, excluded columns among them: a row's side depends on its whole content.

    `batch` and `row`, of shape (n,), give the number of each row's batch in `batches` and its own number therein.
    """

    contract: Contract
    frame: pd.DataFrame
    batch: NDArray[np.int64]
    row: NDArray[np.int64]
    batches: tuple[Batch, ...]

    @property
    def rows(self) -> pd.DataFrame:
        """The table as models see it: without the excluded columns."""
        return self.frame.drop(columns=[c.name for c in self.contract.having("excluded")], errors="ignore")


def contract(settings: Settings) -> Contract:
    """Read the project's contract.

    Raises:
        MlopsError: It is missing or not valid.
    """
    path = settings.root / "contract.yaml"
    if not path.is_file():
        raise MlopsError(
            "contract.yaml is not there yet. Run `mlops contract infer FILE --target COLUMN` to propose one."
        )
    return load_contract(path)


def load(settings: Settings, agreed: Contract | None = None) -> Dataset:
    """Read every batch of data/raw by the project's contract, or by another one.

    Raises:
        MlopsError: A batch is missing, unreadable, or has values that are not of the contract's types.
    """
    agreed = agreed or contract(settings)
    files = list_batches(settings.root)
    frames = [_typed(file.path.name, table.read_raw(file.path), agreed) for file in files]
    batches = [Batch(f.path.name, f.sha256(), len(frame)) for f, frame in zip(files, frames, strict=True)]
    numbers = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    rows = np.concatenate([np.arange(len(frame)) for frame in frames])
    return Dataset(agreed, pd.concat(frames, ignore_index=True), numbers, rows, tuple(batches))


def _typed(name: str, raw: pd.DataFrame, agreed: Contract) -> pd.DataFrame:
    typed = table.typed(raw, agreed, name, excluded=True)
    if typed.invalid:
        column, values = next(iter(typed.invalid.items()))
        example = "" if agreed.column(column).restricted else f" (for example {values.iloc[0]!r})"
        raise MlopsError(
            f"data/raw/{name}: column {column!r}: {len(values)} values are not of the contract's type{example}. "
            f"Run `mlops contract check data/raw/{name}`."
        )
    return typed.frame


def entities(agreed: Contract, rows: pd.DataFrame) -> NDArray[Any] | None:
    """Name the entity of each row, shape (n,); a row without one is one of its own. None where there is no `group`."""
    if agreed.group is None:
        return None
    names = rows[agreed.group.name]
    alone = pd.Series([f"\0{row}" for row in range(len(rows))], index=names.index)
    return names.astype(object).where(names.notna(), alone).astype(str).to_numpy()


def user_module(settings: Settings, name: str) -> ModuleType:
    """Import one of the user's own modules from the project's src folder; anew when a file of the package changed.

    Raises:
        MlopsError: It cannot be imported.
    """
    source = str(settings.root / "src")
    if sys.path[0] != source:
        sys.path.insert(0, source)
    _forget_changed(settings)
    try:
        return import_module(name)
    except Exception as error:
        raise MlopsError(f"{name} cannot be imported: {type(error).__name__}: {error}. Correct it.") from error


def _forget_changed(settings: Settings) -> None:
    """Drop imported modules of the package once their files are others: a notebook sees an edit at its next call."""
    folder = settings.root / "src" / settings.package
    files = {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*.py"))}
    if IMPORTED.get(settings.package) == files:
        return
    IMPORTED[settings.package] = files
    invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0] == settings.package]:
        del sys.modules[name]


def features_function(settings: Settings) -> Function:
    """Import the user's `features`.

    Raises:
        MlopsError: The module cannot be imported or has no function of that name.
    """
    function: Function | None = getattr(user_module(settings, settings.features), "features", None)
    if function is None:
        raise MlopsError(f"{settings.features} has no function `features(columns)`. Add it.")
    return function


def features(function: Function, agreed: Contract, frame: pd.DataFrame) -> pd.DataFrame:
    """Compute the features of typed rows: float32 and object columns, in the function's order."""
    return frame_of(function, table.to_columns(frame, agreed), len(frame))


def frame_of(function: Function, columns: Columns, n: int) -> pd.DataFrame:
    """Compute the features of n rows given as the contract's columns."""
    inputs = model_inputs(function, columns, n)
    return pd.DataFrame({name: _series(values) for name, values in inputs.items()})


def _series(values: NDArray[Any]) -> NDArray[Any] | pd.Series:
    # pandas would make its own string type of an object array, which the ONNX converters do not know.
    return pd.Series(values, dtype=object).to_numpy() if values.dtype == object else values


def describe(frame: pd.DataFrame) -> tuple[Feature, ...]:
    """Name the features in the order of the graph's inputs; a number that is always null is a constant."""
    return tuple(
        Feature(
            str(name), f"f{i}", _kind(frame[name]), bool(_kind(frame[name]) == "float" and frame[name].isna().all())
        )
        for i, name in enumerate(frame)
    )


def _kind(values: pd.Series) -> Any:
    return "float" if values.dtype.kind == "f" else "string"


def fill_constants(frame: pd.DataFrame, features: tuple[Feature, ...]) -> pd.DataFrame:
    """Put 0 where a feature is a constant: boosting cannot bin a column without a value."""
    constant = {feature.name: np.float32(0) for feature in features if feature.constant}
    return table.replaced(frame, constant)
