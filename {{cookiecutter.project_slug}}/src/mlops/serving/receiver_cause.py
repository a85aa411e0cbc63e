"""What a retraining is started for, in harmless words, and the note on main that silences it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import date

CONTEXT = "mlops/retrain"  # of the commit status that says when somebody looked
LONGEST, SHORT, HASH = 200, 72, 6
NAMES = 5
# A forge, a shell and a terminal act on none of these letters.
ACTING = re.compile(r"[^\w .,:=()-]+")
SIGN = " | "
LOOK = " (look)"  # behind the day of a note: it silences looks alone


def harmless(text: str, longest: int = LONGEST) -> str:
    """Keep of a text, in one line, what no forge and no shell acts upon; cut at a length."""
    words = " ".join(ACTING.sub(" ", text).split())
    return words if len(words) <= longest else f"{words[: longest - 1].rstrip()}…"


def cause_of(alerts: Iterable[tuple[str, str]]) -> str:
    """Name the alerts, each with its columns.

    Args:
        alerts: pairs of an alert's name and its column, "" for none; anybody may have written them.
    """
    columns: dict[str, set[str]] = {}
    for name, column in alerts:
        columns.setdefault(harmless(name, SHORT) or "unnamed", set()).add(harmless(column, SHORT))
    return harmless("alert " + ", ".join(_told(name, found - {""}) for name, found in sorted(columns.items())))


def _told(name: str, columns: set[str]) -> str:
    some = sorted(columns)[:NAMES]
    more = f" and {len(columns) - NAMES} more" if len(columns) > NAMES else ""
    return f"{name} ({', '.join(some)}{more})" if some else name


def key(cause: str) -> str:
    """Give the name of a cause in a note; of a long one it has the beginning, and a hash of the whole."""
    text = harmless(cause, len(cause) + 1) or "no cause"
    if len(text) <= SHORT:
        return text
    return f"{text[: SHORT - HASH - 1]}~{hashlib.sha256(text.encode()).hexdigest()[:HASH]}"


def note(cause: str, day: date, newest: str, why: str, *, look: bool = False) -> str:
    """Write the description of the commit status: cause, day, the newest batch that was looked at, what came of it.

    A look, which could not propose, says so behind the day.
    """
    when = f"{day:%Y-%m-%d}{LOOK if look else ''}"
    return SIGN.join((key(cause), when, harmless(newest, 30) or "no batch", why))


def names(description: str, cause: str) -> bool:
    """Tell whether a note is on a cause."""
    return description.split(SIGN)[0] == key(cause)


def silences(description: str, cause: str, today: date, *, look: bool = False) -> bool:
    """Tell whether a note of today is on a cause: by tomorrow data may be new that main does not show."""
    return _day(description, cause, look) == f"{today:%Y-%m-%d}"


def looked(description: str, cause: str, newest: str, *, look: bool = False) -> str:
    """Give the day on which somebody looked at a batch for a cause; "" where the note is on another."""
    same = description.split(SIGN)[2:3] == [harmless(newest, 30) or "no batch"]
    return _day(description, cause, look) if same else ""


def _day(description: str, cause: str, look: bool) -> str:
    """Give the day of a note on a cause; "" of a look's, to who is no look: it could not have proposed.

    Whoever may write statuses may write one that is no note of ours: it has no day.
    """
    day = "".join(description.split(SIGN)[1:2]) if names(description, cause) else ""
    day = "" if day.endswith(LOOK) and not look else day.removesuffix(LOOK)
    try:
        date.fromisoformat(day)
    except ValueError:
        return ""
    return day
