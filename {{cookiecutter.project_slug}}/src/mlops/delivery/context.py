"""The build context: a copy of exactly the files that an image holds, so that nothing else can get into it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery.image import Copied, copied, identity
from mlops.settings import Settings

EPOCH = (0, 0)


@dataclass(frozen=True)
class Staged:
    """Where a build context lies, and the Dockerfile beside it."""

    folder: Path
    dockerfile: Path


@contextmanager
def staged(settings: Settings, files: tuple[Copied, ...], name: str) -> Iterator[Staged]:
    """Copy what an identity names to a folder of its own, each file by its path in the project, mode and time fixed.

    Raises:
        MlopsError: A file changed meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="mlops-image-") as scratch:
        place = Staged(Path(scratch) / "context", Path(scratch) / "Dockerfile")
        shutil.copyfile(settings.root / "Dockerfile", place.dockerfile)
        for file in files:
            lay(file, place.folder / file.source.relative_to(settings.root))
        if identity(settings, files, local=False) != name:
            raise _changed()
        # Children first: what is written into a folder changes the folder's time.
        for path in sorted((place.folder, *place.folder.rglob("*")), reverse=True):
            if path.is_dir():
                path.chmod(0o755)
            os.utime(path, EPOCH)
        yield place


def lay(file: Copied, target: Path) -> None:
    """Copy one file with the mode that it has in the image.

    Raises:
        MlopsError: It is no longer what the manifest says.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file.source, target)
    target.chmod(0o755 if file.mode == "100755" else 0o644)
    if copied(target, file.path).line != file.line:
        raise _changed()


def _changed() -> MlopsError:
    return MlopsError("A file of the image changed while it was copied. Let `dvc repro` end, then run again.")
