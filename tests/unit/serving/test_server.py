"""Start, identity and end of a server process."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from unit.serving.bundle_factory import FEATURES, ROW, make_bundle, release_facts, sha256, write_release
from unit.serving.processes import DEADLINE, Server, ask, clean_environment, serving

CODE = FEATURES.partition("annotations\n")[2]


def test_probes_and_version(server: Server, bundle: Path) -> None:
    assert server.request("GET", "/livez").json == {"status": "ok"}
    assert server.request("GET", "/readyz").json == {"status": "ready"}
    version = server.request("GET", "/version").json
    assert version["release"] == release_facts(bundle)
    assert version["model_sha256"] == sha256(bundle / "model.onnx")
    assert version["contract"]["sha256"] == sha256(bundle / "contract.yaml")


def test_without_a_release_the_version_says_so(bundle: Path) -> None:
    with serving(bundle) as server:
        version = server.request("GET", "/version").json
    assert version["release"] is None
    assert version["model_sha256"] == sha256(bundle / "model.onnx")


def refused(bundle: Path, *more: str) -> str:
    """Start a server that cannot serve, and return what it says."""
    command = [sys.executable, "-m", "mlops.serving", "--bundle", str(bundle), "--port", "0", *more]
    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("field", ["model", "contract"])
def test_a_bundle_that_is_not_the_releases_is_not_served(bundle: Path, tmp_path: Path, field: str) -> None:
    facts = release_facts(bundle)
    due = facts[field]["sha256"]
    facts[field]["sha256"] = "0" * 64
    said = refused(bundle, "--release", str(write_release(tmp_path / "release.yaml", facts)))
    assert f"{field}.sha256" in said
    assert due in said
    assert "0" * 64 in said


@pytest.mark.parametrize("text", ["", "release: 1", "release: {commit: x}", "a: [", "release: {id: x}"])
def test_a_release_file_that_is_none_is_not_served(bundle: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "release.yaml").write_text(text)
    assert "release" in refused(bundle, "--release", str(tmp_path / "release.yaml"))


def test_features_that_cannot_be_imported_are_not_served(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", features="import polars_of_tomorrow\n")
    assert "'polars_of_tomorrow', something that the server does not have" in refused(bundle)


def test_a_port_that_is_taken_is_said(bundle: Path, server: Server) -> None:
    assert "Choose another --port" in refused(bundle, "--port", str(server.port))


def test_a_term_signal_lets_clients_finish_and_ends_with_0(bundle: Path) -> None:
    with serving(bundle, "--grace", str(DEADLINE)) as server:
        idle, busy = server.connect(), server.connect()
        assert ask(idle, "GET", "/livez").status == 200
        assert ask(busy, "GET", "/livez").status == 200
        busy.putrequest("POST", "/predict")
        body = b'{"rows": []}'
        busy.putheader("Content-Length", str(len(body)))
        busy.endheaders(body[:4])
        server.process.terminate()
        server.wait_for("drain")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), DEADLINE)
        answer = ask(idle, "POST", "/predict", {"rows": [ROW]})
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        busy.send(body[4:])
        late = busy.getresponse()
        assert (late.status, late.getheader("connection")) == (422, "close")
        late.read()
        assert server.end() == 0
    assert server.lines[-1]["event.action"] == "stop"


def test_a_server_is_alive_but_not_ready_while_it_loads(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    bundle = make_bundle(tmp_path / "b", features=f"open({str(gate)!r}).read()\n" + CODE)
    with serving(bundle, until="listen") as server:
        assert server.request("GET", "/livez").status == 200
        for answer in (server.request("GET", "/readyz"), server.request("GET", "/version"), server.predict(ROW)):
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        gate.write_text("")
        server.wait_for("start")
        assert server.request("GET", "/readyz").status == 200
        assert server.predict(ROW).status == 200


def test_a_server_is_told_by_its_parent_and_ends_with_it(bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reads, writes = os.pipe()
        command = [sys.executable, "-m", "mlops.serving", "--bundle", str(bundle)]
        command += ["--fd", str(listener.fileno()), "--ready-fd", str(writes)]
        process = subprocess.Popen(
            command, env=clean_environment(), pass_fds=(listener.fileno(), writes), stdout=subprocess.DEVNULL
        )
        try:
            os.close(writes)
            with os.fdopen(reads, "rb") as told:
                assert b'"model_sha256"' in told.readline()
            assert process.wait(DEADLINE) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def test_who_reads_the_log_may_leave(bundle: Path) -> None:
    command = [sys.executable, "-m", "mlops.serving", "--bundle", str(bundle), "--port", "0"]
    process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        started = next(line for line in map(json.loads, process.stdout) if line["event.action"] == "start")
        process.stdout.close()
        port = int(started["mlops.address"].rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        answers = [ask(connection, "POST", "/predict", {"rows": [row]}).status for row in ({}, ROW)]
        connection.close()
        process.terminate()
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
    assert answers == [422, 200]
