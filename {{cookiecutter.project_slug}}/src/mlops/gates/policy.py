"""What a *no* does: blocks by default, warns or is off for a written reason, or is overridden until a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from mlops.gates.bar import Gates, Override
from mlops.gates.match import Check


def ask(gates: Gates, name: str, gate: Callable[[], Check], today: date) -> Check:
    """Run one gate, unless it is off, and let its *no* do what the bar says."""
    return _off(gates, name) or softened(gates, gate(), today)


def _off(gates: Gates, name: str) -> Check | None:
    if gates.mode(name) != "off":
        return None
    return Check(name, "pass", f"Off: {gates.modes[name].reason}", {"off": True})  # type: ignore[index]


def softened(gates: Gates, check: Check, today: date) -> Check:
    """Turn a *no* into a warning where the bar says so, and why; one that is off has no answer."""
    off = _off(gates, check.gate)
    if off is not None:
        return off
    if check.outcome != "block":
        return check
    if gates.mode(check.gate) != "block":
        reason = gates.modes[check.gate].reason  # type: ignore[index]
        return replace(check, outcome="warn", words=f"{check.words} This gate only warns: {reason}")
    override = excused(gates, check.gate, today)
    if override is None:
        return check
    until = f"Overridden until {override.expires} by {override.reviewer}: {override.reason}"
    return replace(check, outcome="warn", words=f"{check.words} {until}", details={**check.details, "overridden": True})


def excused(gates: Gates, gate: str, today: date) -> Override | None:
    """Find the override of a gate that holds today; it holds through its last day."""
    return next((o for o in gates.overrides if o.gate == gate and today <= o.expires), None)


def forgives(gates: Gates, gate: str, today: date) -> bool:
    """Tell whether a gate need not be answered at all: it is off, or a person has overridden it."""
    return gates.mode(gate) == "off" or excused(gates, gate, today) is not None


def overrides(gates: Gates, today: date) -> list[dict[str, Any]]:
    """List the overrides of a bar for the report, ended ones too: somebody should take them out."""
    return [{**o.model_dump(mode="json"), "active": today <= o.expires} for o in gates.overrides]
