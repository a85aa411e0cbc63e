"""The receiver of alerts, against forges on loopback: what starts a retraining, what does not, and how often."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from baking import PROJECT
from unit.delivery import forge_server, gitlab_server

from mlops.contract.errors import MlopsError
from mlops.delivery import proposal
from mlops.serving import receiver_act, receiver_cause, receiver_forge, receiver_gitlab
from mlops.serving.receiver import App, application
from mlops.serving.receiver_act import holding
from mlops.serving.receiver_alerts import Unreadable, Wish, wish_of
from mlops.serving.receiver_cause import cause_of, key, looked, names, note
from mlops.serving.receiver_forge import Run

pytestmark = pytest.mark.unit

BEARER = "b3arer-token"
NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
Json = dict[str, Any]
HOSTILE = "x\n::set-env name=A::$(id) `id` ${{ github.token }} <b>@all #1 [skip ci] \u202e" + "é" * 5000


def alert(name: str = "FeatureDrift", wanted: str | None = "propose", status: str = "firing", **labels: str) -> Json:
    asked = {} if wanted is None else {"retrain": wanted}
    return {"status": status, "labels": {"alertname": name, "severity": "warning", **asked, **labels}}


def message(*alerts: Json, **more: Any) -> bytes:
    return json.dumps({"version": "4", "groupKey": "{}", "status": "firing", "alerts": alerts, **more}).encode()


PROPOSE, LOOK = message(alert(column="distance")), message(alert(wanted="look", column="distance"))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(receiver_act, "PAUSES", (0, 0))
    held = {"TOKEN_FILE": BEARER, "FORGE_TOKEN_FILE": forge_server.TOKEN, "TRIGGER_TOKEN_FILE": gitlab_server.TRIGGER}
    for name, token in held.items():
        (tmp_path / name).write_text(f"{token}\n")
    return {f"MLOPS_RECEIVER_{name}": str(tmp_path / name) for name in held}


@pytest.fixture
def github() -> Iterator[forge_server.Forge]:
    with forge_server.serving() as there:
        yield there


@pytest.fixture
def gitlab() -> Iterator[gitlab_server.Forge]:
    with gitlab_server.serving() as there:
        yield there


def on_github(files: Mapping[str, str], forge: forge_server.Forge) -> App:
    place = {"API": forge.url, "REPOSITORY": forge_server.REPOSITORY}
    return application({**files, **{f"MLOPS_RECEIVER_{name}": value for name, value in place.items()}})


def on_gitlab(files: Mapping[str, str], forge: gitlab_server.Forge) -> App:
    place = {"FORGE": "gitlab", "API": f"{forge.url}/api/v4", "REPOSITORY": gitlab_server.PROJECT}
    return application({**files, **{f"MLOPS_RECEIVER_{name}": value for name, value in place.items()}})


async def send(app: App, body: bytes, bearer: str | None = BEARER, way: str = "POST /alerts") -> tuple[int, Any]:
    """Send one request as the server does."""
    sent: list[Json] = []

    async def receive() -> Json:
        return {"type": "http.request", "body": body, "more_body": False}

    async def hear(part: Any) -> None:
        sent.append(part)

    headers = [] if bearer is None else [(b"authorization", f"Bearer {bearer}".encode())]
    verb, path = way.split()
    await app({"type": "http", "method": verb, "path": path, "headers": headers}, receive, hear)
    text = sent[1]["body"].decode()
    return sent[0]["status"], text if path == "/metrics" else json.loads(text)


def say(app: App, body: bytes, bearer: str | None = BEARER) -> tuple[int, str]:
    status, told = asyncio.run(send(app, body, bearer))
    return status, f"{told['result']} {told['reason']}"


def flood(apps: list[App], bodies: list[bytes]) -> list[str]:
    """Send every message to each of them, all at once."""

    async def all_at_once() -> list[tuple[int, Any]]:
        return await asyncio.gather(*(send(app, body) for app in apps for body in bodies))

    return [f"{status} {told['reason']}" for status, told in asyncio.run(all_at_once())]


def counted(app: App) -> dict[str, float]:
    told = asyncio.run(send(app, b"", way="GET /metrics"))[1]
    found = re.findall(r'^mlops_receiver_messages_total\{reason="(\w+)",result="(\w+)"\} (\S+)$', told, re.M)
    return {f"{result} {reason}": float(number) for reason, result, number in found}


def test_a_hundred_events_and_a_restart_start_one_run(files: Mapping[str, str], github: forge_server.Forge) -> None:
    bodies = [message(alert(f"Alert{number}", column=f"c{number}")) for number in range(100)]
    first = on_github(files, github)
    told = flood([first], bodies)
    assert told.count("200 propose") == 1 and told.count("200 running") == 99
    assert github.dispatched == [("retrain.yml", "main")]
    github.runs[0]["status"] = "completed"
    second = on_github(files, github)
    assert flood([second], bodies[:3]) == ["200 cooldown"] * 3 and len(github.dispatched) == 1
    assert counted(first)["started propose"] == 1 and counted(first)["nothing running"] == 99
    assert counted(second)["nothing cooldown"] == 3 and counted(second)["started look"] == 0


def test_mutant_without_the_lock_more_than_one_run_is_started(
    files: Mapping[str, str], github: forge_server.Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoLock:
        def __enter__(self) -> None: ...
        def __exit__(self, *_: object) -> None: ...

    app = on_github(files, github)
    notes, both = app._actor._forge.notes, threading.Barrier(2, timeout=300)
    monkeypatch.setattr(app._actor, "_lock", NoLock())
    # Both have read all that holds back before one of them starts a run.
    monkeypatch.setattr(app._actor._forge, "notes", lambda: (both.wait(), notes())[1])
    flood([app], [PROPOSE] * 2)
    assert len(github.dispatched) == 2


def test_two_receivers_that_do_not_race_start_one(files: Mapping[str, str], github: forge_server.Forge) -> None:
    for app in (on_github(files, github), on_github(files, github)):
        say(app, PROPOSE)
    assert len(github.dispatched) == 1


@pytest.mark.parametrize("bearer", [None, "", "B3arer-token", BEARER + "x", BEARER[:-1], "ü"])
def test_without_the_bearer_nothing_is_read(
    files: Mapping[str, str], github: forge_server.Forge, bearer: str | None
) -> None:
    assert say(on_github(files, github), b"no JSON at all", bearer) == (401, "refused bearer")
    assert github.asked == []


def test_a_token_is_read_anew(files: Mapping[str, str], github: forge_server.Forge) -> None:
    app = on_github(files, github)
    Path(files["MLOPS_RECEIVER_TOKEN_FILE"]).write_text("another-token\n")
    assert say(app, PROPOSE)[0] == 401
    assert say(app, PROPOSE, "another-token") == (200, "started propose")


@pytest.mark.parametrize(("name", "bearer"), [("TOKEN_FILE", "whoever-asks"), ("FORGE_TOKEN_FILE", BEARER)])
def test_a_token_that_is_gone_is_named_in_the_log_alone(
    files: Mapping[str, str],
    github: forge_server.Forge,
    name: str,
    bearer: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app, path = on_github(files, github), files[f"MLOPS_RECEIVER_{name}"]
    Path(path).unlink()
    status, told = asyncio.run(send(app, PROPOSE, bearer))
    assert status == 503 and told["detail"] == "the receiver cannot read one of its tokens; its log says which"
    assert path not in str(told) and f"{path}: not readable" in capsys.readouterr().out
    assert counted(app)["failed token"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff", b"[]", b"{}", b'{"version": "4"}', b"[" * 100_000, message(), message(alert(), version="3"),
        message({"status": "firing"}), message({"status": "maybe", "labels": {}}), message(version=4),
        message({"status": "firing", "labels": {"retrain": ["propose"]}}), message("firing"), b'{"a": NaN}',
        b" " * 1_100_000,
    ],
)  # fmt: skip
def test_what_alertmanager_does_not_send_is_refused(
    files: Mapping[str, str], github: forge_server.Forge, body: bytes
) -> None:
    expected = (200, "nothing not_asked") if body == message() else (400, "refused body")
    assert say(on_github(files, github), body) == expected
    assert github.asked == []


@pytest.mark.parametrize(
    ("alerts", "wish"),
    [
        ([alert(wanted=None), alert(wanted="maybe"), alert(status="resolved")], None),
        ([alert(wanted="look", column="a")], Wish("alert FeatureDrift (a)", look=True)),
        (
            [alert(wanted="look", column="a"), alert("LiveMetricLow"), alert("FeatureDrift", "propose", "resolved")],
            Wish("alert LiveMetricLow", look=False),
        ),
        (
            [alert(column=name) for name in "bacdefg"] + [alert("Stale")],
            Wish("alert FeatureDrift (a, b, c, d, e and 2 more), Stale", look=False),
        ),
    ],
)
def test_firing_alerts_wish_and_a_proposal_comes_before_a_look(alerts: list[Json], wish: Wish | None) -> None:
    assert wish_of(message(*alerts)) == wish


def test_a_hostile_label_becomes_harmless_words(files: Mapping[str, str], github: forge_server.Forge) -> None:
    body = message(alert(HOSTILE, column=HOSTILE), alert("$(id)", column='"; id'))
    assert say(on_github(files, github), body) == (200, "started propose")
    cause = github.runs[0]["inputs"]["cause"]
    assert len(cause) <= 200 and re.fullmatch(r"[\w .,:=()…-]+", cause) and "set-env name=A" in cause
    assert cause_of([("x", "a\nb")]) == "alert x (a b)" and cause_of([("\n", "")]) == "alert unnamed"


def test_what_the_forge_shows_holds_back(
    files: Mapping[str, str], github: forge_server.Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = on_github(files, github)
    monkeypatch.setattr(app._actor, "_now", lambda: NOW)
    github.post(
        f"/repos/{forge_server.REPOSITORY}/pulls", {"head": "mlops/retrain", "base": "main", "title": "", "body": ""}
    )
    assert say(app, PROPOSE) == (200, "nothing proposed")
    github.pulls[0]["head"]["repo"] = {"id": 8}
    cause = "alert FeatureDrift (distance)"
    status = {
        "context": "mlops/retrain",
        "description": note(cause, NOW.date(), "0002-b", "not better"),
        "state": "success",
    }
    github.statuses["main"] = [status]
    assert say(app, PROPOSE) == (200, "nothing silenced"), "a fork's pull request is no proposal"
    assert say(app, message(alert(column="hour"))) == (200, "started propose"), "another cause is not silenced"


@pytest.mark.parametrize("by_workflow", [True, False])
def test_runs_of_other_workflows_and_branches_do_not_count(
    files: Mapping[str, str], github: forge_server.Forge, by_workflow: bool
) -> None:
    github.lists_by_workflow = by_workflow
    github.ran("main.yml" if not by_workflow else "retrain.yml", {}, datetime.now(UTC))
    github.runs[0]["head_branch"] = "main" if not by_workflow else "feature"
    app = on_github(files, github)
    assert say(app, PROPOSE) == (200, "started propose") and say(app, PROPOSE) == (200, "nothing running")


def run(hours: float, look: bool = False, over: bool = True) -> Run:
    return Run("1", NOW - hours * HOUR, look, over)


@pytest.mark.parametrize(
    ("runs", "look", "why"),
    [
        ([], False, ""),
        ([run(1)], False, "cooldown"),
        ([run(1)], True, "cooldown"),
        ([run(7)], False, ""),
        ([run(7, over=False)], False, "running"),
        ([run(1, look=True)], False, ""),
        ([run(0, look=True, over=False)], False, ""),
        ([run(1, look=True)], True, "cooldown"),
        ([run(7, look=True, over=False)], True, "running"),
        ([Run("1", None, False, False)], False, "running"),
        ([Run("1", None, False, True)], False, ""),
    ],
)
def test_a_look_does_not_hold_back_a_proposal(runs: list[Run], look: bool, why: str) -> None:
    assert holding(runs, Wish("drift", look), NOW, 6 * HOUR) == why


def test_a_look_is_started_as_a_dry_run_and_a_proposal_follows_it(
    files: Mapping[str, str], github: forge_server.Forge
) -> None:
    app = on_github(files, github)
    assert [say(app, body)[1] for body in (LOOK, LOOK, PROPOSE, PROPOSE, LOOK)] == [
        "started look", "nothing running", "started propose", "nothing running", "nothing running",
    ]  # fmt: skip
    assert [one["inputs"]["dry_run"] for one in github.runs] == ["true", "false"]


def test_while_the_forge_is_down_alertmanager_asks_again_and_then_it_is_once(
    files: Mapping[str, str], github: forge_server.Forge
) -> None:
    app = on_github(files, github)
    github.fail = (500, "down")
    assert [say(app, PROPOSE) for _ in range(3)] == [(503, "failed forge")] * 3
    github.fail = None
    assert [say(app, PROPOSE)[1] for _ in range(3)] == ["started propose", "nothing running", "nothing running"]
    assert len(github.dispatched) == 1


@pytest.mark.parametrize("part", ["/pulls", "/runs", "/statuses", "/dispatches"])
def test_what_the_forge_refuses_is_told_without_the_token(
    files: Mapping[str, str], github: forge_server.Forge, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    github.refusing = {part: (403, "Forbidden")}
    status, told = asyncio.run(send(on_github(files, github), PROPOSE))
    assert status == 503 and "answers 403" in told["detail"] and "rights" in told["detail"]
    log = capsys.readouterr().out
    assert part in log and forge_server.TOKEN not in log and BEARER not in log and not github.dispatched


def test_a_redirect_is_not_followed(files: Mapping[str, str], github: forge_server.Forge) -> None:
    github.refusing = {"/pulls": (302, "")}
    assert say(on_github(files, github), PROPOSE) == (503, "failed forge")


def test_on_gitlab_a_trigger_starts_one_pipeline(
    files: Mapping[str, str], gitlab: gitlab_server.Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = on_gitlab(files, gitlab)
    monkeypatch.setattr(app._actor, "_now", lambda: NOW)
    told = flood([app], [LOOK] * 5) + flood([app], [PROPOSE] * 20)
    assert told.count("200 look") == told.count("200 propose") == 1 and told.count("200 running") == 23
    assert [p["inputs"] for p in gitlab.pipelines] == [
        {"run": "retrain", "cause": "alert FeatureDrift (distance)", "dry_run": word} for word in ("yes", "no")
    ]
    gitlab.pipelines.clear()
    gitlab.status(
        gitlab_server.TIP, "mlops/retrain", "success", note("alert FeatureDrift (distance)", NOW.date(), "", "x")
    )
    assert say(app, PROPOSE) == (200, "nothing silenced")
    gitlab.statuses.clear()
    yesterday = NOW.date() - timedelta(days=1)
    gitlab.status(
        gitlab_server.TIP, "mlops/retrain", "success", note("alert FeatureDrift (distance)", yesterday, "", "x")
    )
    assert say(app, PROPOSE) == (200, "started propose"), "by now data may be new"
    gitlab.pipelines.clear()
    gitlab.statuses.clear()
    gitlab._open({"source_branch": "mlops/retrain", "target_branch": "main", "title": "", "description": ""})
    assert say(app, PROPOSE) == (200, "nothing proposed")


def test_a_note_names_its_cause_and_what_was_looked_at() -> None:
    for cause in ("drift", HOSTILE, "", "x" * 72, "x" * 73):
        text = note(cause, NOW.date(), "0002-b", "not better")
        assert names(text, cause) and not names(text, cause + "y") and len(key(cause)) <= 72
        assert looked(text, cause, "0002-b") == f"{NOW:%Y-%m-%d}"
        assert looked(text.replace(f"{NOW:%Y-%m-%d}", "by hand"), cause, "0002-b") == ""
        assert looked(text, cause, "0003-c") == looked(text, cause + "y", "0002-b") == ""
    assert (
        key("x" * 200 + "a") != key("x" * 200 + "b") and not names("", "drift") and looked("drift", "drift", "") == ""
    )


def test_receiver_and_command_agree_on_the_branch() -> None:
    assert receiver_forge.BRANCH == proposal.BRANCH and receiver_cause.CONTEXT == "mlops/retrain"


def test_the_workflows_take_what_the_receiver_sends_and_have_the_names_it_looks_for() -> None:
    workflow = yaml.safe_load((PROJECT / ".github/workflows/retrain.yml").read_text(encoding="utf-8"))
    assert set(workflow[True]["workflow_dispatch"]["inputs"]) == {"cause", "dry_run"}
    # Gitea gives the name's expression a text, and 'false' is true there.
    truth = "format('{0}', inputs.dry_run) == 'true'"
    assert workflow["run-name"] == f"${{{{ {truth} && '{receiver_forge.LOOKS}' || 'Retrain' }}}}"
    (step,) = [step for step in workflow["jobs"]["retrain"]["steps"] if "mlops retrain" in step.get("run", "")]
    assert step["env"]["DRY_RUN"] == f"${{{{ {truth} && 'yes' || '' }}}}"
    inputs, pipeline = yaml.safe_load_all((PROJECT / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    assert {"run", "cause", "dry_run"} <= set(inputs["spec"]["inputs"])
    assert re.search(inputs["spec"]["inputs"]["cause"]["regex"], cause_of([(HOSTILE, "x" * 300)] * 9))
    assert pipeline["workflow"]["name"] == "$RETRAINING" and pipeline["variables"]["RETRAINING"] == ""
    named = {rule["variables"]["RETRAINING"] for rule in pipeline["workflow"]["rules"] if "variables" in rule}
    assert named == set(receiver_gitlab.NAMES)
    (look,) = [rule["if"] for rule in pipeline["workflow"]["rules"] if receiver_forge.LOOKS in str(rule)]
    assert '$DRY_RUN == "yes"' in look and '$RUN == "retrain"' in look


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"FORGE": "svn"}, "'github' or 'gitlab'"),
        ({"FORGE": "gitlab", "TRIGGER_TOKEN_FILE": ""}, "TRIGGER_TOKEN_FILE is not set"),
        ({"REPOSITORY": ""}, "REPOSITORY is not set"),
        ({"COOLDOWN": "soon"}, "'6h'"),
        ({"TOKEN_FILE": "/nowhere"}, "/nowhere: not readable"),
        ({"TOKEN_FILE": os.devnull}, "holds no token"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(files: Mapping[str, str], changes: Mapping[str, str], said: str) -> None:
    told = {**files, "MLOPS_RECEIVER_REPOSITORY": "a/b", **{f"MLOPS_RECEIVER_{k}": v for k, v in changes.items()}}
    with pytest.raises(MlopsError, match=re.escape(said)):
        application(told)


def test_unreadable_names_no_value() -> None:
    with pytest.raises(Unreadable) as caught:
        wish_of(message({"status": "s3cret", "labels": {}}))
    assert "s3cret" not in str(caught.value)


def test_the_program_answers_and_ends(files: Mapping[str, str], github: forge_server.Forge) -> None:
    place = {"MLOPS_RECEIVER_API": github.url, "MLOPS_RECEIVER_REPOSITORY": forge_server.REPOSITORY}
    command = [sys.executable, "-m", "mlops.serving.receiver", "--port", "0"]
    env = {**os.environ, **files, **place, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = next(found[1] for line in process.stdout if (found := re.search(r"(127\.0\.0\.1:\d+)", line)))
        request = urllib.request.Request(f"http://{address}/alerts", PROPOSE, {"Authorization": f"Bearer {BEARER}"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["reason"] == "propose"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://{address}/alerts", PROPOSE)
        with urllib.request.urlopen(f"http://{address}/readyz") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
