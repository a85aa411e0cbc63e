"""The keys that sign ids of predictions: a file that may change while the server runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.serving.log import event

Key = bytes
FEWEST_CHARACTERS = 32
MOST_KEYS = 10
LOOK = 10.0  # seconds between two looks at the file


class Keys:
    """The keys of a file, one a line: the first signs, all verify. The file is read again when it has changed."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file.

        Raises:
            MlopsError: It is missing, empty, or a key is too short.
        """
        self.path = path
        self.clock = clock
        self.looked = clock()
        self.mark = _mark(path)
        self.keys = read_keys(path)

    def all(self) -> tuple[Key, ...]:
        """List the keys; a file that has become unreadable leaves them as they were."""
        if self.clock() - self.looked >= LOOK:
            self.looked = self.clock()
            mark = _mark(self.path)
            if mark != self.mark:
                self.mark = mark
                self._again()
        return self.keys

    def signing(self) -> Key:
        """Give the key to sign with."""
        return self.all()[0]

    def _again(self) -> None:
        try:
            self.keys = read_keys(self.path)
            event("signing-key", keys=len(self.keys), message="the file has changed and was read again")
        except MlopsError as error:
            event("signing-key", "error", reason=str(error), message="the keys from before are used")


def read_keys(path: Path) -> tuple[Key, ...]:
    """Read a file of keys.

    Raises:
        MlopsError: It is missing, empty, or a key is too short; no message shows a key.
    """
    make = "Make one with `openssl rand -hex 32`."
    try:
        keys = tuple(line.strip() for line in path.read_bytes().splitlines() if line.strip())
    except OSError as error:
        raise MlopsError(f"--signing-key {str(path)!r} is not readable: {error.strerror}. {make}") from error
    if not 1 <= len(keys) <= MOST_KEYS:
        raise MlopsError(
            f"--signing-key {str(path)!r} has {len(keys)} keys: 1 to {MOST_KEYS} are due, one a line. {make}"
        )
    for number, key in enumerate(keys, 1):
        if len(key) < FEWEST_CHARACTERS:
            raise MlopsError(
                f"--signing-key {str(path)!r}: key {number} has {len(key)} characters; "
                f"at least {FEWEST_CHARACTERS} are due. {make}"
            )
    return keys


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # a Secret's file is a link that is swapped, and stat follows it
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
