"""How a part of a judgement is found and titled."""

from __future__ import annotations

from typing import Any, Literal

Json = dict[str, Any]


def details(judgement: Json, gate: str) -> tuple[Json, str]:
    """Find a gate's details and outcome; nothing where it was not asked."""
    found = next((c for c in judgement["checks"] if c["gate"] == gate), None)
    return ({}, "pass") if found is None else (found.get("details") or {}, found["outcome"])


def titled(title: str, judgement: Json) -> str:
    """Name the bar in a title where several were applied."""
    return f"{title}, by {judgement['bar']}" if judgement.get("several") else title


def fold(outcome: str) -> Literal["open", "closed"]:
    """Hide what passes."""
    return "closed" if outcome == "pass" else "open"
