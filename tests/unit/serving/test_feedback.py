"""Outcomes over real sockets: on any server with the key, once, and never a restricted value in a file."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.serving.bundle_factory import ROW, release_facts, write_release
from unit.serving.processes import Server, serving
from unit.serving.test_server import refused

from mlops.contract.document import load
from mlops.contract.task import load_task
from mlops.data.feedback_files import Files
from mlops.serving import feedback_seen
from mlops.serving.feedback import Feedback, Known
from mlops.serving.feedback_seen import Seen
from mlops.serving.feedback_setup import Setup, attach, milliseconds
from mlops.serving.journal import Journal
from mlops.serving.metrics import Telemetry
from mlops.serving.predictor import Predictor
from mlops.serving.profile import Monitored, Part, Profile
from mlops.serving.token import Told, read, sign
from mlops.serving.token_keys import Keys

KEY = "0123456789abcdef0123456789abcdef"
SECRET = ROW["iban"]
SCORES = Monitored("prediction", "late", "number", edges=(0.2, 0.4, 0.6), parts=(Part(None, {}, {}),))
PROFILE = Profile(100, None, None, (SCORES,), {"depot": ("north", "south")})
DAY = 86_400_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Path:
    made = tmp_path_factory.mktemp("feedback")
    shutil.copytree(bundle, made / "bundle")
    PROFILE.dump(made / "bundle" / "profile.json")
    (made / "key").write_text(KEY + "\n")
    return made


@pytest.fixture(scope="module")
def pair(folder: Path) -> Iterator[tuple[Server, Server]]:
    """Two releases with one key and one folder."""
    options = ["--signing-key", str(folder / "key"), "--feedback", str(folder / "kept")]
    facts = [release_facts(folder / "bundle", name) for name in ("20240501-1", "20240502-1")]
    files = [str(write_release(folder / f"{fact['id']}.yaml", fact)) for fact in facts]
    with (
        serving(folder / "bundle", "--release", files[0], *options) as one,
        serving(folder / "bundle", "--release", files[1], *options) as other,
    ):
        yield one, other


def predicted(server: Server, *rows: dict[str, Any]) -> list[str]:
    return [item["prediction_id"] for item in server.predict(*(rows or (ROW,))).json["predictions"]]


def told(server: Server, *items: Any) -> list[str]:
    answer = server.request("POST", "/feedback", {"outcomes": list(items)})
    assert answer.status == 200, answer.body
    return [item["result"] for item in answer.json["results"]]


def outcome(name: str, value: Any = True) -> dict[str, Any]:
    return {"prediction_id": name, "outcome": value}


def metric(server: Server, start: str) -> dict[str, float]:
    lines = server.request("GET", "/metrics").body.decode().splitlines()
    found = [line.rpartition(" ") for line in lines if line.startswith(start)]
    return {name: float(value) for name, _, value in found if float(value)}


def kept(folder: Path, kind: str) -> str:
    return "".join(path.read_text() for path in sorted((folder / "kept" / kind).glob("*")))


def test_another_replica_counts_it_once(pair: tuple[Server, Server], folder: Path) -> None:
    one, other = pair
    (name,) = predicted(one)
    assert told(other, outcome(name), outcome(name, False)) == ["counted", "repeated"]
    assert told(one, outcome(name)) == ["repeated"]
    assert kept(folder, "outcomes").count("\n") == 1
    place = read([KEY.encode()], name).bin
    assert place is not None
    start = "mlops_outcomes_total{"
    foreign = {key for key in metric(other, start) if 'release="20240501-1"' in key}
    assert {re.search('slice="(.*?)"', key)[1] for key in foreign} == {"", "depot=north"}  # type: ignore[index]
    assert all(f'bin="{place}"' in key and 'outcome="1"' in key for key in foreign)
    below = {key for key in metric(other, "mlops_outcomes_below_total{") if 'slice=""' in key}
    assert len(below) == len(SCORES.edges) - place
    assert not metric(one, start)


def test_the_servers_own_release_is_counted_the_same(pair: tuple[Server, Server]) -> None:
    one, _ = pair
    (name,) = predicted(one)
    assert told(one, outcome(name, False)) == ["counted"]
    place = read([KEY.encode()], name).bin
    (found,) = [key for key in metric(one, "mlops_outcomes_total{") if 'slice="depot=north"' in key]
    assert f'bin="{place}"' in found
    assert 'outcome="0"' in found
    assert metric(one, "mlops_feedback_enabled") == {'mlops_feedback_enabled{release="20240501-1"}': 1.0}


def test_one_bad_item_does_not_lose_the_others(pair: tuple[Server, Server]) -> None:
    one, _ = pair
    good, other = predicted(one, ROW, ROW)
    bad: list[Any] = [outcome(other, value) for value in (None, "true", 1, [])]
    bad += [{"prediction_id": other}, {"prediction_id": 1, "outcome": True}, {**outcome(other), "more": 1}]
    bad += [1, None, other, [other, True]]
    forged = outcome(good[:-2] + ("AA" if good[-2:] != "AA" else "BB"))
    before = metric(one, "mlops_feedback_total")
    assert told(one, *bad, forged, outcome(good)) == ["invalid"] * len(bad) + ["forged", "counted"]
    after = metric(one, "mlops_feedback_total")
    assert after['mlops_feedback_total{result="invalid"}'] == before.get(
        'mlops_feedback_total{result="invalid"}', 0
    ) + len(bad)
    assert told(one, outcome(other)) == ["counted"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b'{"outcomes": [{"prediction_id": "a", "outcome": NaN}]}', 400),
        (b'{"outcomes": [{"prediction_id": "a", "prediction_id": "b", "outcome": 1}]}', 400),
        (b'{"outcomes": []}', 422),
        (b'{"outcomes": {}}', 422),
        (json.dumps({"outcomes": [1] * 1001}).encode(), 422),
        (b'{"outcomes": [{}], "more": 1}', 422),
        (b'{"rows": [{}]}', 422),
    ],
)
def test_a_body_is_as_strict_as_that_of_predict(pair: tuple[Server, Server], body: bytes, status: int) -> None:
    assert pair[0].request("POST", "/feedback", body).status == status


def test_the_document_of_the_api_names_it(pair: tuple[Server, Server]) -> None:
    paths = pair[0].request("GET", "/openapi.json").json["paths"]
    body = paths["/feedback"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["outcomes"]["items"]["properties"]["outcome"] == {
        "type": "boolean",
        "enum": [False, True],
    }
    assert pair[0].request("GET", "/feedback").status == 405


def test_a_restart_remembers_and_no_file_has_a_restricted_value(folder: Path, tmp_path: Path) -> None:
    options = ["--signing-key", str(folder / "key"), "--feedback", str(tmp_path / "kept")]
    with serving(folder / "bundle", *options) as server:
        (name,) = predicted(server)
        assert told(server, outcome(name)) == ["counted"]
        assert server.terminate() == 0
    with serving(folder / "bundle", *options) as server:
        assert told(server, outcome(name)) == ["repeated"]
    ((read_back, _),) = Files(tmp_path / "kept").rows()
    assert Files(tmp_path / "kept").outcomes().values[read_back][1:] == (True, False)
    (line,) = map(json.loads, kept(tmp_path, "inputs").splitlines())
    assert line["request"] == {"rows": [{name: value for name, value in ROW.items() if name != "iban"}]}
    assert SECRET not in "".join(path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file())


def recorded(folder: Path, to: Path, *, secret: bool = True, body: bytes | None = None) -> str:
    """Let a predictor answer and keep; returns the line that it kept."""
    made = Setup(Keys(folder / "key"), to, 30 * DAY)
    predictor, _ = attach(made, Predictor.load(folder / "bundle"), Telemetry())
    assert predictor.recorder is not None
    assert predictor.recorder.journal is not None
    if not secret:
        predictor.recorder.secret = frozenset()
    predictor.answer(body or json.dumps({"rows": [ROW]}).encode())
    predictor.recorder.journal.close()
    (line,) = kept(to.parent, "inputs").splitlines()
    return line


def test_no_file_has_a_restricted_value_and_the_check_can_fail(folder: Path, tmp_path: Path) -> None:
    assert SECRET not in recorded(folder, tmp_path / "good" / "kept")
    mutant = recorded(folder, tmp_path / "mutant" / "kept", secret=False)
    assert SECRET in mutant


def test_a_body_of_many_lines_is_kept_on_one(folder: Path, tmp_path: Path) -> None:
    body = json.dumps({"rows": [ROW]}, indent=1).replace("\n", "\r\n").encode()
    line = recorded(folder, tmp_path / "kept", secret=False, body=body)
    assert json.loads(line)["request"] == {"rows": [ROW]}


def test_without_a_key_there_are_no_ids_and_it_says_how(server: Server) -> None:
    assert "prediction_id" not in server.predict(ROW).json["predictions"][0]
    answer = server.request("POST", "/feedback", {"outcomes": [outcome("x")]})
    assert answer.status == 503
    assert "--signing-key FILE" in answer.json["detail"]


def test_options_that_are_wrong_are_told(bundle: Path, tmp_path: Path, folder: Path) -> None:
    assert "needs --signing-key" in refused(bundle, "--feedback", str(tmp_path))
    assert "not readable" in refused(bundle, "--signing-key", str(tmp_path / "none"), "--workers", "2")
    assert "--late-after" in refused(bundle, "--signing-key", str(folder / "key"), "--late-after", "soon")
    assert milliseconds("12h") == DAY / 2


@pytest.fixture
def own(bundles: dict[str, Path], folder: Path, tmp_path: Path) -> Any:
    """Make what takes outcomes, without a server."""

    def make(task: str = "binary", now: float = 1e9, seen: Seen | None = None) -> Feedback:
        known = Known(load(bundles[task] / "contract.yaml"), load_task(bundles[task] / "task.json"))
        journal = Journal(tmp_path / "kept", lambda _: None)
        remembered = seen or Seen(tmp_path / "kept", 30 * DAY)
        return Feedback(known, "r", Keys(folder / "key"), remembered, journal, Telemetry(), 30 * DAY, lambda: now)

    return make


def results(feedback: Feedback, *items: Any) -> list[str]:
    return [item["result"] for item in json.loads(feedback.answer(json.dumps({"outcomes": items}).encode()))["results"]]


def made(at: float, nonce: bytes = bytes(8), **more: Any) -> str:
    return sign(KEY.encode(), Told("old", "binary", int(at * 1000), nonce, 0.3, 1, 4, True, (), **more))


def test_late_is_kept_and_not_counted(own: Any, tmp_path: Path) -> None:
    feedback, now = own(), 1e9
    ages = {"counted": now - 29 * 86400, "late": now - 31 * 86400, "future": now + 3600}
    items = [outcome(made(at, name.encode()[:1] * 8)) for name, at in ages.items()]
    assert results(feedback, *items) == ["counted", "late", "late"]
    assert [json.loads(line)["late"] for line in kept(tmp_path, "outcomes").splitlines()] == [False, True, True]
    text = feedback.telemetry.exposition()[0].decode()
    assert 'mlops_outcomes_total{bin="1",outcome="1",release="old",slice=""} 1.0' in text


def test_outcomes_are_judged_by_the_target(own: Any) -> None:
    fine = {"binary": [True, False], "multiclass": ["late", "früh"], "regression": [1, -2.5]}
    wrong = {"binary": [1, "true"], "multiclass": ["never", "", 1], "regression": [True, "1", 1e400, 1e300]}
    for task, values in fine.items():
        known = own(task).known
        assert [known.wrong(value) for value in values] == ["", ""]
        assert known.wrong(None)
    for task in ("binary", "multiclass"):
        assert all(own(task).known.wrong(value) for value in wrong[task])
    regression = own("regression")
    names = [sign(KEY.encode(), Told("r", "regression", 10**12, bytes([n] * 8), 0.5)) for n in range(4)]
    bodies = [
        f'{{"prediction_id": "{name}", "outcome": {text}}}'
        for name, text in zip(names, ("true", '"1"', "1e400", "1e300"), strict=True)
    ]
    answer = json.loads(regression.answer(f'{{"outcomes": [{", ".join(bodies)}]}}'.encode()))
    assert [item["result"] for item in answer["results"]] == ["invalid"] * 4


def test_two_processes_with_one_file_count_once(own: Any, tmp_path: Path) -> None:
    name = outcome(made(1e9))
    assert results(own(), name) == ["counted"]
    assert results(own(seen=Seen(tmp_path / "kept", 30 * DAY)), name) == ["repeated"]
    assert results(own(seen=Seen(tmp_path / "elsewhere", 30 * DAY)), name) == ["counted"]  # what only the join removes


def test_a_broken_file_of_seen_ids_loses_no_outcome(own: Any, tmp_path: Path) -> None:
    feedback, item = own(), outcome(made(1e9))
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / feedback_seen.NAME).write_bytes(b"no database" * 1000)
    assert results(feedback, item) == ["counted"]
    assert results(feedback, item) == ["counted"]  # the first went to no file
    assert results(feedback, item) == ["repeated"]


class Full:
    """A connection whose disk is full at one commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.fails = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)

    def commit(self) -> None:
        if self.fails:
            self.fails = False
            raise sqlite3.OperationalError("database or disk is full")
        self.connection.commit()


def test_a_commit_that_fails_leaves_the_file_to_others(tmp_path: Path) -> None:
    seen = Seen(tmp_path, DAY)
    assert seen.take([(1, b"a")], 1, lambda _: None) == {(1, b"a")}
    seen.connection = Full(seen.connection)  # type: ignore[arg-type, assignment]
    assert seen.take([(2, b"b")], 2, lambda _: None) == {(2, b"b")}
    assert seen.take([(3, b"c")], 3, lambda _: None) == {(3, b"c")}
    assert Seen(tmp_path, DAY).take([(1, b"a"), (2, b"b"), (3, b"c")], 3, lambda _: None) == {(2, b"b")}


def test_old_ids_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_seen, "CLEAN_EVERY", 1)
    monkeypatch.setattr(feedback_seen, "MOST_WITHOUT_FOLDER", 2)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    seen = Seen(None, 10)
    for at in (5, 100, 101, 102, 103):
        assert seen.take([(at, b"")], at, lambda _: None) == {(at, b"")}
    assert seen.take([(5, b""), (101, b""), (103, b"")], 103, lambda _: None) == {(5, b""), (101, b"")}


def test_workers_share_what_they_count(folder: Path, tmp_path: Path) -> None:
    options = ["--signing-key", str(folder / "key"), "--workers", "2", "--feedback", str(tmp_path)]
    with serving(folder / "bundle", *options) as server:
        items = [outcome(made(time.time(), bytes([number] * 8))) for number in range(8)]
        assert [told(server, item) for item in items] == [["counted"]] * 8
        assert [told(server, item) for item in items] == [["repeated"]] * 8
        assert metric(server, "mlops_feedback_total") == {
            'mlops_feedback_total{result="counted"}': 8.0,
            'mlops_feedback_total{result="repeated"}': 8.0,
        }
        assert sum(metric(server, 'mlops_outcomes_total{bin="1",outcome="1",release="old"').values()) == 8
