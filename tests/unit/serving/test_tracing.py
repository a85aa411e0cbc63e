"""Traces: whose they are, and that a collector that is down harms nobody."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from loopback import Quiet, listening
from unit.serving.bundle_factory import ROW, release_facts, write_release
from unit.serving.processes import clean_environment, serving
from unit.serving.test_log import PARENT, requests

from mlops.serving.tracing import Trace, parse

pytestmark = pytest.mark.unit

TRACE, SPAN = PARENT.split("-")[1:3]
NONE = {
    "empty": "",
    "capitals": PARENT.upper(),
    "short": PARENT[:-1],
    "version ff": "ff" + PARENT[2:],
    "more in version 00": PARENT + "-01",
    "no trace": f"00-{'0' * 32}-{SPAN}-01",
    "no span": f"00-{TRACE}-{'0' * 16}-01",
    "a line": PARENT + "\n",
    "blanks": f" {PARENT}",
    "not hexadecimal": PARENT.replace("a", "g"),
    "a later version with more, glued": "01" + PARENT[2:] + "x",
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_traceparent_is_ignored(name: str) -> None:
    assert parse(NONE[name].encode()) is None


def test_a_traceparent_is_read() -> None:
    assert parse(PARENT.encode()) == Trace(TRACE, SPAN, 1)
    assert parse(f"cc-{TRACE}-{SPAN}-00-more".encode()) == Trace(TRACE, SPAN, 0)


def test_spans_reach_a_collector_under_the_clients(bundle: Path, tmp_path: Path) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    received: list[Any] = []

    class Collector(Quiet):
        def do_POST(self: BaseHTTPRequestHandler) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            received.append((self.path, ExportTraceServiceRequest.FromString(plain)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    release = write_release(tmp_path / "release.yaml", release_facts(bundle))
    with listening(Collector) as port:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_SERVICE_NAME": "parcels"}
        with serving(bundle, "--release", str(release), env=env) as server:
            server.request("POST", "/predict", {"rows": [ROW]}, {"traceparent": PARENT})
            server.request("POST", "/predict", {"rows": [ROW | {"iban": "SECRET", "due": None}]})
            server.request("GET", "/livez")
            assert server.terminate() == 0
    assert {path for path, _ in received} == {"/v1/traces"}
    resources = [resource for _, sent in received for resource in sent.resource_spans]
    named = {item.key: item.value.string_value for item in resources[0].resource.attributes}
    assert (named["service.name"], named["service.version"]) == ("parcels", "20240501-1")
    first, second = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert (first.trace_id.hex(), first.parent_span_id.hex(), first.name) == (TRACE, SPAN, "POST /predict")
    told = {item.key: item.value for item in first.attributes}
    assert told["http.response.status_code"].int_value == 200
    assert (second.parent_span_id, second.status.code) == (b"", 2)
    logged = requests(server.lines)
    assert [line["span.id"] for line in logged] == [first.span_id.hex(), second.span_id.hex()]
    assert logged[0]["trace.id"] == TRACE
    assert "SECRET" not in str(received)


def test_a_collector_that_is_down_harms_nobody(bundle: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{closed.getsockname()[1]}/v1/traces"}
        with serving(bundle, env=env) as server:
            assert [server.predict(ROW).status for _ in range(20)] == [200] * 20
            assert server.terminate() == 0


def test_without_an_endpoint_no_exporter_is_imported() -> None:
    code = "import sys, mlops.serving.__main__ as m, mlops.serving.tracing as t; t.start_tracing(''); "
    code += "print([n for n in sys.modules if n.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    command = [sys.executable, "-c", code]
    assert subprocess.check_output(command, env=clean_environment(), text=True).strip() == "[]"
