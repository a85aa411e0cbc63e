"""A real reconciler process, its lines, and clients that never pause."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from unit.serving.bundle_factory import ROW
from unit.serving.processes import DEADLINE, SOURCE

from mlops.delivery.local_reconciler import version
from mlops.settings import Settings

UP = """
import sys
from pathlib import Path
from mlops.delivery.local import up
from mlops.contract.errors import MlopsError
from mlops.settings import find
try:
    up(find(Path(sys.argv[1])), "staging", port=0, poll=0.05, say=lambda line: print(line, flush=True))
except MlopsError as error:
    sys.exit(f"{error}")
"""


class Up:
    """`mlops local up` in the foreground of a process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        env = {**os.environ, "PYTHONPATH": str(SOURCE)}
        command = [sys.executable, "-c", UP, str(settings.root)]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.watchdog = threading.Timer(3 * DEADLINE, self.process.kill)
        self.watchdog.start()

    def wait_for(self, text: str) -> str:
        """Read what it says up to a line that has a text; its end is a failure."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"it never said {text!r}: {self.lines}")

    def serves(self, name: str) -> int:
        """Wait until a release is served, and return the port."""
        line = self.wait_for(f"{name} (commit ")
        return int(line.partition("http://127.0.0.1:")[2].partition(";")[0])

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=DEADLINE)
        self.lines += output.splitlines()
        return self.process.returncode


@contextmanager
def up(settings: Settings) -> Iterator[Up]:
    started = Up(settings)
    try:
        yield started
    finally:
        started.watchdog.cancel()
        if started.process.poll() is None:
            started.process.terminate()
        started.process.communicate()


class Load:
    """Threads that ask without a pause, each on one connection or on a fresh one each time."""

    def __init__(self, port: int, threads: int = 2) -> None:
        self.port = port
        self.failures: list[str] = []
        self.answers: list[str | None] = []
        self.over = threading.Event()
        keep = [True, False] * threads
        self.threads = [threading.Thread(target=self._ask, args=(kept,)) for kept in keep]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, kept: bool) -> None:
        body = json.dumps({"rows": [ROW]}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        while not self.over.is_set():
            try:
                connection.request("POST", "/predict", body)
                answer = connection.getresponse()
                found: dict[str, Any] = json.loads(answer.read())
                self.answers.append(found["release"])
                if answer.status != 200:
                    self.failures.append(f"{answer.status} {found}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
            if not kept:
                connection.close()
        connection.close()


def served(port: int) -> str | None:
    """The id of the release that answers on a port."""
    answer = version(port)
    return None if answer is None else answer["release"]["id"]
