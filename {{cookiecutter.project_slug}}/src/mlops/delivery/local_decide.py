"""What the `local` target does next: a function of what Git names, what runs, and what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlops.delivery.records import Record

SHORTEST, LONGEST = 1.0, 60.0  # seconds between two attempts at the same release


@dataclass(frozen=True)
class Wanted:
    """A release as Git names it: the bytes of release.yaml, what they say, and the commit they were read from."""

    text: bytes
    record: Record
    seen_at: str


@dataclass(frozen=True)
class Failures:
    """How often in a row a release could not be served, and when it was last tried."""

    count: int
    at: float

    @property
    def again(self) -> float:
        """When it may be tried again: the pause doubles with each failure."""
        return self.at + min(LONGEST, SHORTEST * 2.0 ** min(self.count - 1, 10))


def decide(
    wanted: Wanted | None, last: Wanted | None, alive: bool, failed: Mapping[bytes, Failures], now: float
) -> Wanted | None:
    """Choose the release to start, if any.

    Args:
        wanted: What Git names; None where it names nothing, which leaves what runs as it is.
        last: What was served last.
        alive: Whether its server runs.
        failed: Failures by the bytes of release.yaml.
        now: The time, in the clock of `failed`.

    Returns:
        What Git names, unless it runs already or has just failed; else what was served last, if it died.
    """
    candidates = [] if alive and _same(wanted, last) else [wanted]
    if not alive:
        candidates.append(last)
    return next((item for item in candidates if item and _may_try(failed.get(item.text), now)), None)


def relevant(failed: Mapping[bytes, Failures], wanted: Wanted | None, last: Wanted | None) -> dict[bytes, Failures]:
    """Forget failures of what neither Git names nor was served, so that a release that comes back is tried at once."""
    kept = {item.text for item in (wanted, last) if item}
    return {text: failure for text, failure in failed.items() if text in kept}


def _same(wanted: Wanted | None, last: Wanted | None) -> bool:
    return wanted is None or (last is not None and wanted.text == last.text)


def _may_try(failure: Failures | None, now: float) -> bool:
    return failure is None or now >= failure.again
