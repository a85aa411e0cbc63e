"""The note on main that somebody looked: what a cause came to, until there are new data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mlops.commands.retrain_decide import Age
from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.data.feedback import NAME as FEEDBACK
from mlops.delivery.forge import Forge
from mlops.serving.receiver_cause import CONTEXT, looked, note


@dataclass(frozen=True)
class Look:
    """Looks for one cause at one commit of main; without a forge it neither reads nor leaves a note.

    What a `dry` run came to silences dry runs alone: it could not have proposed.
    """

    forge: Forge | None
    tip: str
    cause: str
    dry: bool = False

    def silenced(self, newest: str, age: Age | None, today: date) -> str:
        """Give the day on which this cause came to nothing with these data; "" where it has to be looked at again.

        A champion that has become too old since is a reason to look again. A forge that does not answer silences
        nothing.
        """
        if self.forge is None:
            return ""
        try:
            notes = [status.description for status in self.forge.statuses(self.tip, CONTEXT)]
        except MlopsError as error:
            say(f"look      whether there was one before is not known: {error}")
            return ""
        days = sorted(filter(None, (looked(text, self.cause, newest, look=self.dry) for text in notes)))
        if not days:
            return ""
        then = date.fromisoformat(days[-1])
        return "" if age and age.became_old(then, today) else days[-1]

    def leave(self, newest: str, today: date, why: str) -> None:
        """Say on main's tip that this cause came to nothing; without that the next run looks again."""
        if self.forge is None:
            return
        text = note(self.cause, today, newest, why, look=self.dry)
        try:
            self.forge.set_status(self.tip, CONTEXT, "success", text)
        except MlopsError as error:
            say(f"look      not written down: {error}")

    @contextmanager
    def refusals(self, newest: str, today: date, why: str) -> Iterator[None]:
        """Let a refusal in the block silence the cause, as any other no does."""
        try:
            yield
        except Refused:
            self.leave(newest, today, why)
            raise


def newest_of(root: Path) -> str:
    """Name the newest batch, as a note does: one of feedback by its content, since its name is the time it was made."""
    found = sorted((root / "data" / "raw").glob("*.dvc"))
    if not found:
        return ""
    name = found[-1].stem
    if FEEDBACK.fullmatch(name) is None:
        return Path(name).stem
    checksum = next((line for line in found[-1].read_text(encoding="utf-8").splitlines() if "md5:" in line), "")
    return f"feedback {checksum.rpartition(' ')[2][:8]}"
