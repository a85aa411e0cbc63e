"""The base images that the Dockerfile names, and the digests that pin them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError

FROM = re.compile(r"^(FROM[ \t]+(?:--\S+[ \t]+)*)(\S+)(?:[ \t]+AS[ \t]+(\S+))?", re.MULTILINE | re.IGNORECASE)
MINOR = re.compile(r"\d+\.\d+")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Base:
    """A base image as the Dockerfile writes it; `digest` is empty where it is not pinned."""

    name: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        """Its repository with its registry, which Docker Hub's images may leave out."""
        host = self.name.partition("/")[0]
        if "/" in self.name and ("." in host or ":" in host or host == "localhost"):
            return self.name
        return f"docker.io/{self.name if '/' in self.name else 'library/' + self.name}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return self.name + tag + (f"@{self.digest}" if self.digest else "")


def require_pinned(root: Path) -> tuple[Base, ...]:
    """Read which images a project's image is built on.

    Raises:
        MlopsError: One is not pinned by its digest, is a build argument, or has another Python than the project.
    """
    found = bases(_read(root))
    for base in found:
        if not DIGEST.fullmatch(base.digest):
            raise MlopsError(
                f"Dockerfile: the base {str(base)!r} is not pinned by its digest: next week the same identity would "
                "be another image. Run `mlops image pin`, and commit the Dockerfile."
            )
        if wanted(root, base) != base.tag:
            raise MlopsError(
                f"Dockerfile: the base is {str(base)!r}, but .python-version says {minor(root)}. "
                "Run `mlops image pin`, and commit the Dockerfile."
            )
    return found


def bases(text: str) -> tuple[Base, ...]:
    """List the images that a Dockerfile's stages begin with, each once, stages of its own left out.

    Raises:
        MlopsError: There is none, or one is a build argument.
    """
    stages: set[str] = set()
    found: dict[Base, None] = {}
    for _, reference, stage in FROM.findall(text):
        if "$" in reference:
            raise MlopsError(
                f"Dockerfile: FROM {reference!r} depends on a build argument, which no identity covers. Name the base."
            )
        if reference.lower() not in stages | {"scratch"}:
            found[parse(reference)] = None
        stages.add(stage.lower())
    if not found:
        raise MlopsError("Dockerfile: no FROM names a base image. Restore it with `git checkout Dockerfile`.")
    return tuple(found)


def parse(reference: str) -> Base:
    """Take the name of an image apart."""
    rest, _, digest = reference.partition("@")
    folder, slash, last = rest.rpartition("/")
    name, _, tag = last.partition(":")
    return Base(folder + slash + name, tag, digest)


def pin(root: Path, ask: Callable[[Base], str]) -> dict[Base, Base]:
    """Write the digests of the bases into the Dockerfile, and the project's Python into their tags.

    Args:
        root: The project.
        ask: Finds the digest of a base.

    Returns:
        What each base became, also where that is the same.
    """
    text = _read(root)
    fresh = {base: Base(base.name, wanted(root, base), "") for base in bases(text)}
    pinned = {old: Base(new.name, new.tag, ask(new)) for old, new in fresh.items()}
    names = {str(old): str(new) for old, new in pinned.items()}

    def written(match: re.Match[str]) -> str:
        head, reference = match[1], match[2]
        return head + names.get(reference, reference) + match[0][len(head + reference) :]

    (root / "Dockerfile").write_text(FROM.sub(written, text), encoding="utf-8")
    return pinned


def wanted(root: Path, base: Base) -> str:
    """Say which tag a base must have: one of `python` has the project's Python."""
    told = MINOR.match(base.tag)
    if base.name.rpartition("/")[2] != "python" or not told or told[0] == minor(root):
        return base.tag
    # A patch release of another Python means nothing: `3.11.9-slim` becomes `3.12-slim`.
    return re.sub(r"^[\d.]+", minor(root), base.tag)


def minor(root: Path) -> str:
    """Read the project's Python, for example `3.11`.

    Raises:
        MlopsError: There is no .python-version, or it says something else.
    """
    path = root / ".python-version"
    try:
        found = MINOR.match(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MlopsError(f"{path}: not readable. Restore it with `git checkout .python-version`.") from error
    if not found:
        raise MlopsError(f"{path}: must begin with a version of Python such as 3.11. Correct it.")
    return found[0]


def _read(root: Path) -> str:
    path = root / "Dockerfile"
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MlopsError(
            f"{path}: not readable ({error.strerror}). Restore it with `git checkout Dockerfile`."
        ) from error
