"""The doctor's questions about the image: its registry, and the base that it is built on."""

from __future__ import annotations

from urllib.parse import urlsplit

from mlops.contract.errors import MlopsError
from mlops.delivery.dockerfile import require_pinned
from mlops.delivery.doctor import Finding, no, ok, unknown
from mlops.delivery.registry_client import Client, Denied, require_repository
from mlops.settings import Settings

SETTING = "Set `image` under [tool.mlops] in pyproject.toml, for example 'ghcr.io/team/model'."
PLACEHOLDER = "example.com"  # a domain that nobody can own


def findings(settings: Settings) -> list[Finding]:
    """Look at the registry and at the Dockerfile."""
    return [*registry(settings.image), base(settings)]


def registry(image: str) -> list[Finding]:
    """Ask a registry whether this login may pull and push; nothing stays there."""
    if not image:
        return [no("image", "`image` is not set.", SETTING)]
    try:
        host = require_repository(image).partition("/")[0]
    except MlopsError as error:
        return [no("image", f"{image!r} names no repository.", str(error))]
    if host.partition(":")[0].endswith(PLACEHOLDER):
        return [no("image", f"{image!r} is an example.", SETTING)]
    return [pull(image), push(image)]


def pull(image: str) -> Finding:
    """Ask for the tags of a repository."""
    try:
        answer = Client(image, patient=False).ask("GET", "tags/list?n=1")
    except Denied as error:
        return no("image pull", f"this login may not read {image!r}.", str(error))
    except MlopsError as error:
        return unknown("image pull", f"{image!r} could not be asked.", str(error))
    return ok("image pull", f"{image!r} can be read" if answer.status_code == 200 else f"{image!r} is empty so far")


def push(image: str) -> Finding:
    """Begin an upload, and give it up."""
    client = Client(image, patient=False)
    try:
        answer = client.ask("POST", "blobs/uploads/")
    except Denied as error:
        return no("image push", f"this login may not write to {image!r}.", str(error))
    except MlopsError as error:
        return unknown("image push", f"{image!r} could not be asked.", str(error))
    if answer.status_code == 404:
        return no(
            "image push", f"there is no {image!r}.", "Make that repository in the registry: it makes none itself."
        )
    if answer.status_code != 202:
        return unknown("image push", f"{image!r} answers {answer.status_code}.", "Try `mlops image build --push`.")
    _give_up(client, answer.headers.get("Location", ""))
    return ok("image push", f"{image!r} can be written")


def base(settings: Settings) -> Finding:
    """Judge whether what the image is built on is pinned."""
    try:
        found = require_pinned(settings.root)
    except MlopsError as error:
        return no("image base", "what it is built on is not pinned as it must be.", str(error))
    return ok("image base", ", ".join(f"{one.name}:{one.tag}, pinned" for one in found))


def _give_up(client: Client, location: str) -> None:
    """End an upload; where that fails, it ends by itself, since nothing was sent."""
    place = urlsplit(location)
    if place.netloc in ("", client.host) and place.path.startswith("/"):
        try:
            client.ask("DELETE", f"{place.path}?{place.query}" if place.query else place.path)
        except MlopsError:
            return
