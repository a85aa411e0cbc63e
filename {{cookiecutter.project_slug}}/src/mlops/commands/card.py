"""`mlops card`."""

from __future__ import annotations

from mlops.commands.words import say
from mlops.gates.reporting import card as cards
from mlops.settings import find


def card(*, check: bool) -> None:
    """Write the model card, or say whether it is this model's; exit 1 if not."""
    settings = find()
    if check:
        say(cards.check(settings))
        return
    path = cards.write(settings)
    say(f"card      {path.relative_to(settings.root)}")
