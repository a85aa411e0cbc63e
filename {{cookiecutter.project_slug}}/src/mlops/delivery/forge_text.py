"""What is written to a forge: only ever text, and no longer than it takes. And what is said when it refuses."""

from __future__ import annotations

import re

from mlops.contract.errors import MlopsError
from mlops.delivery.forge_place import Place
from mlops.delivery.git import without_credentials

SHORT = 140  # GitHub's limit of a commit status's description
TITLE = 255
CUT = "*The text below is cut: the forge takes at most {limit:,} characters.*\n\n"


def inert(text: str) -> str:
    r"""Take from a text what a forge or a bot carries out: GitLab obeys lines like `/merge`, also in a note of a token.

    A carriage return goes first, since GitLab drops it before it looks for such lines.
    """
    return re.sub(r"(?m)^([^\S\n]*)/", r"\1\\/", text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n"))


def fitting(text: str, limit: int, head: str = "") -> str:
    """Give a head and an inert text, together no longer than a limit; where it is cut, the line before it says so."""
    whole = head + inert(text)
    if len(whole) <= limit:
        return whole
    head += CUT.format(limit=limit)
    return head + inert(text)[: limit - len(head)]


def line(text: str, limit: int = SHORT) -> str:
    """Give a text as one line, cut at a limit."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def same(there: str | None, made: str) -> bool:
    """Tell whether a forge holds a text, whose line ends it may have changed."""
    return (there or "").replace("\r\n", "\n").strip() == made.strip()


def refusal(place: Place, what: str, reason: str, token: str) -> MlopsError:
    """Say what a forge did not do, without the token."""
    text = f"The forge at {place.api} did not {what} of {place.repository}: {reason}"
    return MlopsError(without_credentials(text.replace(token, "***")))


def not_open(branch: str) -> MlopsError:
    """Say that a branch has no open pull request."""
    return MlopsError(f"No pull request of the branch {branch!r} is open, so there is none to comment on. Open one.")
