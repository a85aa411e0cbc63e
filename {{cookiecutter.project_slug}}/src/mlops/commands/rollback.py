"""`mlops rollback`: imports nothing that trains or judges, since whoever runs it is in a hurry."""

from __future__ import annotations

from mlops.commands import landing
from mlops.commands.words import say
from mlops.delivery import rollback as rollbacks
from mlops.delivery.presence import Presence
from mlops.delivery.stock import stock
from mlops.delivery.trunk import trunk
from mlops.settings import find


def rollback(env: str, to: str | None, *, via: str) -> None:
    """Restore what stood before."""
    settings = find()
    line = trunk(settings)
    land, presence = landing.land(settings, line, via), Presence(stock(settings))
    say(rollbacks.rollback(line, env, to, land=land, presence=presence).words)
