"""How commands speak: a line at a time, at once."""

from __future__ import annotations


def say(line: str) -> None:
    """Print a line."""
    print(line, flush=True)
