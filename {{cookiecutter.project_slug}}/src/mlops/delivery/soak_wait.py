"""Wait until an environment has run its release healthy for long enough to be promoted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlops.contract.errors import MlopsError
from mlops.delivery.commit_status import holders
from mlops.delivery.promote import Question, Soaking, Way, ask, decide, soaked
from mlops.delivery.publish import Sleep
from mlops.delivery.release import Decision
from mlops.delivery.soak import healthy_since
from mlops.delivery.trunk import Trunk
from mlops.settings import Settings

PAUSE = 20.0  # seconds
REQUEST = 5.0  # seconds for each commit whose status is asked: GitHub allows the token of a job 1000 requests an hour
SILENCE = timedelta(minutes=10)

Clock = Callable[[], datetime]
Healthy = Callable[[Settings, Trunk, str], datetime | None]


class Unasked(MlopsError):
    """Somebody did not answer; asked again, he may."""


def utc() -> datetime:
    """Say what time it is."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Look:
    """What one look gave: what main says, the answer, and after how many seconds to ask again."""

    question: Question
    verdict: Decision
    pause: float


class Promotion:
    """A promotion as it would be decided now."""

    def __init__(
        self,
        settings: Settings,
        trunk: Trunk,
        way: Way,
        *,
        force: bool = False,
        healthy: Healthy = healthy_since,
        clock: Clock = utc,
    ) -> None:
        """Ask nothing yet; `healthy` says since when an environment runs healthy."""
        self._settings, self._trunk, self._way, self._force = settings, trunk, way, force
        self._healthy, self._clock = healthy, clock

    def __call__(self) -> Look:
        """Ask main, and where it does not object, since when what stands there runs healthy.

        Raises:
            Refused: There is nothing to promote.
            Unasked: Main could not be asked, or nobody who knows what runs.
            MlopsError: What stands is unreadable.
        """
        with _asking():
            tip = self._trunk.tip()
        question = ask(self._trunk, self._way, tip)
        verdict, record = decide(question, self._way, force=self._force), question.record
        if verdict.kind != "go" or record is None or not self._settings.soak or self._force:
            return Look(question, verdict, PAUSE)
        with _asking():
            healthy = self._healthy(self._settings, self._trunk, self._way.source)
        verdict = soaked(record, self._way, healthy, self._settings.soak, self._clock())
        return Look(question, verdict, self._pause(question, verdict, tip))

    def _pause(self, question: Question, verdict: Decision, tip: str) -> float:
        if not isinstance(verdict, Soaking):
            return PAUSE
        asked = len(holders(self._trunk.git, question.source[0], tip))
        return min(max(PAUSE, REQUEST * asked), verdict.left.total_seconds() + 1)


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except MlopsError as error:
        raise Unasked(str(error)) from error


def wait(
    look: Callable[[], Look], *, say: Callable[[str], None], clock: Clock = utc, sleep: Sleep = time.sleep
) -> Look:
    """Look again and again until what stands has run long enough, or the answer is another one.

    Once it waits, it bears ten minutes in which nobody answers.

    Returns:
        The last look: of what stands now, which may be a newer release than at the beginning.

    Raises:
        Refused: There is nothing to promote any more.
        MlopsError: What stands is unreadable, or nobody answers.
    """
    first: Look | None = None
    silent: datetime | None = None
    while True:
        try:
            now = look()
        except Unasked as error:
            silent = silent or clock()
            if first is None or clock() - silent >= SILENCE:
                raise
            say(f"unasked   {error}")
            sleep(PAUSE)
            continue
        silent = None
        if first and now.question.record != first.question.record:
            say(f"waiting   ends: {_id(now)} stands in place of {_id(first)}")
            return now
        if not isinstance(now.verdict, Soaking):
            return now
        if first is None:
            first = now
            say(f"waiting   {_seconds(now.verdict.left)} until {_id(now)} has run healthy for long enough")
        sleep(now.pause)


def _id(look: Look) -> str:
    return look.question.record.id if look.question.record else "no release"


def _seconds(left: timedelta) -> str:
    return f"{left.total_seconds() / 60:.0f} min" if left >= timedelta(minutes=2) else f"{left.total_seconds():.0f} s"
