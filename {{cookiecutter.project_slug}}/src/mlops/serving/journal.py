"""Append-only files of what was asked and what became of it: one a process and UTC day, a JSON object a line.

Lines of `inputs` wait a moment in memory, so that no answer waits for a disk; those of `outcomes` are on the disk, or
known to be lost, when the call returns. A file that cannot be written costs lines, which are counted, never a request.
"""

from __future__ import annotations

import atexit
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from mlops.serving.log import event

Kind = Literal["inputs", "outcomes"]
Lost = Callable[[int], None]
PAUSE = 0.1  # seconds in which lines are gathered
LAST = 5.0  # seconds that the end waits for a disk
SECONDS = 86_400  # of a day
MOST_BYTES = 32 * 2**20


class Journal:
    """The files of this process; it also works in a process that was forked from the one that made it."""

    def __init__(self, folder: Path, lost: Lost, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.lost = lost
        self.clock = clock
        self.day = (0, "")
        self.files: dict[Kind, Lines] = {"inputs": Lines(folder / "inputs"), "outcomes": Lines(folder / "outcomes")}
        self.waiting: list[tuple[str, bytes, int]] = []
        self.bytes = 0
        self.wake = threading.Condition()
        self.process = 0
        self.thread: threading.Thread | None = None
        self.closed = False

    def inputs(self, line: bytes, rows: int) -> None:
        """Take a line of so many rows, to be written soon; where too much waits for a disk it is lost."""
        with self.wake:
            full = self.bytes + len(line) > MOST_BYTES
            if not full:
                self.waiting.append((self._day(), line, rows))
                self.bytes += len(line)
            if self.process != os.getpid():
                self._start()
            if len(self.waiting) == 1:
                self.wake.notify()
        if full:
            self.lost(rows)

    def outcomes(self, lines: Sequence[bytes]) -> None:
        """Write lines."""
        self._write("outcomes", self._day(), lines, len(lines))

    def close(self) -> None:
        """Write what waits."""
        with self.wake:
            self.closed = True
            self.wake.notify()
        # The thread may hold lines that it has taken, and ends with the process.
        if self.thread is not None and self.process == os.getpid():
            self.thread.join(LAST)
        self._flush()

    def _start(self) -> None:
        self.process = os.getpid()
        atexit.register(self.close)
        self.thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        while not self.closed:
            with self.wake:
                while not self.waiting and not self.closed:
                    self.wake.wait()
            pause.wait(PAUSE)
            self._flush()

    def _flush(self) -> None:
        with self.wake:
            waiting, self.waiting, self.bytes = self.waiting, [], 0
        for day in sorted({day for day, _, _ in waiting}):
            some = [(line, rows) for of, line, rows in waiting if of == day]
            self._write("inputs", day, [line for line, _ in some], sum(rows for _, rows in some))

    def _write(self, kind: Kind, day: str, lines: Sequence[bytes], rows: int) -> None:
        if lines and not self.files[kind].append(day, lines):
            self.lost(rows)

    def _day(self) -> str:
        number = int(self.clock() // SECONDS)
        if self.day[0] != number:
            self.day = (number, datetime.fromtimestamp(number * SECONDS, UTC).strftime("%Y%m%d"))
        return self.day[1]


class Lines:
    """The file that this process has today in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        self.opened: tuple[int, str] | None = None
        self.file = -1
        self.torn = False
        self.failed = False

    def append(self, day: str, lines: Sequence[bytes]) -> bool:
        """Append whole lines; returns whether all are written."""
        with self.lock:
            try:
                self._open(day)
                # Half a line may stand there from a write that failed: what follows begins on a line of its own.
                data = (b"\n" if self.torn else b"") + b"".join(line + b"\n" for line in lines)
                self.torn = os.write(self.file, data) != len(data)
                failed = "the disk is full" if self.torn else ""
            except OSError as error:
                failed = error.strerror or type(error).__name__
            if failed and not self.failed:
                event("journal", "error", folder=str(self.folder), reason=failed, message="lines are lost")
            self.failed = bool(failed)
            return not failed

    def _open(self, day: str) -> None:
        if self.opened == (os.getpid(), day):
            return
        if self.opened is not None and self.opened[0] == os.getpid():
            os.close(self.file)
        self.opened = None
        self.folder.mkdir(parents=True, exist_ok=True)
        # A container's process has the same name and number when it starts again; the end of its file may be torn.
        name = f"{day}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}.jsonl"
        self.file = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        self.opened, self.torn = (os.getpid(), day), False
