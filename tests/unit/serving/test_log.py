"""Lines of the log: ECS names and types, one a request, and no value of a row."""

from __future__ import annotations

import re
from typing import Any

import pytest
from unit.serving.bundle_factory import ROW
from unit.serving.processes import serving

pytestmark = pytest.mark.unit

# Names and types as in https://www.elastic.co/docs/reference/ecs/ecs-field-reference, of version 8.17.
ECS: dict[str, type] = {
    "@timestamp": str,  # date
    "ecs.version": str,
    "error.message": str,
    "error.type": str,
    "event.action": str,
    "event.duration": int,  # long, in nanoseconds
    "http.request.id": str,
    "http.request.method": str,
    "http.response.status_code": int,  # long
    "log.level": str,
    "log.logger": str,
    "message": str,
    "process.pid": int,  # long
    "service.name": str,
    "service.version": str,
    "span.id": str,
    "trace.id": str,
    "url.path": str,
}
ALWAYS = {"@timestamp", "log.level", "message", "ecs.version", "event.action", "service.name", "service.version"}
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def faults(line: dict[str, Any]) -> list[str]:
    """List how a line is not ECS."""
    found = [f"lacks {name}" for name in ALWAYS - set(line)]
    for name, value in line.items():
        if name.startswith("mlops."):
            continue
        if not isinstance(value, ECS.get(name, ())):  # type: ignore[arg-type]
            found.append(f"{name}: {value!r}")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["@timestamp"]):
        found.append(line["@timestamp"])
    return found


@pytest.fixture(scope="module")
def logged(bundle: Any) -> list[dict[str, Any]]:
    """What a server logs of all kinds of requests."""
    with serving(bundle) as server:
        given = {"X-Request-Id": "abc-1.2_3", "traceparent": PARENT}
        answers = [
            server.request("POST", "/predict", {"rows": [ROW | {"iban": "SECRET", "depot": "SECRET"}]}, given),
            server.request("POST", "/predict", {"rows": [ROW | {"iban": ["SECRET"], "SECRET": 1}]}),
            server.request("POST", "/predict", b'{"SECRET": 1, "SECRET": 2}', {"X-Request-Id": "SECRET SECRET"}),
            server.request("POST", "/predict", {"rows": [ROW | {"iban": "SECRET", "due": None}]}),
            server.request("GET", "/SECRET?iban=SECRET", headers={"X-Request-Id": "SECRET" * 20}),
            server.request("GET", "/version"),
            *(server.request("GET", path) for path in ("/livez", "/readyz", "/metrics")),
        ]
        assert answers[0].headers["x-request-id"] == "abc-1.2_3"
        assert all(re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"]) for answer in answers[1:])
        assert server.terminate() == 0
    return server.lines


def requests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event.action"] == "request"]


def test_each_line_is_ecs(logged: list[dict[str, Any]]) -> None:
    assert {line["event.action"] for line in logged} >= {"listen", "start", "request", "drain", "stop"}
    assert [fault for line in logged for fault in faults(line)] == []
    assert faults({**logged[0], "event.duration": "1"}) and faults({**logged[0], "status": 200})


def test_each_request_is_one_line_and_probes_are_none(logged: list[dict[str, Any]]) -> None:
    found = requests(logged)
    told = [(line["http.response.status_code"], line["log.level"], line.get("url.path")) for line in found]
    assert told == [
        (200, "info", "/predict"),
        (422, "warning", "/predict"),
        (400, "warning", "/predict"),
        (500, "error", "/predict"),
        (404, "warning", None),
        (200, "info", "/version"),
    ]
    assert found[1]["mlops.refused"] == [":unknown", "iban:type"]
    assert found[0]["http.request.id"] == "abc-1.2_3"
    assert (found[0]["trace.id"], found[0]["span.id"]) == tuple(PARENT.split("-")[1:3])
    assert all(1 <= line["event.duration"] < 10**11 for line in found)


def leaks(lines: list[dict[str, Any]]) -> bool:
    return "SECRET" in str(lines)


def test_no_text_of_a_client_is_logged(logged: list[dict[str, Any]]) -> None:
    assert not leaks(logged)


def test_a_value_in_the_log_would_be_noticed(bundle: Any, tmp_path: Any) -> None:
    """The mutant: a server that writes down why it refuses in its own words to the client."""
    wrapper = tmp_path / "python"
    code = "import mlops.serving.body as b; i = b.Refusal.__init__; "
    code += 'b.Refusal.__init__ = lambda s, *a: (i(s, *a), setattr(s, "places", [(str(s.detail), "")]))[0]; '
    code += "import sys; from mlops.serving.__main__ import main; sys.exit(main())"
    import sys

    wrapper.write_text(f"#!/bin/sh\nshift 2\nexec {sys.executable} -c '{code}' \"$@\"\n")
    wrapper.chmod(0o755)
    with serving(bundle, python=wrapper) as server:
        assert server.request("POST", "/predict", b'{"SECRET": 1, "SECRET": 2}').status == 400
        assert server.terminate() == 0
    assert leaks(requests(server.lines))
