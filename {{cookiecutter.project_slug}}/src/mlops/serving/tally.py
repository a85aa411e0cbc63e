"""Counters in flat arrays of doubles: of this process alone, or of several workers that share a folder.

A place in an array belongs to one counter with its labels, so that to count is to add to a number. Workers of one
server write each into a file of its own, which they map into memory: what a worker has counted outlives it, and any
worker can tell the sum.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from mlops.contract.errors import MlopsError

Labels = tuple[str, ...]
IN_FLIGHT = 0  # the first place of the first array, which the workers' parent sets to 0 when a worker has died
WIDTH = 8


@dataclass(frozen=True)
class Family:
    """One counter, or the parts of one: its labels' names, and for each combination of values a place."""

    name: str
    text: str
    labels: Labels
    places: dict[Labels, int]


class Plan:
    """The counters of one array, each given its places before any is counted."""

    def __init__(self) -> None:
        self.families: list[Family] = []
        self.size = 1

    def family(self, name: str, text: str, labels: Labels, values: Sequence[Labels]) -> dict[Labels, int]:
        """Reserve places for a counter: one for each combination of label values, in their order and side by side."""
        places = {given: self.size + number for number, given in enumerate(dict.fromkeys(values))}
        self.families.append(Family(name, text, labels, places))
        self.size += len(places)
        return places

    def room(self, size: int) -> int:
        """Reserve places that no counter shows as they are; returns the first."""
        self.size += size
        return self.size - size


class Tally:
    """The numbers of a plan: `numbers[place] += 1` for few, `array[first:last] += counts` for many, under `lock`."""

    def __init__(self, name: str, plan: Plan, shared: tuple[Path, int] | None = None) -> None:
        self.plan = plan
        self.lock = Lock()
        self.files = None if shared is None else (shared[0], f"{name}.*")
        memory = bytearray(plan.size * WIDTH) if shared is None else _mapped(_file(*shared, name), plan.size * WIDTH)
        self.numbers = memoryview(memory).cast("d")
        self.array = np.frombuffer(memory, dtype=np.float64)

    def add(self, place: int, amount: float = 1.0) -> None:
        """Count."""
        with self.lock:
            self.numbers[place] += amount

    def total(self) -> list[float]:
        """Sum each place over all workers, those that are gone among them."""
        if self.files is None:
            own: list[float] = self.array.tolist()
            return own
        summed = np.zeros(self.plan.size)
        for path in self._all():
            summed += np.fromfile(path, dtype=np.float64, count=self.plan.size)
        found: list[float] = summed.tolist()
        return found

    def _all(self) -> Iterator[Path]:
        if self.files is not None:
            folder, pattern = self.files
            yield from (path for path in folder.glob(pattern) if path.stat().st_size == self.plan.size * WIDTH)


def forget_in_flight(folder: Path, slot: int, name: str) -> None:
    """Set to 0 how many requests a worker that has died was answering."""
    path = _file(folder, slot, name)
    if path.is_file() and path.stat().st_size:
        with path.open("r+b") as file:
            file.seek(IN_FLIGHT * WIDTH)
            file.write(bytes(WIDTH))


def _file(folder: Path, slot: int, name: str) -> Path:
    return folder / f"{name}.{slot}"


def _mapped(path: Path, size: int) -> mmap.mmap:
    """Map a file, which a worker that had the slot before may have left."""
    try:
        with path.open("a+b") as file:
            if path.stat().st_size not in (0, size):
                raise MlopsError(f"{path}: holds {path.stat().st_size} bytes of counters, not {size}. Start again.")
            file.truncate(size)
            return mmap.mmap(file.fileno(), size)
    except OSError as error:
        raise MlopsError(
            f"{path}: the workers cannot share their counters: {error.strerror}. Free the disk."
        ) from error
