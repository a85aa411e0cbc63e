"""Follow Git and make the server of one environment agree with it."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.delivery import local_state
from mlops.delivery.layout import RECORD, folder
from mlops.delivery.local_decide import Failures, Wanted, decide, relevant
from mlops.delivery.local_server import LocalServer, difference, start
from mlops.delivery.records import parse
from mlops.delivery.trunk import Trunk, trunk
from mlops.settings import Settings

Say = Callable[[str], None]
STEADY = 60.0  # seconds of service after which a crash counts as the first one


class Reconciler:
    """One environment on one port of this machine."""

    def __init__(self, settings: Settings, env: str, listener: socket.socket, say: Say) -> None:
        self.settings, self.env, self.listener = settings, env, listener
        self.port: int = listener.getsockname()[1]
        self.trunk: Trunk = trunk(settings)
        self.server: LocalServer | None = None
        self.leaving: list[LocalServer] = []
        self.failed: dict[bytes, Failures] = {}
        self.since = 0.0
        self.wanted: Wanted | None = None
        self._say = say
        self._said: dict[str, str] = {}

    @property
    def url(self) -> str:
        """Where the environment answers."""
        return f"http://127.0.0.1:{self.port}"

    def step(self) -> None:
        """Look once at Git and at the server, and do what is to be done."""
        self._look()
        alive = self._reap()
        last = self.server.wanted if self.server else None
        self.failed = relevant(self.failed, self.wanted, last)
        chosen = decide(self.wanted, last, alive, self.failed, time.monotonic())
        if chosen is not None:
            self._serve(chosen)

    def rest(self, seconds: float) -> None:
        """Wait, but not past the end of the server."""
        watched = [self.server.told] if self.server and not self.server.told.closed else []
        for told in select.select(watched, [], [], seconds)[0]:
            told.read(65536)

    def stop(self) -> None:
        """Drain every server and wait for their end."""
        for server in [*self.leaving, *([self.server] if self.server else [])]:
            server.stop()
        self.leaving, self.server = [], None

    def _look(self) -> None:
        try:
            tip = self.trunk.tip()
            text = self.trunk.git.show(tip, f"{folder(self.env)}/{RECORD}")
            self.wanted = None if text is None else Wanted(text, parse(text, f"{folder(self.env)}/{RECORD}"), tip)
        except MlopsError as error:
            self._once("git", f"{error}{self._keeps()}")
            return
        self._once("git", "" if text is not None else self._nothing())

    def _nothing(self) -> str:
        if self.server is None:
            return f"nothing is released yet on {self.trunk.where}; waiting"
        return f"{self.trunk.where} names no release any more; {self.server.name} stays"

    def _serve(self, wanted: Wanted) -> None:
        started: LocalServer | None = None
        self._once("start", f"{wanted.record.id} is what {self.trunk.where} names; starting it")
        try:
            started = start(self.settings, wanted, self.listener, local_state.folder(self.settings, self.env))
            started.wait_ready()
        except MlopsError as error:
            if started is not None:
                started.stop()
            self._fail(wanted, f"cannot be served: {error}")
        except BaseException:
            if started is not None:
                started.stop()
            raise
        else:
            self._switch(started)

    def _switch(self, started: LocalServer) -> None:
        old, self.server, self.since = self.server, started, time.monotonic()
        after = ""
        if old is not None and old.alive():
            self.leaving.append(old)
            old.leave()
            after = f"; {old.name} drains"
        self.write_state()
        record = started.wanted.record
        wrong = difference(started.wanted, version(self.port) or {})
        self._said.pop("fail", None)
        self._tell(f"{record.id} (commit {record.commit[:7]}) is serving on {self.url}{after}")
        if wrong:
            self._tell(f"but {self.url}/version answers {wrong}")

    def _fail(self, wanted: Wanted, reason: str) -> None:
        before = self.failed.get(wanted.text)
        failure = self.failed[wanted.text] = Failures(before.count + 1 if before else 1, time.monotonic())
        pause = failure.again - failure.at
        self._once("fail", f"{wanted.record.id} {reason}{self._keeps()}", f" (next attempt in {pause:g} s)")

    def _keeps(self) -> str:
        alive = self.server is not None and self.server.alive()
        return f" {self.server.name} keeps serving." if self.server and alive else ""

    def _reap(self) -> bool:
        """Notice who ended, and tell whether the server runs; asked once a step, so that no end goes unseen."""
        for server in [server for server in self.leaving if not server.alive()]:
            self.leaving.remove(server)
            server.told.close()
            self._tell(f"{server.name} drained")
        if self.server is None or self.server.alive():
            return self.server is not None
        if not self.server.told.closed:
            self.server.told.close()
            self._died(self.server)
        return False

    def _died(self, server: LocalServer) -> None:
        if time.monotonic() - self.since > STEADY:
            self.failed.pop(server.wanted.text, None)
        self.write_state()
        self._fail(server.wanted, f"stopped answering: {server.reason()}")

    def write_state(self) -> None:
        """Tell other processes what runs."""
        alive = self.server is not None and self.server.alive()
        record = self.server.wanted.record if self.server and alive else None
        state = local_state.Running(
            pid=os.getpid(),
            port=self.port,
            log=str(local_state.folder(self.settings, self.env) / "server.log"),
            release=record.id if record else None,
            commit=record.commit if record else None,
            server_pid=self.server.process.pid if self.server and alive else None,
        )
        local_state.write(self.settings, self.env, state)

    def _once(self, topic: str, text: str, more: str = "") -> None:
        """Say what was not just said on the topic."""
        if self._said.get(topic, "") != text:
            self._said[topic] = text
            if text:
                self._tell(text + more)

    def _tell(self, text: str) -> None:
        self._say(f"{self.env}: {text}")


def version(port: int, seconds: float = 60.0) -> dict[str, Any] | None:
    """Ask a port of this machine for `/version`; None where nothing sensible answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", "/version", headers={"Connection": "close"})
        answer = json.loads(connection.getresponse().read())
        return answer if isinstance(answer, dict) else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
