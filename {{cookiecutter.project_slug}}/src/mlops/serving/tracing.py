"""Which trace a request belongs to, and spans over OTLP where a collector is named."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any

from mlops.serving.log import event

# https://www.w3.org/TR/trace-context/#traceparent-header; a later version may go on after a dash.
PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
LAST_SECONDS = 2.0


@dataclass(frozen=True)
class Trace:
    """A place in a trace: 32 and 16 hexadecimal digits, and the flags."""

    trace: str
    span: str
    flags: int


def parse(header: bytes) -> Trace | None:
    """Read a `traceparent`; None where it is not one to the letter."""
    found = PARENT.fullmatch(header)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None) or not trace.strip(b"0") or not span.strip(b"0"):
        return None
    return Trace(trace.decode(), span.decode(), int(flags, 16))


class Span:
    """A span of ours that is under way."""

    def __init__(self, span: Any) -> None:
        self.span = span
        context = span.get_span_context()
        self.place = Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}", int(context.trace_flags))

    def end(self, status: int, error: str) -> None:
        """End it with the status of the answer."""
        self.span.set_attribute("http.response.status_code", status)
        if status >= 500:
            from opentelemetry.trace import StatusCode

            self.span.set_status(StatusCode.ERROR)
            self.span.set_attribute("error.type", error or str(status))
        self.span.end()


class Tracing:
    """Sends spans to a collector, from a thread of its own: one that is down costs a request nothing."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider
        self.tracer = provider.get_tracer("mlops.serving")

    def begin(self, method: str, route: str, parent: Trace | None) -> Span:
        """Begin the span of a request, under the client's where it named one."""
        from opentelemetry import trace

        context = None
        if parent is not None:
            flags = trace.TraceFlags(parent.flags)
            remote = trace.SpanContext(int(parent.trace, 16), int(parent.span, 16), is_remote=True, trace_flags=flags)
            context = trace.set_span_in_context(trace.NonRecordingSpan(remote))
        attributes = {"http.request.method": method, "http.route": route, "url.path": route, "url.scheme": "http"}
        kind = trace.SpanKind.SERVER
        return Span(self.tracer.start_span(f"{method} {route}", context, kind=kind, attributes=attributes))

    def close(self) -> None:
        """Send what is left, as long as that is quick."""
        last = Thread(target=self.provider.shutdown, daemon=True)
        last.start()
        last.join(LAST_SECONDS)


def start_tracing(release: str, environ: Mapping[str, str] = os.environ) -> Tracing | None:
    """Make ready to send spans, where the environment names a collector; the other `OTEL_` variables hold, too."""
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get("OTEL_TRACES_EXPORTER") == "none":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        named = {"service.version": release} if release else {}
        if "OTEL_SERVICE_NAME" not in environ and "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
            named["service.name"] = "mlops"
        provider = TracerProvider(resource=Resource.create(named))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except Exception as error:
        event("tracing", "warning", "no spans are sent: the OTEL_ variables are not usable", **_kind(error))
        return None
    return Tracing(provider)


def _kind(error: Exception) -> dict[str, str]:
    return {"error.type": type(error).__name__, "error.message": str(error)}
