"""The name that a person may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def near(name: object, known: Iterable[str]) -> str | None:
    """Find the known name that is closest to a wrong one, if any is close."""
    folded = {option.casefold(): option for option in known}
    found = get_close_matches(str(name).casefold().strip(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Say which known name is close, or list them all; ends with a full stop."""
    options = list(known)
    found = near(name, options)
    return f"Did you mean {found!r}?" if found else f"Known are {', '.join(options)}."
