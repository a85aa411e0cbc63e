"""Gates `size` and `speed`: what the bundle weighs, and how long it scores beside the champion."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from mlops.contract.errors import MlopsError
from mlops.gates.bar import Gates
from mlops.gates.match import Check, Outcome
from mlops.pipeline.measures import Floats
from mlops.pipeline.served import Raw
from mlops.scoring import Stopwatch, stopwatch

MB = 1e6
MOST_ROUNDS = 40
FEWEST_ROUNDS = 5
BUDGET = 0.4  # seconds for each size of request
SURE = 0.9
SESSIONS = 3


@dataclass(frozen=True)
class Served:
    """A bundle, the folder of the `mlops` that belongs to it, the Python of its environment, and rows that it reads."""

    bundle: Path
    source: Path
    python: Path
    raw: Raw


@dataclass(frozen=True)
class Request:
    """A request of so many rows; a difference of fewer than `floor` seconds is nobody's problem."""

    name: str
    said: str
    rows: int
    repeats: int
    floor: float


REQUESTS = (Request("single", "one row", 1, 5, 0.001), Request("hundred", "100 rows", 100, 2, 0.005))


@dataclass(frozen=True)
class Timed:
    """Seconds of each round, shape (r,), for the challenger and beside it the champion."""

    request: Request
    challenger: Floats
    champion: Floats | None

    @property
    def ratio(self) -> float | None:
        """How many times longer the challenger takes: the median of the rounds."""
        return None if self.champion is None else float(np.median(self.challenger / self.champion))

    def beyond(self, limit: float) -> bool:
        """Whether the challenger is slower than allowed, by a time that matters."""
        if self.champion is None or self.ratio is None:
            return False
        longer = float(np.median(self.challenger - self.champion))
        return self.ratio > limit and longer > self.request.floor

    def surely(self, limit: float) -> bool:
        """Whether nearly every round says so."""
        return self.champion is not None and bool((self.challenger > limit * self.champion).mean() >= SURE)


def check_size(challenger: Path, champion: Path | None, gates: Gates) -> Check:
    """Compare the bytes of a bundle's files with the limit, and report the champion's."""
    size, limit = _bytes(challenger), gates.cost.max_model_mb
    theirs = None if champion is None else _bytes(champion)
    beside = "" if theirs is None else f", the champion's {theirs / MB:.3g} MB"
    outcome: Outcome = "block" if size > limit * MB else "pass"
    words = f"The bundle has {size / MB:.3g} MB{beside}; at most {limit:g} MB are allowed."
    return Check("size", outcome, words, {"bytes": size, "champion_bytes": theirs, "limit_mb": limit})


def _bytes(bundle: Path) -> int:
    return sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())


def check_speed(challenger: Served, champion: Served | None, gates: Gates) -> Check:
    """Time requests of 1 and of 100 rows in two live processes, in turn, so that the machine's noise hits both.

    A champion that cannot be timed, for example one that is older than this gate, is not compared. Beyond the limit is
    what is beyond it in nearly all rounds, and again with fresh processes: one may have a busy core all its life.

    Raises:
        MlopsError: The challenger cannot be timed.
    """
    for _ in range(SESSIONS):
        found, problem = _session(challenger, champion)
        if not any(timed.beyond(gates.cost.max_slowdown) for timed in found):
            break
    return _speed(found, problem, gates)


def _session(challenger: Served, champion: Served | None) -> tuple[list[Timed], str]:
    """Time both, or the challenger alone and why."""
    with ExitStack() as stack:
        ours, theirs, problem = stack.enter_context(_clock(challenger)), None, ""
        try:
            if champion is not None:
                theirs = stack.enter_context(_clock(champion))
                theirs.wait_until_ready()
        except MlopsError as error:
            theirs, problem = None, str(error)
        ours.wait_until_ready()
        try:
            return [_time(request, ours, theirs) for request in REQUESTS], problem
        except MlopsError as error:
            if theirs is None or not ours.running:
                raise
            return [_time(request, ours, None) for request in REQUESTS], str(error)


def _clock(served: Served) -> AbstractContextManager[Stopwatch]:
    """Start a process that has the rows."""
    n = len(next(iter(served.raw.values())))
    return stopwatch(served.bundle, served.source, served.python, served.raw, n)


def _time(request: Request, ours: Stopwatch, theirs: Stopwatch | None) -> Timed:
    pairs: list[list[float]] = []
    start = monotonic()
    while len(pairs) < FEWEST_ROUNDS or (len(pairs) < MOST_ROUNDS and monotonic() - start < BUDGET):
        both = [watch for watch in (ours, theirs) if watch is not None]
        order = both[:: -1 if len(pairs) % 2 else 1]
        took = [watch.seconds(request.rows, request.repeats) for watch in order]
        pairs.append(took[:: -1 if len(pairs) % 2 else 1])
    seconds = np.array(pairs)
    return Timed(request, seconds[:, 0], None if theirs is None else seconds[:, 1])


def _speed(found: list[Timed], problem: str, gates: Gates) -> Check:
    limit = gates.cost.max_slowdown
    beyond = [timed for timed in found if timed.beyond(limit)]
    sure = [timed for timed in beyond if timed.surely(limit)]
    outcome: Outcome = "block" if sure else gates.when_unsure if beyond else "pass"
    return Check("speed", outcome, _words(found, sure, beyond, problem, limit), _details(found, limit))


def _words(found: list[Timed], sure: list[Timed], beyond: list[Timed], problem: str, limit: float) -> str:
    if beyond:
        slow = " and ".join(_against(timed) for timed in sure or beyond)
        doubt = "" if sure else "Cannot tell, as rounds differ: "
        return f"{doubt}Scoring takes longer than the champion, {slow}; at most {limit:g} times is allowed."
    ours = " and ".join(f"{timed.request.said} {_ms(timed.challenger)}" for timed in found)
    if problem:
        return f"The champion cannot be timed, so speed is not compared ({problem.removesuffix('.')}); {ours}."
    ratios = [timed.ratio for timed in found if timed.ratio is not None]
    if not ratios:
        return f"There is no champion to compare with; {ours}."
    each = " and ".join(
        f"{timed.request.said} in {_ms(timed.challenger)} ({timed.ratio:.2g} times the champion's)" for timed in found
    )
    small = ", a difference too small to matter" if max(ratios) > limit else ""
    return f"It scores {each}{small}; at most {limit:g} times is allowed."


def _against(timed: Timed) -> str:
    assert timed.champion is not None
    times = f"{timed.ratio:.2g} times ({_ms(timed.challenger)} instead of {_ms(timed.champion)})"
    return f"{times} for {timed.request.said}"


def _ms(seconds: Floats) -> str:
    return f"{1000 * np.median(seconds):.2g} ms"


def _details(found: list[Timed], limit: float) -> dict[str, Any]:
    details: dict[str, Any] = {"limit": limit}
    for timed in found:
        name = timed.request.name
        theirs = timed.champion
        details[f"{name}_ms"] = round(1000 * float(np.median(timed.challenger)), 3)
        details[f"champion_{name}_ms"] = None if theirs is None else round(1000 * float(np.median(theirs)), 3)
        details[f"{name}_ratio"] = None if timed.ratio is None else round(timed.ratio, 3)
    return details
