"""The images that a project has, where its target keeps them: folders, or a repository of a registry."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery import registry
from mlops.delivery.gc import Images
from mlops.delivery.remote import storage
from mlops.settings import Settings


class Folders:
    """Images of the `local` target: `images/<digest>/`, found by `tags/<identity>`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tags(self) -> Mapping[str, str]:
        """List every tag with its digest; a tag whose image is gone, too."""
        place = self.folder / "tags"
        files = [path for path in place.iterdir() if not path.name.startswith(".")] if place.is_dir() else []
        return {path.name: path.read_text(encoding="utf-8").strip() for path in files}

    def blobs(self, digest: str) -> Mapping[str, int]:
        """Count a folder as one piece: local images share nothing."""
        return {digest: sum(file.stat().st_size for file in self._image(digest).rglob("*") if file.is_file())}

    def delete(self, digest: str) -> None:
        """Delete an image: its tags first, so that nobody finds half of it."""
        for name, named in self.tags().items():
            if named == digest:
                (self.folder / "tags" / name).unlink(missing_ok=True)
        image = self._image(digest)
        if not image.is_dir():
            return
        with tempfile.TemporaryDirectory(dir=image.parent, prefix=".gone-", ignore_cleanup_errors=True) as scratch:
            try:
                shutil.move(image, Path(scratch) / "image")
            except FileNotFoundError:
                return

    def _image(self, digest: str) -> Path:
        return self.folder / "images" / digest.removeprefix("sha256:")


class Repository:
    """Images of the `argocd` target: one repository of a registry."""

    def __init__(self, name: str) -> None:
        self.name = name

    def tags(self) -> Mapping[str, str]:
        """List every tag with its digest."""
        return registry.tags(self.name)

    def blobs(self, digest: str) -> Mapping[str, int]:
        """List layers and configuration of an image."""
        return registry.blobs(self.name, digest)

    def delete(self, digest: str) -> None:
        """Delete an image with its tags."""
        registry.delete(self.name, digest)


def images(settings: Settings) -> Images:
    """Find the images of a project.

    Raises:
        MlopsError: The target needs a registry and [tool.mlops] names none.
    """
    if settings.target == "local":
        return Folders(storage(settings).folder)
    if not settings.image:
        raise MlopsError("[tool.mlops] in pyproject.toml names no `image`. Add it: registry.example.com/team/model.")
    return Repository(settings.image)
