"""Run the application on a listening socket: ready when verified, drained before it ends."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn

from mlops.serving.app import App
from mlops.serving.documents import State
from mlops.serving.log import event

TICK = 0.05


@dataclass(frozen=True)
class Start:
    """How a server comes up.

    `load` fills the state; `shared` says that another server answers on the same socket meanwhile, so that this
    one must not accept before it can answer; `ready` is called once it does.
    """

    load: Callable[[], None]
    ready: Callable[[], Awaitable[None]]
    shared: bool
    grace: float


class Server(uvicorn.Server):
    """Uvicorn that loads the model at the right moment and lets go of its clients without failing one."""

    def __init__(self, state: State, start: Start) -> None:
        quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
        super().__init__(uvicorn.Config(App(state), lifespan="off", timeout_graceful_shutdown=5, **quiet))
        self.state = state
        self.start = start
        self.parent: asyncio.WriteTransport | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, end at the second; the exit code stays 0, so no signal is raised again."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Load, then accept; on a socket of its own accept first, so that probes are answered while it loads."""
        if self.start.shared:
            await asyncio.to_thread(self.start.load)
        await super().startup(sockets)
        if not self.start.shared:
            event("listen", address=address(self.servers[0].sockets[0]))
            await asyncio.to_thread(self.start.load)
        await self.start.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer what is open with `Connection: close` until the grace is over, then close."""
        self.state.draining = True
        for server in self.servers:
            server.close()
        event("drain", connections=len(self.server_state.connections))
        if self.parent and not self.parent.is_closing():
            self.parent.write(b"draining\n")
        deadline = time.monotonic() + self.start.grace
        # At least one tick: a connection may be accepted and not yet be known.
        while True:
            await asyncio.sleep(TICK)
            if self.force_exit or not self.server_state.connections or time.monotonic() > deadline:
                break
        await super().shutdown(sockets)


def address(listener: Any) -> str:
    """Write the address of a socket as host:port."""
    return "{}:{}".format(*listener.getsockname()[:2])
