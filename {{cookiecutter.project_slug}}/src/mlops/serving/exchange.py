"""One request from its head to the end of its answer: what is counted, logged and traced of it."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from mlops.serving.asgi import Message, Scope, Send
from mlops.serving.log import write
from mlops.serving.metrics import Telemetry
from mlops.serving.metrics_requests import METRICS, OTHER, PROBES, route_of
from mlops.serving.tracing import Span, Trace, Tracing, parse

# Harmless in a log, in a header and in a URL.
ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
CLOSE = (b"connection", b"close")
CLIENT_LEFT, FAILED = 499, 500
LEVELS = {4: "warning", 5: "error"}


class Exchange:
    """A request that is being answered."""

    def __init__(self, scope: Scope, telemetry: Telemetry, tracing: Tracing | None) -> None:
        self.began = time.perf_counter()
        self.telemetry = telemetry
        self.route = route_of(scope["path"])
        # Methods and unknown paths are a client's to choose: neither is written down.
        self.method = scope["method"] if scope["method"] in METHODS else "OTHER"
        self.status = 0
        self.places: tuple[tuple[str, str], ...] = ()
        self.error: tuple[str, str] | None = None
        self.id, self.trace = _named(scope)
        self.span: Span | None = None
        if tracing is not None and self.route not in PROBES:
            self.span = tracing.begin(self.method, self.route, self.trace)
            self.trace = self.span.place
        if self.route != METRICS:
            telemetry.began()

    def sender(self, send: Send, draining: Callable[[], bool]) -> Send:
        """Wrap `send`: the status is noted, and the request's id goes back to the client."""

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                more = [(b"x-request-id", self.id), *([CLOSE] if draining() else ())]
                message["headers"] = [*message.get("headers", ()), *more]
            await send(message)

        return noting

    def refused(self, places: Iterable[tuple[str, str]]) -> None:
        """Note for which columns and rules the request is refused."""
        self.places = tuple(places)

    def failed(self, kind: str, where: str) -> None:
        """Note what kind of error the request met, and where."""
        self.error = (kind, where)

    def end(self) -> None:
        """Count, write one line, and end the span."""
        seconds = time.perf_counter() - self.began
        status = self.status or FAILED
        self.telemetry.ended(self.route, status, seconds)
        if self.span is not None:
            self.span.end(status, self.error[0] if self.error else "")
        if self.route not in PROBES or (status >= FAILED and self.error):
            self._write(status, seconds)

    def _write(self, status: int, seconds: float) -> None:
        fields: dict[str, Any] = {
            "event.action": "request",
            "event.duration": int(seconds * 1e9),
            "http.request.method": self.method,
            "http.request.id": self.id.decode(),
            "http.response.status_code": status,
        }
        if self.route != OTHER:
            fields["url.path"] = self.route
        if self.trace is not None:
            fields["trace.id"], fields["span.id"] = self.trace.trace, self.trace.span
        if self.places:
            fields["mlops.refused"] = [f"{column}:{rule}" for column, rule in self.places]
        if self.error is not None:
            fields["error.type"], fields["error.message"] = self.error
        level = LEVELS.get(5 if self.error else min(status // 100, 4), "info")
        write(level, f"{self.method} {self.route} {status}", fields)


def _named(scope: Scope) -> tuple[bytes, Trace | None]:
    """Read the request's id, or make one; and the trace, unless it is named twice."""
    name, parents = b"", []
    for key, value in scope["headers"]:
        if key == b"x-request-id":
            name = value
        elif key == b"traceparent":
            parents.append(value)
    if not ID.fullmatch(name):
        name = secrets.token_hex(16).encode()
    return name, parse(parents[0]) if len(parents) == 1 else None
