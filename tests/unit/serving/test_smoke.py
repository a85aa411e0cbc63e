"""The smoke test asks a real server process, and each thing that it compares can be seen to differ."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from unit.serving.bundle_factory import LABELS, make_bundle, release_facts, write_release
from unit.serving.processes import clean_environment, serving

from mlops.contract.errors import MlopsError
from mlops.pipeline import smoke as made
from mlops.serving import examples, smoke
from mlops.serving.predictor import Predictor

pytestmark = pytest.mark.unit


def run(capsys: pytest.CaptureFixture[str], bundle: Path, url: str, release: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run the command; returns its exit code and the lines that it logs."""
    code = smoke.main([f"--bundle={bundle}", f"--url={url}", f"--release={release}", "--timeout=0"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bundles with their smoke tests, one a task."""
    folder = tmp_path_factory.mktemp("tested")
    found = {task: make_bundle(folder / task, task) for task in LABELS}
    for bundle in found.values():
        made.write(bundle)
    return found


@pytest.mark.parametrize("task", LABELS)
def test_a_server_of_this_release_passes_and_each_change_is_named(
    task: str, tested: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tested[task]
    release = write_release(tmp_path / "release.yaml", release_facts(bundle))
    with serving(bundle, "--release", str(release)) as server:
        url = f"http://127.0.0.1:{server.port}"
        code, lines = run(capsys, bundle, url, release)
        rows = [line for line in lines if line["event.action"] == "smoke-row"]
        assert (code, lines[-1]["mlops.rows"], len(rows)) == (0, len(rows), len(rows))
        assert len(rows) >= 5
        assert all("mlops.sent" not in line for line in rows)

        document = json.loads((bundle / "smoke.json").read_text())
        for key in [key for key in document["predictions"][1] if key != "id"]:
            copy = tmp_path / key
            copy.mkdir()
            mutant = json.loads(json.dumps(document))
            mutant["predictions"][1][key] = another(mutant["predictions"][1][key])
            (copy / "smoke.json").write_text(json.dumps(mutant))
            code, lines = run(capsys, copy, url, release)
            assert code == 1
            assert f"row 1: {key}" in lines[-1]["message"]
            assert "row 2" not in lines[-1]["message"]
            (wrong,) = [line for line in lines if line.get("mlops.faults")]
            assert wrong["mlops.sent"] == document["rows"][1]
            with pytest.raises(MlopsError, match=f"row 1: {key}.* In training the model answered otherwise"):
                examples.require_expected(Predictor.load(bundle).answer, copy)

        (tmp_path / "smoke.json").write_text(json.dumps({**document, "predictions": [{"x": 1}] * len(rows)}))
        code, lines = run(capsys, tmp_path, url, release)
        assert (code, lines[-1]["message"].count("row "), lines[-1]["message"][-4:]) == (1, smoke.FEW, "more")

        refused = tmp_path / "refused"
        refused.mkdir()
        document["rows"][2]["no such column"] = 1
        (refused / "smoke.json").write_text(json.dumps(document))
        code, lines = run(capsys, refused, url, release)
        assert (code, "row 2: status 422" in lines[-1]["message"]) == (1, True)
        with pytest.raises(MlopsError, match="row 2 is refused"):
            examples.require_expected(Predictor.load(bundle).answer, refused)


def test_a_server_that_answers_otherwise_than_in_training_is_never_ready(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    made.write(bundle)
    document = json.loads((bundle / "smoke.json").read_text())
    document["predictions"][0]["probability"] = 2.0
    (bundle / "smoke.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "mlops.serving", "--bundle", str(bundle), "--port", "0"]
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "row 0: probability is" in done.stderr) == (2, True), done.stderr


def another(value: Any) -> Any:
    """Give another value of the same kind, as near as must be noticed."""
    if isinstance(value, dict):
        first = next(iter(value))
        return {**value, first: another(value[first])}
    if isinstance(value, bool):
        return not value
    return value + 2.1e-4 * max(1, abs(value)) if isinstance(value, float) else f"{value}!"


def test_another_release_is_waited_for_and_then_named(
    tested: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tested["binary"]
    old = write_release(tmp_path / "old.yaml", release_facts(bundle, "20240501-1"))
    new = write_release(tmp_path / "new.yaml", release_facts(bundle, "20240502-1"))
    with serving(bundle, "--release", str(old)) as server:
        code, lines = run(capsys, bundle, f"http://127.0.0.1:{server.port}", new)
    assert code == 2
    assert "Release 20240502-1 did not answer within 0 seconds; last seen: release 20240501-1" in lines[-1]["message"]


def test_another_model_under_this_name_is_a_wrong_answer(
    tested: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tested["binary"]
    release = write_release(tmp_path / "release.yaml", release_facts(bundle))
    for field in ("model", "contract"):
        facts = release_facts(bundle) | {field: {"sha256": "0" * 64, "version": "1"}}
        told = write_release(tmp_path / f"{field}.yaml", facts)
        with serving(bundle, "--release", str(release)) as server:
            code, lines = run(capsys, bundle, f"http://127.0.0.1:{server.port}", told)
        assert code == 1
        assert f"{field}.sha256 is" in lines[-1]["message"]


def test_nobody_there(tested: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tested["binary"]
    release = write_release(tmp_path / "release.yaml", release_facts(bundle))
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as taken:
        port = taken.server_port
    code, lines = run(capsys, bundle, f"http://127.0.0.1:{port}", release)
    assert (code, "refused" in lines[-1]["message"]) == (2, True)


Answer = tuple[int, Any]


@contextmanager
def scripted(*answers: Answer) -> Iterator[tuple[smoke.Connect, list[str]]]:
    """Answer requests one after another as told, as pods of two releases behind one address may."""
    waiting, seen = iter(answers), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append(self.path)
            status, body = next(waiting)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            if status == 503:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield lambda: http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=300), seen
        finally:
            server.shutdown()


FACTS = {"id": "new", "model": {"sha256": "m"}, "contract": {"sha256": "c"}}
EXAMPLES = [({"x": 1}, {"prediction": 1.0})]


def version(name: str) -> Answer:
    return 200, {"release": {"id": name}, "model_sha256": "m", "contract": {"sha256": "c"}}


def predicted(name: str, value: float) -> Answer:
    return 200, {"release": name, "predictions": [{"prediction": value}]}


def test_old_pods_are_asked_again_however_they_answer() -> None:
    answers = [
        (503, {"detail": "loading"}),
        (200, {"release": None}),
        version("old"),
        version("new"),
        predicted("old", 7.0),
        version("new"),
        (503, {"detail": "draining"}),
        version("new"),
        predicted("new", 1.00009),
    ]
    waits: list[float] = []
    with scripted(*answers) as (connect, seen):
        assert smoke.asked(connect, FACTS, EXAMPLES, 60, waits.append) == []
    assert len(seen) == len(answers)
    assert waits == [smoke.PAUSE] * 5


def test_a_wrong_answer_of_this_release_is_not_asked_again() -> None:
    with scripted(version("new"), predicted("new", 1.0002)) as (connect, _):
        assert smoke.asked(connect, FACTS, EXAMPLES, 60) == ["row 0: prediction is 1.0002, expected 1.0"]
    with scripted(version("new"), (500, {"detail": "the server failed"})) as (connect, _):
        (fault,) = smoke.asked(connect, FACTS, EXAMPLES, 60)
    assert fault.startswith("row 0: status 500")


def test_labels_have_no_tolerance() -> None:
    assert list(examples.differences("p", 100000, 100001)) == ["p is 100001, expected 100000"]
    assert list(examples.differences("p", True, 1)) == ["p is 1, expected True"]
    assert list(examples.differences("p", {"a": 0.5}, {"a": 0.5, "b": 0.0})) == ["p of 'b' is 0.0, expected None"]
    assert list(examples.differences("p", 1e6, 1e6 + 99)) == []
    assert list(examples.differences("p", 0.5, float("nan"))) != []


@pytest.mark.parametrize(
    "url", ["http://$(MODEL_SERVICE_HOST):80", "10.0.0.1:80", "https://a", "http://", "http://:80"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(MlopsError, match="must be like http://"):
        smoke.connector(url)


def test_addresses() -> None:
    for url, place in {
        "http://10.0.0.1:8080": ("10.0.0.1", 8080),
        "http://fd00::1:80": ("fd00::1", 80),
        "http://[fd00::1]:80": ("fd00::1", 80),
        "http://model": ("model", 80),
    }.items():
        connection = smoke.connector(url)()
        assert (connection.host, connection.port) == place


def test_a_bundle_without_a_smoke_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release = write_release(tmp_path / "release.yaml", FACTS)
    for content in (None, "[]", '{"rows": [{}], "predictions": []}'):
        if content is not None:
            (tmp_path / "smoke.json").write_text(content)
        code, lines = run(capsys, tmp_path, "http://127.0.0.1:1", release)
        assert (code, "smoke.json: no readable rows" in lines[-1]["message"]) == (2, True)
