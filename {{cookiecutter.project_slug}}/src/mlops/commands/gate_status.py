"""The verdict of `mlops gate` as the commit status mlops/gate."""

from __future__ import annotations

from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.delivery.forge import connect
from mlops.delivery.trunk import trunk
from mlops.settings import Settings

CONTEXT = "mlops/gate"


def tell(settings: Settings, state: str, words: str) -> None:
    """Set the status on the commit that is checked out.

    A forge that does not answer changes no verdict: one line says so, and the exit code stays that of the verdict.
    """
    try:
        line = trunk(settings)
        connect(line, settings.ci).set_status(line.git.head(), CONTEXT, state, words)
    except MlopsError as error:
        say(f"The commit status {CONTEXT} is not set to {state!r}; the verdict stands. {error}")


def tell_unjudged(settings: Settings, error: Exception) -> None:
    """Say that nobody knows; of what nobody foresaw only the name, since a status may be public."""
    known = isinstance(error, MlopsError)
    tell(settings, "error", f"Not judged: {error if known else type(error).__name__}")
