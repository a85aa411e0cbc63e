"""`mlops image build|pin`."""

from __future__ import annotations

from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.delivery import builder as builders
from mlops.delivery.remote import storage
from mlops.settings import Settings, find


def build(builder: str | None, *, push: bool) -> None:
    """Build the image of the working tree, or find it."""
    if builder not in (None, "local"):
        raise MlopsError(f"builder {builder!r} is not one of this version. Use `local`.")
    settings = find()
    image, built = builders.local_image(settings)
    note(settings)
    say(f"{'built' if built else 'found'}  {image.identity}")
    say(f"{image.repository}@{image.digest}")


def note(settings: Settings) -> None:
    """Say where local images lie when that is not beside the DVC remote."""
    words = storage(settings).note
    if words:
        say(f"note      {words}")
