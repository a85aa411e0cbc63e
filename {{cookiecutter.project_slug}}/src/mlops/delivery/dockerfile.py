"""The images that the Dockerfile builds on and copies from, and the digests that pin them."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError

FROM = re.compile(r"^FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?", re.MULTILINE | re.IGNORECASE)
GAP = r"(?:[ \t]|\\[ \t]*\r?\n(?:[ \t]*#.*\n)*)+"
# The options of an instruction, which may go on over lines; and the images that they name.
OPTIONS = re.compile(rf"^[ \t]*(?:ONBUILD{GAP})?(?:COPY|RUN)((?:{GAP}--[^\s\\]+)+)", re.MULTILINE | re.IGNORECASE)
USED = re.compile(r'--from="?([^\s"]+)|--mount=\S*?(?<=[=,"])from="?([^\s,"]+)', re.IGNORECASE)
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
    """Read which images a project's image is built on, and which its Dockerfile copies from.

    Raises:
        MlopsError: One is not pinned by its digest, is a build argument, or has another Python than the project.
    """
    found = bases(_read(root))
    for base in found:
        if not DIGEST.fullmatch(base.digest):
            raise MlopsError(f"Dockerfile: {_unpinned(str(base))} Run `mlops image pin`, and commit the Dockerfile.")
        if wanted(root, base) != base.tag:
            raise MlopsError(
                f"Dockerfile: the base is {str(base)!r}, but .python-version says {minor(root)}. "
                "Run `mlops image pin`, and commit the Dockerfile."
            )
    return found


def require_same(words: Sequence[str], found: Sequence[Base], where: str) -> None:
    """Let options of a builder replace no image by one that no identity covers.

    Args:
        words: The options.
        found: The images that the Dockerfile names.
        where: Where the options come from.

    Raises:
        MlopsError: One names another image, or a folder or image to be taken for one.
    """
    for name, reference in _given(words):
        if name == "--build-context":
            raise MlopsError(
                f"{where}: {name} {reference!r} may replace a base or a stage, which no identity covers. Take it out."
            )
        digest = parse(reference).digest
        if not DIGEST.fullmatch(digest):
            raise MlopsError(f"{where}: {_unpinned(reference)} Name it in the Dockerfile, and run `mlops image pin`.")
        if digest not in {base.digest for base in found}:
            raise MlopsError(
                f"{where}: the base {reference!r} is none of the Dockerfile's, and no identity covers it. "
                "Name it in the Dockerfile."
            )


def _given(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("--from", "--build-context"):
            yield name, value if equals else "".join(words[at + 1 : at + 2])


def _unpinned(reference: str) -> str:
    return f"the base {reference!r} is not pinned by its digest: next week the same identity would be another image."


def bases(text: str) -> tuple[Base, ...]:
    """List the images that a Dockerfile's stages begin with or take files from, each once, its own stages left out.

    Raises:
        MlopsError: There is none, or one is a build argument.
    """
    return tuple(dict.fromkeys(parse(text[begin:end]) for begin, end in _places(text)))


def _places(text: str) -> list[tuple[int, int]]:
    """Find where a Dockerfile names images that are not stages of its own, by name or number."""
    stages, found = {"scratch"}, []
    for match in FROM.finditer(text):
        found += _place(match, stages)
        stages.add((match[2] or "").lower())
    if not found:
        raise MlopsError("Dockerfile: no FROM names a base image. Restore it with `git checkout Dockerfile`.")
    for options in OPTIONS.finditer(text):
        for match in USED.finditer(text, *options.span(1)):
            found += _place(match, stages)
    return found


def _place(match: re.Match[str], stages: Container[str]) -> list[tuple[int, int]]:
    group = 1 if match[1] else 2
    reference = match[group]
    if "$" in reference:
        raise MlopsError(
            f"Dockerfile: the base {reference!r} depends on a build argument, which no identity covers. Name the base."
        )
    return [] if reference.isdigit() or reference.lower() in stages else [match.span(group)]


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
    digests = {base: ask(base) for base in dict.fromkeys(fresh.values())}
    pinned = {old: Base(new.name, new.tag, digests[new]) for old, new in fresh.items()}
    for begin, end in sorted(_places(text), reverse=True):
        text = text[:begin] + str(pinned[parse(text[begin:end])]) + text[end:]
    (root / "Dockerfile").write_text(text, encoding="utf-8")
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
