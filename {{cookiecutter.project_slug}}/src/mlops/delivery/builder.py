"""Find or build the image of a project; a `local` image is a folder that is named by its content."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery.context import lay
from mlops.delivery.dockerfile import require_pinned, require_same
from mlops.delivery.image import Copied, ImageRef, content_digest, identity, listing, manifest
from mlops.delivery.oci import OPTIONS, OciBuilder, options
from mlops.delivery.remote import storage
from mlops.settings import Settings


class LocalBuilder:
    """Images as folders: `images/<digest>/`, found again by `tags/<identity>`."""

    def __init__(self, folder: Path, repository: str) -> None:
        self.folder = folder
        self.repository = repository

    def path(self, digest: str) -> Path:
        """Where an image lies, or would lie."""
        return self.folder / "images" / digest.removeprefix("sha256:")

    def lookup(self, identity: str) -> str | None:
        """Find the digest of the image of an identity; None when it must be built."""
        try:
            digest = self._tag(identity).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return digest if self.path(digest).is_dir() else None

    def build(self, identity: str, files: tuple[Copied, ...]) -> str:
        """Lay an image out and tag it with its identity; any number of builders may do so at once.

        Returns:
            The digest: sha256 over the sorted manifest of its files.

        Raises:
            MlopsError: A file changed while it was copied.
        """
        digest = content_digest(files)
        target = self.path(digest)
        if not self._whole(target, digest):
            self._lay_out(files, digest, target)
        tag = self._tag(identity)
        tag.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=tag.parent, prefix=".new-", delete=False) as fresh:
            fresh.write(digest + "\n")
        Path(fresh.name).replace(tag)
        return digest

    def _tag(self, identity: str) -> Path:
        return self.folder / "tags" / identity.removeprefix("sha256:")

    def _whole(self, target: Path, digest: str) -> bool:
        return target.is_dir() and content_digest(listing(target)) == digest

    def _lay_out(self, files: tuple[Copied, ...], digest: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-", ignore_cleanup_errors=True) as scratch:
            fresh = Path(scratch) / "image"
            fresh.mkdir()
            for file in files:
                lay(file, fresh / file.path)
            if not _rename(fresh, target) and not self._whole(target, digest):
                # Somebody edited the image where it lies: its name no longer says what it holds.
                _rename(target, Path(scratch) / "edited")
                _rename(fresh, target)


def find_or_build(settings: Settings, *, builder: str | None = None, push: bool = True) -> tuple[ImageRef, bool]:
    """Find the image of a project's working tree, or build what is missing.

    Args:
        settings: The project.
        builder: `docker`, `buildah` or `local`; default: what `target` and `builder` of [tool.mlops] say.
        push: Look it up in the registry first, and bring it there; else the builder's own store is all. Without
            meaning for `local`.

    Returns:
        The image, and whether it had to be built.

    Raises:
        MlopsError: The base is not pinned, the builder is missing or fails, or the registry cannot be asked.
    """
    tool = builder or default(settings)
    return local_image(settings) if tool == "local" else _oci_image(OciBuilder(settings, tool), push=push)


def default(settings: Settings) -> str:
    """Say what builds a project's images."""
    return "local" if settings.target == "local" else settings.builder


def local_image(settings: Settings) -> tuple[ImageRef, bool]:
    """Find or build the image of a project's working tree for the `local` target.

    Returns:
        The image, and whether it had to be built.
    """
    files = manifest(settings.root)
    name = identity(settings, files, local=True)
    builder = LocalBuilder(storage(settings).folder, f"local/{settings.slug}")
    found = builder.lookup(name)
    digest = found or builder.build(name, files)
    return ImageRef(name, builder.repository, digest), found is None


def _oci_image(builder: OciBuilder, *, push: bool) -> tuple[ImageRef, bool]:
    settings = builder.settings
    require_same(options(), require_pinned(settings.root), OPTIONS)
    files = manifest(settings.root)
    name = identity(settings, files, local=False)
    found = builder.lookup(name) if push else builder.held(name)
    if found:
        return ImageRef(name, settings.image, found), False
    if not push or not builder.held(name):
        builder.build(name, files)
    digest = (builder.lookup(name) or builder.push(name)) if push else builder.held(name)
    if digest is None:
        raise MlopsError(f"{builder.tool} built {builder.reference(name)}, and yet its store has none such. Run again.")
    return ImageRef(name, settings.image, digest), True


def _rename(source: Path, target: Path) -> bool:
    try:
        os.rename(source, target)  # noqa: PTH104 - Path.replace would do, but says less: an existing folder must stay
    except OSError:
        return False
    return True
