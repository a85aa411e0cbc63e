"""Counts outcomes of predictions that another release made, which this server knows only from their ids."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

from prometheus_client.core import CounterMetricFamily

from mlops.contract.model import Scalar
from mlops.serving.metrics_outcomes import BELOW, ERROR, OUTCOMES, SQUARED, TEXTS
from mlops.serving.token import Told

NAME = "elsewhere"
# Ids are signed, so releases and slices are ours; a bound all the same.
MOST_SERIES = 20_000
Place = tuple[str, tuple[tuple[str, str], ...]]
Amounts = dict[Place, float]


class Elsewhere:
    """Counters that begin to be when the first outcome comes.

    Args:
        shared: The folder that the workers of a server share, and the number of this one.
    """

    def __init__(self, shared: tuple[Path, int] | None = None) -> None:
        self.lock = Lock()
        self.fresh = False
        self.folder = None if shared is None else shared[0]
        self.path = None if shared is None else shared[0] / f"{NAME}.{shared[1]}.json"
        self.counts = _read(self.path) if self.path else Amounts()

    def count(self, told: Told, outcome: Scalar) -> None:
        """Count one outcome, in all rows and in each slice; `tell` shows it to the other workers."""
        with self.lock:
            for name in ("", *told.slices):
                for place, amount in _amounts(told, name, outcome):
                    if place in self.counts or len(self.counts) < MOST_SERIES:
                        self.counts[place] = self.counts.get(place, 0.0) + amount
            self.fresh = True

    def tell(self) -> None:
        """Write what was counted, once a request."""
        with self.lock:
            if self.fresh and self.path is not None:
                self._write(self.path)
            self.fresh = False

    def families(self) -> Iterator[CounterMetricFamily]:
        """Make the metrics, over all workers; those of one name come together."""
        total = Amounts()
        with self.lock:
            own = dict(self.counts)
        for counts in (own,) if self.folder is None else map(_read, self.folder.glob(f"{NAME}.*.json")):
            for place, amount in counts.items():
                total[place] = total.get(place, 0.0) + amount
        found: dict[str, CounterMetricFamily] = {}
        for (name, labels), amount in sorted(total.items()):
            family = found.setdefault(name, CounterMetricFamily(name, TEXTS[name]))
            family.add_sample(f"{name}_total", dict(labels), amount)
        yield from found.values()

    def _write(self, path: Path) -> None:
        """Write all counts, for the other workers; a full disk leaves the ones from before."""
        fresh = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            fresh.write_text(json.dumps([[*place, amount] for place, amount in self.counts.items()]), encoding="utf-8")
            fresh.replace(path)


def _amounts(told: Told, name: str, outcome: Scalar) -> Iterator[tuple[Place, float]]:
    base = (("release", told.release), ("slice", name))
    if told.task == "regression":
        error = abs(told.score - float(outcome))
        yield from (((OUTCOMES, base), 1.0), ((ERROR, base), error), ((SQUARED, base), error * error))
    elif told.task == "multiclass":
        yield (OUTCOMES, (*base, ("outcome", "right" if outcome == told.label else "wrong"))), 1.0
    elif told.bin is not None:
        last = ("outcome", "1" if outcome == told.label else "0")
        yield (OUTCOMES, (*base, ("bin", str(told.bin)), last)), 1.0
        for above in range(told.bin + 1, told.bins):
            yield (BELOW, (*base, ("bin", str(above)), last)), 1.0


def _read(path: Path) -> Amounts:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {(name, tuple((key, value) for key, value in labels)): n for name, labels, n in raw}
    except (OSError, ValueError):
        return Amounts()
