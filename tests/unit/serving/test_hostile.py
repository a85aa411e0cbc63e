"""What nobody should send."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from unit.serving.bundle_factory import ROW
from unit.serving.processes import DEADLINE, Server, serving

from mlops.serving.body import MAX_BYTES, Refusal, rows_of, unique


def with_value(text: str) -> bytes:
    """A request whose number is written as `text`."""
    return json.dumps({"rows": [ROW | {"länge cm": "VALUE"}]}).replace('"VALUE"', text).encode()


BAD_JSON = {
    "empty": b"",
    "blank": b"  \n",
    "not json": b"rows=1",
    "cut off": with_value("1")[:-3],
    "NaN": with_value("NaN"),
    "Infinity": with_value("-Infinity"),
    "not UTF-8": b'{"rows": [{"depot": "\xff\xfe"}]}',
    "UTF-16": '{"rows": []}'.encode("utf-16"),
    "half a surrogate": with_value('"\\ud800"'),
    "duplicate key": b'{"rows": [{"stops": 1, "stops": 2}]}',
    "duplicate rows": b'{"rows": [], "rows": []}',
    "deep list": b"[" * 200_000,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep in a row": b'{"rows": [{"stops": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
    "5,000 digits": with_value("9" * 5000),
}
BAD_SHAPE = {
    "list": b"[]",
    "number": b"1",
    "null": b"null",
    "no rows": b"{}",
    "another key": b'{"rows": [{}], "more": 1}',
    "rows is an object": b'{"rows": {}}',
    "no row": b'{"rows": []}',
    "a row is a list": b'{"rows": [[]]}',
    "a row is null": b'{"rows": [null]}',
    "too many rows": json.dumps({"rows": [{}] * 1001}).encode(),
    "1e999": with_value("1e999"),
    "empty row": b'{"rows": [{}]}',
    "empty name": b'{"rows": [{"": 1}]}',
}


def test_a_key_twice_is_looked_for_in_one_pass() -> None:
    compared = 0

    class Key(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    keys = [Key(number) for number in range(2000)]
    with pytest.raises(ValueError, match="'1999' appears twice"):
        unique([(key, 0) for key in [*keys, Key(1999)]])
    assert compared < 10 * len(keys)


def test_a_long_key_twice_is_told_in_short() -> None:
    with pytest.raises(Refusal) as told:
        rows_of(b'{"%b": 0, "%b": 0}' % (b"x" * 10**6, b"x" * 10**6))
    assert "appears twice" in told.value.detail and len(told.value.detail) < 200


@pytest.mark.parametrize("name", BAD_JSON)
def test_bytes_that_are_no_json_are_400(server: Server, name: str) -> None:
    answer = server.request("POST", "/predict", BAD_JSON[name])
    assert answer.status == 400
    assert isinstance(answer.json["detail"], str)


@pytest.mark.parametrize("name", BAD_SHAPE)
def test_json_of_another_shape_is_422(server: Server, name: str) -> None:
    answer = server.request("POST", "/predict", BAD_SHAPE[name])
    assert answer.status == 422
    assert answer.json["detail"]


def test_a_long_body_is_413_and_the_connection_lives(server: Server) -> None:
    connection = server.connect()
    connection.request("POST", "/predict", b" " * (MAX_BYTES + 1))
    answer = connection.getresponse()
    assert answer.status == 413
    assert "fewer rows" in json.loads(answer.read())["detail"]
    connection.request("GET", "/livez")
    assert connection.getresponse().read() == b'{"status":"ok"}'
    connection.close()


def test_a_long_body_in_chunks_is_413(server: Server) -> None:
    connection = server.connect()
    connection.request("POST", "/predict", (b"x" * 65536 for _ in range(160)), encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_who_asks_before_sending_a_long_body_is_told_no(server: Server) -> None:
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BYTES + 1}\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_compressed_body_is_415(server: Server) -> None:
    answer = server.request("POST", "/predict", b"\x1f\x8b", {"Content-Encoding": "gzip"})
    assert answer.status == 415


def test_other_methods_and_paths_are_4xx_with_a_detail(server: Server) -> None:
    for method, path, status in (("GET", "/predict", 405), ("PUT", "/predict", 405), ("POST", "/nothing", 404)):
        answer = server.request(method, path)
        assert (answer.status, "detail" in answer.json) == (status, True)


def test_bytes_that_are_no_http_are_refused(server: Server) -> None:
    assert server.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert server.request("GET", "/livez").status == 200


def test_a_client_that_leaves_in_the_middle_harms_nobody(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as connection:
        connection.sendall(b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{"rows"')
    assert server.predict(ROW).status == 200


def test_many_refusals_make_a_bounded_answer(server: Server) -> None:
    answer = server.predict(*[{}] * 1000)
    assert answer.status == 422
    assert len(answer.json["detail"]) == 101
    assert answer.json["detail"][-1]["message"] == "… and 1900 more"


def test_a_thousand_rows_score_as_one_by_one(server: Server) -> None:
    rows = [ROW | {"stops": n % 9, "parcel.id": str(n)} for n in range(1000)]
    batch = server.predict(*rows).json["predictions"]
    assert [found["id"] for found in batch] == [str(n) for n in range(1000)]
    for n in (0, 1, 500, 999):
        assert server.predict(rows[n]).json["predictions"][0]["probability"] == pytest.approx(
            batch[n]["probability"], abs=1e-6
        )


def test_more_requests_than_the_server_takes_are_503_with_retry_after(bundle: Path) -> None:
    body = json.dumps({"rows": [ROW]}).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with (
        serving(bundle, "--concurrency", "1") as server,
        socket.create_connection(("127.0.0.1", server.port), DEADLINE) as slow,
    ):
        slow.sendall(head + body[:-1])
        # The slow request holds the one place as soon as its head was read, which an answer on this loop implies.
        assert server.request("GET", "/livez").status == 200
        refused = server.predict(ROW)
        slow.sendall(body[-1:])
        answered = b"".join(iter(lambda: slow.recv(65536), b""))
        assert server.predict(ROW).status == 200
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert answered.startswith(b"HTTP/1.1 200")
