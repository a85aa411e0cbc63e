"""Ask where a project keeps its images whether one is there, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlops.contract.errors import MlopsError
from mlops.delivery import registry
from mlops.delivery.image import content_digest, listing
from mlops.delivery.oci import LABEL, LABELLED
from mlops.delivery.records import Image
from mlops.delivery.remote import storage
from mlops.settings import Settings

LOCAL = "local/"


@dataclass(frozen=True)
class Tagged:
    """The image that the tag of an identity leads to, and what its labels say it is."""

    digest: str
    labels: Mapping[str, str]


class Stock(Protocol):
    """Where images are kept; each method raises MlopsError where that cannot be asked."""

    @property
    def repository(self) -> str:
        """What a record of this project names as its image's repository."""

    def tagged(self, identity: str) -> Tagged | None:
        """Find the image of an identity; None where there is definitely none."""

    def has(self, image: Image) -> bool:
        """Tell whether the image that a record names is there; False where it is definitely not."""


@dataclass(frozen=True)
class Registry:
    """Images of the `argocd` target."""

    repository: str

    def tagged(self, identity: str) -> Tagged | None:
        """Find the image of an identity by its tag, and read its labels."""
        digest = registry.lookup(self.repository, identity.removeprefix("sha256:"))
        if digest is None:
            _require_known(self.repository)
            return None
        return Tagged(digest, registry.labels(self.repository, digest))

    def has(self, image: Image) -> bool:
        """Look a digest up; patience is short, because a rollback waits for the answer."""
        found = registry.lookup(image.repository, image.digest, patient=False)
        if found is None:
            _require_known(image.repository)
        return found is not None


@dataclass(frozen=True)
class Folder:
    """Images of the `local` target: folders beside the DVC remote's, which every clone shares."""

    settings: Settings

    @property
    def repository(self) -> str:
        """What records name."""
        return f"{LOCAL}{self.settings.slug}"

    def tagged(self, identity: str) -> Tagged | None:
        """Find the image of an identity by its tag; digest and labels are counted anew from its files."""
        place = self._place()
        try:
            digest = (place / "tags" / identity.removeprefix("sha256:")).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        image = _image(place, digest)
        if not image.is_dir():
            return None
        files = listing(image)
        sums = {file.path: file.sha256 for file in files}
        labels = {label: sums.get(path, "") for label, path in LABELLED.items()}
        return Tagged(content_digest(files), {LABEL: identity, **labels})

    def has(self, image: Image) -> bool:
        """Look for an image's folder."""
        if not image.repository.startswith(LOCAL):
            raise MlopsError(f"{image.repository!r} is no repository of the `local` target.")
        return _image(self._place(), image.digest).is_dir()

    def _place(self) -> Path:
        place = storage(self.settings)
        if place.note:
            raise MlopsError(place.note)
        if not place.folder.is_dir():
            raise MlopsError(f"{str(place.folder)!r} is not there. Is it mounted, is the DVC remote's address right?")
        return place.folder


def stock(settings: Settings) -> Stock:
    """Say where a project keeps its images; asks nobody yet."""
    return Folder(settings) if settings.target == "local" else Registry(settings.image)


def _image(place: Path, digest: str) -> Path:
    return place / "images" / digest.removeprefix("sha256:")


def _require_known(repository: str) -> None:
    """Take no 404 for a no where the registry knows not even the repository: some hide it from a stranger so."""
    if not registry.known(repository):
        raise MlopsError(
            f"The registry knows no repository {repository!r}, or hides it from you. "
            f"Log in with `docker login {repository.partition('/')[0]}`, as somebody who may read it."
        )
