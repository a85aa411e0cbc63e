"""Several processes that answer on one socket: started, watched and drained by a parent that answers nothing itself."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.serving import metrics_requests
from mlops.serving.log import event
from mlops.serving.tally import forget_in_flight

FIRST, LONGEST = 0.1, 10.0  # seconds before a dead worker is started again: doubled each time, up to the second
SETTLED = 10.0  # seconds after which a worker's death is the first again
TRIES = 5


@dataclass
class Worker:
    """One place among the workers, and the process that has it."""

    slot: int
    process: asyncio.subprocess.Process | None = None
    ready: bool = False
    left: bool = False
    deaths: int = 0

    def signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


@dataclass
class Workers:
    """The workers of one server.

    Args:
        command: What starts one, but for the socket and its place.
        listener: The listening socket, which stays open here until the end.
        count: How many.
        folder: Where they share their counters.
    """

    command: Sequence[str]
    listener: socket.socket
    count: int
    folder: Path
    version: bytes = b""
    failed: str = ""
    draining: bool = False
    above: asyncio.WriteTransport | None = None
    workers: list[Worker] = field(default_factory=list)
    up: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, ready_fd: int | None) -> None:
        """Serve until a signal, or until the parent that holds the other end of `ready_fd` is gone.

        Raises:
            MlopsError: A worker cannot be brought up.
        """
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.drain)
        self.workers = [Worker(slot) for slot in range(self.count)]
        kept = [asyncio.create_task(self._keep(worker)) for worker in self.workers]
        await asyncio.wait((asyncio.create_task(self.up.wait()), *kept), return_when=asyncio.FIRST_COMPLETED)
        if not self.up.is_set():
            self.drain()  # a worker could not even be started, which is raised below
        if not self.draining:
            place = "{}:{}".format(*self.listener.getsockname()[:2])
            event("start", address=place, workers=self.count, seconds=round(time.monotonic() - began, 2))
            self.above = await self._tell(ready_fd) if ready_fd is not None else None
        await asyncio.gather(*kept)
        if self.above is not None:
            self.above.close()
        if self.failed:
            raise MlopsError(self.failed)

    def drain(self) -> None:
        """Let all workers drain; a second time, let them end at once."""
        if not self.draining:
            event("drain", workers=self.count)
        self.draining = True
        self.up.set()
        for worker in self.workers:
            worker.signal(signal.SIGTERM)

    async def _keep(self, worker: Worker) -> None:
        """Start a worker, and start it again when it dies."""
        while not self.draining:
            began = time.monotonic()
            code = await self._ended(worker, *await self._start(worker))
            forget_in_flight(self.folder, worker.slot, metrics_requests.NAME)
            if self.draining:
                break
            lasted = worker.ready and time.monotonic() - began > SETTLED
            worker.deaths = 1 if lasted else worker.deaths + 1
            event("worker-end", "error", f"worker {worker.slot} ended", slot=worker.slot, code=code)
            if not self.up.is_set() or worker.deaths > TRIES:
                self.failed = f"worker {worker.slot} of {self.count} ended with exit code {code} before it was ready"
                self.failed += ": see its own message above." if not self.up.is_set() else f", {TRIES} times."
                self.drain()
                break
            await asyncio.sleep(min(FIRST * 2 ** (worker.deaths - 1), LONGEST))

    async def _start(self, worker: Worker) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
        reads, writes = os.pipe()
        listens = self.listener.fileno()
        command = [*self.command, "--fd", str(listens), "--ready-fd", str(writes)]
        command += ["--tally", str(self.folder), "--slot", str(worker.slot)]
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mlops.serving", *command, pass_fds=(listens, writes), process_group=0
            )
        except OSError as error:
            os.close(reads)
            raise MlopsError(f"A worker cannot be started: {error.strerror}. Give more memory, or fewer.") from error
        finally:
            os.close(writes)
        worker.process, worker.ready, told = process, False, asyncio.StreamReader()
        pipe = os.fdopen(reads, "rb", buffering=0)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(told), pipe)
        return process, told

    async def _ended(self, worker: Worker, process: asyncio.subprocess.Process, told: asyncio.StreamReader) -> int:
        """Wait for the end of a worker; hear meanwhile that it is ready, and that it no longer accepts."""
        if self.draining:
            worker.signal(signal.SIGTERM)
        line = await told.readline()
        if line:
            self.version, worker.ready = line, True
            if all(other.ready for other in self.workers):
                self.up.set()
            await told.readline()
        worker.left = self.draining
        if all(other.left for other in self.workers):
            self._leave()
        return await process.wait()

    def _leave(self) -> None:
        """Let go of the socket and say so, once no worker accepts."""
        self.listener.close()
        if self.above is not None and not self.above.is_closing():
            self.above.write(b"draining\n")

    async def _tell(self, descriptor: int) -> asyncio.WriteTransport:
        """Tell the parent above that all are ready, and drain when it is gone."""
        drain = self.drain

        class Watch(asyncio.BaseProtocol):
            def connection_lost(self, exc: Exception | None) -> None:
                drain()

        pipe = os.fdopen(descriptor, "wb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_write_pipe(Watch, pipe)
        transport.write(self.version)
        return transport


def run_workers(command: Sequence[str], listener: socket.socket, count: int, ready_fd: int | None) -> None:
    """Serve with several workers until a signal.

    Raises:
        MlopsError: A worker cannot be brought up.
    """
    listener.set_inheritable(True)
    with tempfile.TemporaryDirectory(prefix="mlops-tally-") as folder:
        asyncio.run(Workers(command, listener, count, Path(folder)).run(ready_fd))
