"""Several workers on one socket: one view of the counters, which outlive whoever counted."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from monitors import until
from unit.serving.bundle_factory import ROW, make_bundle
from unit.serving.processes import DEADLINE, ask, clean_environment, serving
from unit.serving.test_metrics import scraped, value

from mlops.serving.metrics import Telemetry
from mlops.serving.tally import IN_FLIGHT, Plan, Tally, forget_in_flight

pytestmark = pytest.mark.unit


def predicted(found: dict[tuple[str, tuple[tuple[str, str], ...]], float]) -> float:
    return sum(number for (name, _), number in found.items() if name == "mlops_predictions_total")


def test_a_worker_that_dies_is_replaced_and_none_of_its_counts_is_lost(bundle: Path) -> None:
    with serving(bundle, "--workers", "2") as server:
        up = [line for line in server.lines if line["event.action"] == "worker-start"]
        pids = {line["mlops.slot"]: line["process.pid"] for line in up}
        assert set(pids) == {0, 1}
        for _ in range(20):
            assert server.predict(ROW).status == 200
        assert {predicted(scraped(server)) for _ in range(6)} == {20}
        os.kill(pids[0], signal.SIGKILL)
        server.wait_for("worker-end")
        assert predicted(scraped(server)) == 20
        assert server.wait_for("worker-start")["mlops.slot"] == 0
        for _ in range(10):
            assert server.predict(ROW).status == 200
        found = [scraped(server) for _ in range(6)]
        assert {predicted(one) for one in found} == {30}
        # Who has its answer may ask the other worker before the first one has noted the end.
        until(lambda: value(scraped(server), "mlops_requests_in_flight") == 0)
        assert server.terminate() == 0
    drained = [line for line in server.lines if line["event.action"] == "stop"]
    assert len(drained) == 3


def test_what_a_dead_worker_was_answering_is_no_longer_in_flight_and_the_rest_stays(tmp_path: Path) -> None:
    first, second = Telemetry((tmp_path, 0)), Telemetry((tmp_path, 1))
    for telemetry in (first, second):
        telemetry.began()
        telemetry.feedback("late")
    del first
    assert second.requests.tally.total()[IN_FLIGHT] == 2
    forget_in_flight(tmp_path, 0, "requests")
    total, late = second.requests.tally.total(), second.requests.feedback["late",]
    assert (total[IN_FLIGHT], total[late]) == (1, 2)
    again = Telemetry((tmp_path, 0))
    again.feedback("late")
    assert again.requests.tally.total()[late] == 3


def test_counts_in_memory_alone_would_be_lost(tmp_path: Path) -> None:
    """The mutant: without the shared folder a second worker knows nothing of the first."""
    plan = Plan()
    place = plan.family("x", "", (), [()])[()]
    alone = Tally("t", plan)
    alone.add(place)
    assert Tally("t", plan).total()[place] == 0
    Tally("t", plan, (tmp_path, 0)).add(place)
    assert Tally("t", plan, (tmp_path, 0)).total()[place] == 1


def test_a_bundle_that_cannot_be_served_ends_all_with_2(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b", features="import polars_of_tomorrow\n")
    command = [sys.executable, "-m", "mlops.serving", "--bundle", str(bundle), "--port", "0", "--workers", "2"]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 2
    assert "polars_of_tomorrow" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_parent_tells_when_all_are_ready_and_ends_with_its_own_parent(bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        reads, writes = os.pipe()
        command = [sys.executable, "-m", "mlops.serving", "--bundle", str(bundle), "--workers", "2"]
        command += ["--fd", str(listener.fileno()), "--ready-fd", str(writes)]
        process = subprocess.Popen(
            command, env=clean_environment(), pass_fds=(listener.fileno(), writes), stdout=subprocess.DEVNULL
        )
        try:
            os.close(writes)
            with os.fdopen(reads, "rb") as told:
                assert b'"model_sha256"' in told.readline()
                connection = http.client.HTTPConnection(*listener.getsockname(), timeout=DEADLINE)
                assert ask(connection, "GET", "/readyz").status == 200
                connection.close()
            assert process.wait(DEADLINE) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
