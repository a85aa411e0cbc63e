"""Bring in the bundle's own `features.py`, without leaving a trace on the bundle."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from mlops.contract.errors import MlopsError

Columns = dict[str, np.ndarray]
FeatureFunction = Callable[[Columns], Columns]


def load_features(bundle: Path, package: str) -> FeatureFunction:
    """Import `features` from the copy of the package that lies in the bundle.

    Args:
        bundle: The folder that `train` wrote.
        package: Import name of the user's package.

    Returns:
        The user's function from the contract's input columns to features.

    Raises:
        MlopsError: `features.py` is missing, does not import here, or defines no `features`.
    """
    path = bundle / package / "features.py"
    if not path.is_file():
        raise MlopsError(f"{path}: no such file. Run `dvc repro train` to write the bundle again.")
    with _importing_from(bundle.resolve(), package):
        module = _import(package, path)
    function = getattr(module, "features", None)
    if not callable(function):
        raise MlopsError(f"{path}: defines no function 'features'. Write `def features(columns): ...` there.")
    found: FeatureFunction = function
    return found


def _import(package: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(f"{package}.features")
    except ImportError as error:
        raise MlopsError(_missing(path, package, error)) from error
    except Exception as error:
        raise MlopsError(
            f"{path}: does not import: {type(error).__name__}: {error}. Correct it and train again."
        ) from error


def _missing(path: Path, package: str, error: ImportError) -> str:
    name = error.name or str(error)
    if name.partition(".")[0] == package:
        return f"{path}: imports {name!r}, which the bundle lacks ({error}). Import only NumPy and {package!r} itself."
    return (
        f"{path}: features.py imports {name!r}, something that the server does not have: it runs with "
        f"requirements/serve.txt alone. Use NumPy there, and move the rest to model.py or into a contract column."
    )


@contextmanager
def _importing_from(bundle: Path, package: str) -> Iterator[None]:
    """Let the bundle's copy win over the project's own, which stays imported for whoever has it.

    No bytecode is written: the bundle is a DVC output and part of the image, both known by the sha256 of their files.
    """
    ours = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == package}
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    for name in ours:
        del sys.modules[name]
    sys.path.insert(0, str(bundle))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes
        if ours:
            _forget(package)
            sys.modules.update(ours)
            sys.path.remove(str(bundle))


def _forget(package: str) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
