"""Whether an alert starts a retraining: read from the forge, which holds all there is to remember."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mlops.contract.errors import MlopsError
from mlops.serving.receiver_alerts import LOOK, PROPOSE, Wish
from mlops.serving.receiver_cause import silences
from mlops.serving.receiver_forge import Forge, Run

# Seconds between looks for a run that was just started: a forge lists it a moment later.
PAUSES = (0.5, 1.0, 2.0, 3.0)
REASONS = {
    "not_asked": "no firing alert has the label `retrain`",
    "proposed": "the pull request of a retraining is open",
    "running": "a retraining is queued or runs",
    "cooldown": "a retraining began a short while ago",
    "silenced": "somebody looked for this cause today, and nothing is new on main since",
    PROPOSE: "a retraining was started, which proposes its model",
    LOOK: "a retraining was started, which only looks",
}


@dataclass(frozen=True)
class Done:
    """What came of a message: `started` or `nothing`, and the reason in one word."""

    result: str
    reason: str

    @property
    def words(self) -> str:
        """Say the reason in a sentence."""
        return REASONS[self.reason]


def holding(runs: Iterable[Run], wish: Wish, now: datetime, cooldown: timedelta) -> str:
    """Say in a word why earlier runs hold a wish back; "" where they do not. A look holds back looks alone."""
    alike = [run for run in runs if wish.look or not run.look]
    if any(not run.over for run in alike):
        return "running"
    return "cooldown" if any(run.began and now - run.began < cooldown for run in alike) else ""


class Actor:
    """Starts retrainings, one decision at a time.

    Args:
        forge: Where they run.
        cooldown: How long after the beginning of one no other is started.
        now: Tells the time.
        sleep: Waits, in seconds.
    """

    def __init__(
        self,
        forge: Forge,
        cooldown: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._forge, self._cooldown, self._now, self._sleep = forge, cooldown, now, sleep
        self._lock = threading.Lock()

    def act(self, wish: Wish | None) -> Done:
        """Do what a message wishes for, unless the forge shows a reason not to.

        Raises:
            MlopsError: The forge does not answer.
        """
        if wish is None:
            return Done("nothing", "not_asked")
        with self._lock:
            if self._forge.proposed():
                return Done("nothing", "proposed")
            runs = self._forge.runs()
            if why := holding(runs, wish, self._now(), self._cooldown):
                return Done("nothing", why)
            today = self._now().date()
            if any(silences(note, wish.cause, today, look=wish.look) for note in self._forge.notes()):
                return Done("nothing", "silenced")
            self._forge.start(wish)
            self._await({run.id for run in runs})
            return Done("started", LOOK if wish.look else PROPOSE)

    def _await(self, before: set[str]) -> None:
        """Wait until the forge lists the run: the next message is to find it there."""
        # It was started; not to see it is no reason to be asked again.
        with suppress(MlopsError):
            for pause in PAUSES:
                if {run.id for run in self._forge.runs()} - before:
                    return
                self._sleep(pause)
