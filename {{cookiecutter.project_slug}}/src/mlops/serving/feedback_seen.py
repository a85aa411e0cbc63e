"""The ids whose outcome was counted, in an SQLite file that the processes of one machine share."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops.serving.log import event

Id = tuple[int, bytes]  # time in ms, random bytes
NAME = "seen.sqlite"
BUSY = 5.0  # seconds in which another process may have the file
MOST_WITHOUT_FOLDER = 500_000
CLEAN_EVERY = 10_000


class Seen:
    """What was counted: ids older than `forget` ms are removed, since they are late, and late is not counted."""

    def __init__(self, folder: Path | None, forget: int) -> None:
        self.path = (folder or _temporary()) / NAME
        self.forget = forget
        # The folder of temporary files of a pod is small.
        self.most = None if folder else MOST_WITHOUT_FOLDER
        self.lock = threading.Lock()
        self.connection: sqlite3.Connection | None = None
        self.process = 0
        self.taken = 0
        self.failed = False

    def take(self, ids: Iterable[Id], now: int, keep: Callable[[set[Id]], None]) -> set[Id]:
        """Remember ids; returns those that were new, also where the file fails: an outcome is not lost for that.

        Args:
            ids: Of one request.
            now: The time in ms.
            keep: Called with the new ones before they are remembered, while no other process can take them.
        """
        wanted = set(ids)
        if not wanted:
            return wanted
        kept: list[set[Id]] = []

        def once(new: set[Id]) -> None:
            kept.append(new)
            keep(new)

        try:
            with self.lock, self._transaction() as connection:
                new = {item for item in wanted if not _known(connection, item)}
                once(new)
                connection.executemany("INSERT INTO seen VALUES (?, ?)", new)
                self._clean(connection, len(new), now)
            self.failed = False
            return new
        except (sqlite3.Error, OSError) as error:
            self._trouble(error)
        if kept:
            return kept[0]
        once(wanted)
        return wanted

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self.connection is None or self.process != os.getpid():
            self.connection, self.process = _open(self.path), os.getpid()
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.commit()
        except BaseException:
            self.connection.rollback()
            raise

    def _clean(self, connection: sqlite3.Connection, new: int, now: int) -> None:
        self.taken += new
        if self.taken < CLEAN_EVERY:
            return
        self.taken = 0
        connection.execute("DELETE FROM seen WHERE at < ?", (now - self.forget,))
        if self.most is not None:
            oldest = "SELECT at, nonce FROM seen ORDER BY at DESC, nonce DESC LIMIT -1 OFFSET ?"
            connection.execute(f"DELETE FROM seen WHERE (at, nonce) IN ({oldest})", (self.most,))

    def _trouble(self, error: Exception) -> None:
        if not self.failed:
            event("feedback", "error", file=str(self.path), reason=str(error), message="a repeated outcome may count")
        self.failed = True
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            # No database, or a broken one: what follows starts a new one.
            self.connection = None
            self.path.unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
    # A journal file, not shared memory, so that a folder of the network will do; after a crash of the machine
    # a few ids may be missing, which is not worth a wait for the disk in each request.
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS seen (at INTEGER, nonce BLOB, PRIMARY KEY (at, nonce)) WITHOUT ROWID"
    )
    return connection


def _known(connection: sqlite3.Connection, item: Id) -> bool:
    return connection.execute("SELECT 1 FROM seen WHERE at = ? AND nonce = ?", item).fetchone() is not None


def _temporary() -> Path:
    return Path(tempfile.gettempdir()) / f"mlops-feedback-{os.getuid()}"
