"""The batches of data/raw: one file each, append-only, in the order of their numbers."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pandas as pd

from mlops.contract.errors import MlopsError
from mlops.settings import Settings

NAME = re.compile(r"(?P<number>\d{4})-(?P<name>.+)\.(?P<extension>csv|parquet)")
SUFFIXES = (".csv", ".parquet")
KEPT_AS = {".csv": ".csv", ".tsv": ".csv", ".txt": ".csv", ".parquet": ".parquet", ".pq": ".parquet"}


class Exhausted(MlopsError):
    """The source has no further batch."""


@dataclass(frozen=True)
class BatchFile:
    """One file of data/raw."""

    number: int
    name: str
    path: Path

    def sha256(self) -> str:
        """Hash the file's bytes."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def list_batches(root: Path) -> list[BatchFile]:
    """List the batches in order.

    Raises:
        MlopsError: There is none, one is known to DVC but not here, or two have one number.
    """
    folder = root / "data" / "raw"
    batches = sorted(_batches(folder), key=lambda batch: batch.number)
    absent = [p.stem for p in sorted(folder.glob("*.dvc")) if not p.with_suffix("").exists()]
    if absent:
        raise MlopsError(f"data/raw: {absent[0]!r} and {len(absent) - 1} more are not here. Run `dvc pull`.")
    if not batches:
        raise MlopsError("data/raw holds no batch. Run `make data`, or `mlops data add FILE` with a table of your own.")
    numbers = [batch.number for batch in batches]
    if len(set(numbers)) < len(numbers):
        raise MlopsError(
            f"data/raw: two batches have one number: {[b.path.name for b in batches]}. Renumber the newer."
        )
    return batches


def _batches(folder: Path) -> list[BatchFile]:
    found = []
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        match = NAME.fullmatch(path.name)
        if match is None:
            raise MlopsError(f"data/raw: {path.name!r} is not NNNN-<name>.csv or .parquet. Use `mlops data add FILE`.")
        found.append(BatchFile(int(match["number"]), match["name"], path))
    return found


def add(root: Path, file: Path, name: str | None = None) -> BatchFile:
    """Copy a checked table to data/raw under the next number and track it with DVC.

    Raises:
        MlopsError: The file is no batch, is here already, or DVC fails.
    """
    suffix = KEPT_AS.get(file.suffix.lower())
    if suffix is None:
        raise MlopsError(f"{str(file)!r}: a batch is a .csv or .parquet file. Save the table as one of them.")
    _check_new(root, file)
    return _track(root, name or file.stem, suffix, lambda target: shutil.copyfile(file, target))


def add_frame(root: Path, frame: pd.DataFrame, name: str) -> BatchFile:
    """Write a checked table to data/raw under the next number and track it with DVC.

    Raises:
        MlopsError: DVC fails.
    """
    return _track(root, name, ".parquet", _writer(frame))


def _check_new(root: Path, file: Path) -> None:
    size = file.stat().st_size
    for batch in _batches(root / "data" / "raw"):
        if batch.path.stat().st_size == size and batch.sha256() == BatchFile(0, "", file).sha256():
            raise MlopsError(f"{str(file)!r} is here already, byte for byte: data/raw/{batch.path.name}. Add new rows.")


def arrive(settings: Settings, initial: bool = False) -> list[BatchFile]:
    """Bring the following batch of the project's source; with `initial`, those of the first day.

    Raises:
        MlopsError: The project has no source.
        Exhausted: It has no further batch.
    """
    if settings.source is None:
        raise MlopsError("This project has no source of batches ([tool.mlops] source). Use `mlops data add FILE`.")
    sys.path.insert(0, str(settings.root / "src"))
    source = import_module(settings.source)
    have = len(_numbers(settings.root / "data" / "raw"))
    wanted = source.INITIAL if initial else have + 1
    names = source.names()[have:wanted]
    if not names and not initial:
        raise Exhausted(f"{settings.source} has no batch after {have}. New data is added with `mlops data add FILE`.")
    return [_track(settings.root, name, ".parquet", _writer(source.load(name))) for name in names]


def _numbers(folder: Path) -> set[int]:
    """List the numbers that are taken, whether the batch was pulled or not."""
    return {int(path.name[:4]) for path in folder.glob("*") if NAME.fullmatch(path.name.removesuffix(".dvc"))}


def _writer(frame: pd.DataFrame) -> Callable[[Path], object]:
    return lambda target: frame.to_parquet(target, index=False)


def _track(root: Path, name: str, suffix: str, write: Callable[[Path], object]) -> BatchFile:
    folder = root / "data" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    number = max(_numbers(folder), default=0) + 1
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "batch"
    path = folder / f"{number:04d}-{slug}{suffix}"
    write(path)
    try:
        dvc_add(root, path)
    except MlopsError:
        path.unlink()
        raise
    return BatchFile(number, slug, path)


def dvc_add(root: Path, path: Path) -> None:
    """Track a file with DVC."""
    command = [sys.executable, "-m", "dvc", "add", "--quiet", str(path.relative_to(root))]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MlopsError(f"`dvc add {path.name}` failed: {(done.stderr or done.stdout).strip()}")
