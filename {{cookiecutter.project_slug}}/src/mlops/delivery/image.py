"""What goes into an image, and the name of that content: the identity."""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery.dockerfile import minor
from mlops.settings import Settings

BUNDLE = Path("build/bundle")
MACHINERY = ("src/mlops/__init__.py", "src/mlops/contract", "src/mlops/serving")
OTHERS = ("requirements/serve.txt", ".python-version")
OPTIONAL = frozenset({".python-version"})
NEVER = frozenset({"__pycache__", ".DS_Store"})
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ImageRef:
    """An image that exists: what it is for (identity), and where it lies."""

    identity: str
    repository: str
    digest: str


@dataclass(frozen=True)
class Copied:
    """One file of an image: where it comes from, where it goes, and what it is."""

    source: Path
    path: str
    mode: str
    sha256: str

    @property
    def line(self) -> str:
        """Its line in the manifest."""
        return f"{self.path} {self.mode} {self.sha256}\n"


def manifest(root: Path) -> tuple[Copied, ...]:
    """List every file that a project's image holds, sorted by its line.

    Modes are those that Git keeps (100644, 100755), so that a umask changes nothing.

    Raises:
        MlopsError: A part is missing.
    """
    parts = [(BUNDLE, "bundle"), *((Path(part), part) for part in (*MACHINERY, *OTHERS))]
    files = [file for source, target in parts for file in _part(root, source, target)]
    return tuple(sorted(files, key=lambda file: file.line.encode()))


def listing(folder: Path) -> tuple[Copied, ...]:
    """List the files of an image that is laid out in a folder, sorted by line."""
    files = (copied(path, path.relative_to(folder).as_posix()) for path in _walk(folder))
    return tuple(sorted(files, key=lambda file: file.line.encode()))


def identity(settings: Settings, files: tuple[Copied, ...] | None = None, *, local: bool | None = None) -> str:
    """Name the content of a project's image.

    sha256 over the manifest's sorted lines, then `Dockerfile <mode> <sha256>` where the project has one, which
    names the base by its digest, and `platform <os>/<architecture> python<minor>`.

    Args:
        settings: The project.
        files: Its manifest, where the caller has it already.
        local: Whether it runs on this machine, which then is its platform; else that is [tool.mlops]'s `platform`
            and the Python of .python-version, whoever builds. Default: as `target` says.

    Returns:
        "sha256:" and 64 hexadecimal digits.
    """
    here = settings.target == "local" if local is None else local
    lines = [file.line for file in (manifest(settings.root) if files is None else files)]
    dockerfile = settings.root / "Dockerfile"
    lines += [copied(dockerfile, "Dockerfile").line] if dockerfile.is_file() else []
    return _sha256(
        [*lines, f"platform {_machine() if here else f'{settings.platform} python{minor(settings.root)}'}\n"]
    )


def content_digest(files: tuple[Copied, ...]) -> str:
    """Name the files alone: the digest of an image of the `local` target."""
    return _sha256([file.line for file in files])


def _part(root: Path, source: Path, target: str) -> Iterator[Copied]:
    place = root / source
    if not place.exists():
        if target in OPTIONAL:
            return
        hint = "Run `dvc repro`." if source == BUNDLE else "Restore it with `git checkout`."
        raise MlopsError(f"{source.as_posix()!r} is missing and belongs into the image. {hint}")
    for path in _walk(place) if place.is_dir() else [place]:
        yield copied(path, (Path(target) / path.relative_to(place)).as_posix())


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in NEVER or path.suffix == ".pyc":
            continue
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def copied(source: Path, path: str) -> Copied:
    """Describe a file that goes to a path of the image."""
    if any(ord(letter) < 32 for letter in path):
        raise MlopsError(f"{path!r}: a file of the image has a control character in its name. Rename it.")
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        executable = Path(file.name).stat().st_mode & 0o100
    return Copied(source, path, "100755" if executable else "100644", digest)


def _machine() -> str:
    machine = platform.machine().lower()
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{platform.system().lower()}/{ARCHITECTURES.get(machine, machine)} python{minor}"


def _sha256(lines: list[str]) -> str:
    return "sha256:" + hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
