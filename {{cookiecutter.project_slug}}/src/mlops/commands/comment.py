"""`mlops comment`."""

from __future__ import annotations

from pathlib import Path

from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.delivery.forge import connect
from mlops.delivery.trunk import trunk
from mlops.settings import find

MARKER = "<!-- mlops report -->"


def comment(file: Path, branch: str, *, missing: str) -> None:
    """Write a report into the pull request of a branch; the file comes from that branch, so it is only ever text."""
    settings = find()
    body = _read(file) or missing
    if not body:
        raise MlopsError(f"{str(file)!r} is not there or empty. Give a report, or say with --missing what is missing.")
    say(connect(trunk(settings), settings.ci).comment(branch, MARKER, body))


def _read(file: Path) -> str:
    """Read a report; "" where there is none.

    Raises:
        MlopsError: It is a link, which could lead to what only this machine may read, or no file.
    """
    link = next((str(part) for part in (file, file.parent) if part.is_symlink()), None)
    if link is not None:
        raise MlopsError(f"{link!r} is a link. Give the file itself, as `mlops report --format markdown` prints it.")
    if not file.exists():
        return ""
    if not file.is_file():
        raise MlopsError(f"{str(file)!r} is no file. Give one, as `mlops report --format markdown` prints it.")
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise MlopsError(f"{str(file)!r} cannot be read: {error}. Give a file of Markdown.") from error
