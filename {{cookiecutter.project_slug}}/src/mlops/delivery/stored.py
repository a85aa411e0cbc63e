"""What the DVC remote holds, through DVC's own file system for its kind."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from mlops.contract.errors import MlopsError
from mlops.delivery.records import LOADER

DIRECTORY = ".dir"
# The names under which file systems tell when a file was written.
WRITTEN = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")


@dataclass(frozen=True)
class Stored:
    """A file at the remote: bytes, and when it was written (seconds since 1970)."""

    path: str
    size: int
    written: float


@dataclass(frozen=True)
class Run:
    """An entry of the run-cache: its file, and the objects that it would restore."""

    file: Stored
    outs: tuple[str, ...]


class Remote:
    """The default DVC remote of a project, through DVC's own file system."""

    def __init__(self, name: str, opened: Any) -> None:
        self.name = name
        self._remote = opened
        self._fs = opened.fs
        self._contents: dict[str, list[str]] = {}

    def objects(self) -> dict[str, Stored]:
        """List its objects by their hash."""
        with self._asking():
            if self._fs.version_aware or self._remote.worktree:
                raise MlopsError(f"{self.name} keeps versions of its own: `mlops gc` does not know them.")
            if not self._fs.CAN_TRAVERSE or not self._fs.exists(self._remote.path):
                raise MlopsError(f"{self.name} is not there, or cannot be listed. Is it mounted, is the address right?")
            odb = self._remote.odb
            return dict(_named(odb.path_to_oid, self._list(odb.path)))

    def runs(self) -> list[Run]:
        """List its run-cache; an entry that is unreadable restores nothing, and so is never in the way."""
        with self._asking():
            files = self._list(self._fs.join(self._remote.path, "runs"))
            return [Run(file, _outs(self._fs.fs.cat_file(file.path))) for file in files]

    def contents(self, directory: str) -> list[str]:
        """List the objects of a directory."""
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_data.hashfile.tree import Tree

        if directory not in self._contents:
            with self._asking():
                tree = Tree.load(self._remote.odb, HashInfo("md5", directory))
                self._contents[directory] = [info.value for _, _, info in tree if info and info.value]
        return self._contents[directory]

    def remove(self, files: Collection[Stored]) -> None:
        """Delete files; one that is gone already is well."""
        with self._asking():
            for some in _batches([file.path for file in files]):
                try:
                    self._fs.remove(some)
                except FileNotFoundError:
                    self._fs.remove([path for path in some if self._fs.exists(path)])

    def _list(self, folder: str) -> list[Stored]:
        found = self._fs.fs.find(folder, detail=True)
        if not isinstance(found, Mapping):
            paths = list(found)
            told = self._fs.info(paths, return_exceptions=True)
            found = {path: info for path, info in zip(paths, told, strict=True) if isinstance(info, Mapping)}
        return [Stored(path, int(info.get("size") or 0), _written(path, info)) for path, info in found.items()]

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except MlopsError:
            raise
        except Exception as error:  # every kind of remote has errors of its own
            raise MlopsError(f"{self.name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error


def _named(name: Callable[[str], str], files: list[Stored]) -> Iterator[tuple[str, Stored]]:
    for file in files:
        try:
            yield name(file.path), file
        except ValueError:
            continue


def _outs(text: bytes) -> tuple[str, ...]:
    try:
        return tuple(str(out["md5"]) for out in yaml.load(text, LOADER)["outs"] if "md5" in out)
    except (yaml.YAMLError, LookupError, TypeError, UnicodeDecodeError):
        return ()


def _written(path: str, info: Mapping[str, Any]) -> float:
    value = next((info[key] for key in WRITTEN if info.get(key) is not None), None)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, int | float):
        return float(value)
    raise MlopsError(f"{path!r}: its file system does not tell when it was written, so nothing is deleted.")


def _batches(paths: list[str], size: int = 1000) -> Iterator[list[str]]:
    for at in range(0, len(paths), size):
        yield paths[at : at + size]
