"""A real server process, and HTTP to it over a real socket."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import mlops

SOURCE = Path(mlops.__file__).parents[1]
DEADLINE = 300.0  # A machine may stand still for a minute; what hangs is found all the same.


def clean_environment(source: Path = SOURCE) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {"PYTHONPATH": str(source), "PYTHONNOUSERSITE": "1"}


class Server:
    """`python -m mlops.serving` and the lines it logs."""

    def __init__(
        self,
        bundle: Path,
        *more: str,
        python: Path | str = sys.executable,
        until: str = "start",
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [str(python), "-m", "mlops.serving", "--bundle", str(bundle), "--port", "0", *more],
            env=clean_environment() | dict(env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []
        self.heard: Queue[str] = Queue()
        # A log that nobody reads would stop the server when the pipe is full.
        Thread(target=self._hear, daemon=True).start()
        self.started = self.wait_for(until)
        self.port = int(self.started["mlops.address"].rpartition(":")[2])

    def wait_for(self, event: str) -> dict[str, Any]:
        """Read the log up to an event; the end of the log is a failure."""
        for line in iter(self._line, ""):
            self.lines.append(json.loads(line))
            if self.lines[-1]["event.action"] == event:
                return self.lines[-1]
        raise AssertionError(f"no {event!r}; {self.lines}, {self.process.stderr and self.process.stderr.read()}")

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.heard.put(line)
        self.heard.put("")

    def _line(self) -> str:
        return self.heard.get(timeout=DEADLINE)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        connection = self.connect()
        try:
            return ask(connection, method, path, body, headers)
        finally:
            connection.close()

    def predict(self, *rows: Mapping[str, Any]) -> Answer:
        return self.request("POST", "/predict", {"rows": list(rows)})

    def raw(self, data: bytes) -> bytes:
        """Send bytes and read until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as connection:
            connection.sendall(data)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self) -> int:
        self.lines += [json.loads(line) for line in iter(self._line, "")]
        return self.process.wait(DEADLINE)


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, data, dict(headers or {}))
    return Answer(connection.getresponse())


@contextmanager
def serving(
    bundle: Path,
    *more: str,
    python: Path | str = sys.executable,
    until: str = "start",
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a server; it is gone afterwards, whatever happened."""
    server = Server(bundle, *more, python=python, until=until, env=env)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()
        if server.process.stderr is not None:
            server.process.stderr.close()
