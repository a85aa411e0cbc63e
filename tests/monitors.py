"""Real Prometheus and Alertmanager on loopback for the time of a block, and promtool."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import yaml
from prometheus import tools

LISTENING = re.compile(r"Listening on.*? address=127\.0\.0\.1:(\d+)")


@cache
def tool(name: str) -> str:
    """Name a program of Prometheus; without it the test is skipped, with the reason."""
    try:
        return str(tools()[name])
    except RuntimeError as error:
        pytest.skip(str(error))


def ran(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run promtool or amtool to its end."""
    return subprocess.run(
        [tool(name), *arguments], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


@dataclass(frozen=True)
class Monitor:
    """A running Prometheus or Alertmanager."""

    port: int
    config: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **parameters: str | float) -> Any:
        """Ask its API; returns the document."""
        with urlopen(f"{self.url}{path}?{urlencode(parameters)}") as answer:
            return json.loads(answer.read())

    def post(self, path: str, document: Any) -> None:
        """Send a JSON document."""
        headers = {"Content-Type": "application/json"}
        urlopen(Request(f"{self.url}{path}", json.dumps(document).encode(), headers)).close()

    def reload(self) -> None:
        """Let it read its configuration and rules again."""
        urlopen(Request(f"{self.url}/-/reload", b"", method="POST")).close()

    def query(self, expression: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Evaluate PromQL at a time; returns labels and value of each series. Prometheus only."""
        when = {} if at is None else {"time": at}
        result = self.get("/api/v1/query", query=expression, **when)["data"]["result"]
        return [(series["metric"], float(series["value"][1])) for series in result]

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Evaluate PromQL over a time; returns `metric` and `values` of each series. Prometheus only."""
        found: list[dict[str, Any]] = self.get(
            "/api/v1/query_range", query=expression, start=start, end=end, step=step
        )["data"]["result"]
        return found

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """Give the labels of what fires, by the alert's name. Prometheus only."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self.get("/api/v1/alerts")["data"]["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found


@contextmanager
def prometheus(folder: Path, config: dict[str, Any], *options: str) -> Iterator[Monitor]:
    """Run Prometheus with a configuration; its data lie in `folder`/data (blocks that are there are served)."""
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [
        tool("prometheus"),
        f"--config.file={path}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=100y",
        "--web.enable-lifecycle",
        *options,
    ]
    with _running(command, folder / "prometheus.log") as port:
        yield Monitor(port, path)


@contextmanager
def alertmanager(folder: Path, config: dict[str, Any], *options: str) -> Iterator[Monitor]:
    """Run Alertmanager with a configuration, alone."""
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [
        tool("prometheus-alertmanager"),
        f"--config.file={path}",
        f"--storage.path={folder / 'alertmanager'}",
        "--cluster.listen-address=",
        *options,
    ]
    with _running(command, folder / "alertmanager.log") as port:
        yield Monitor(port, path)


def until(true: Callable[[], Any], seconds: float = 300, every: float = 0.05) -> Any:
    """Ask until there is an answer that is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"not within {seconds} seconds: {true}"
        time.sleep(every)
    return found


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[int]:
    command = [*command, "--web.listen-address=127.0.0.1:0"]
    with log.open("w") as out:
        # Debian's Alertmanager finds its templates beside it.
        process = subprocess.Popen(command, cwd=Path(command[0]).parent, stdout=out, stderr=out)
    try:
        yield until(lambda: _ready(process, log))
    finally:
        process.terminate()
        process.wait()


def _ready(process: subprocess.Popen[bytes], log: Path) -> int | None:
    text = log.read_text(encoding="utf-8")
    assert process.poll() is None, f"ended with {process.returncode}:\n{text[-2000:]}"
    found = LISTENING.search(text)
    if found is None:
        return None
    try:
        urlopen(f"http://127.0.0.1:{found[1]}/-/ready").close()
    except OSError:
        return None
    return int(found[1])
