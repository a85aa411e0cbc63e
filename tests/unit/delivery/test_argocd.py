"""Argo CD through its own program: a fake one on the PATH answers with what the real one has said."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlops.contract.errors import MlopsError
from mlops.delivery.argocd import Argocd
from mlops.delivery.argocd_run import TRIES, Binary

HERE = Path(__file__).parent / "argocd"
TOKEN = "eyJhbGciOi.secret-of-ci.signature"
# Shell, for it starts at once: the answer whose turn it is, the last one again and again, and a note of what was asked.
FAKE = """#!/bin/sh
cd '{folder}' && read -r turn <turn && read -r calls <calls
{{ printf '%s\\037' "$KUBECONFIG" "$ARGOCD_AUTH_TOKEN" "$@"; }} >call.$calls
[ ! -f "${{KUBECONFIG%%:*}}" ] || /bin/cat "${{KUBECONFIG%%:*}}" >first.$calls
echo $((calls + 1)) >calls
[ ! -f answer.$((turn + 1)) ] || echo $((turn + 1)) >turn
read -r code <answer.$turn
/bin/cat out.$turn
/bin/cat err.$turn >&2
exit $code
"""


class World:
    """A folder with a fake `argocd`, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "argocd"
        program.write_text(FAKE.format(folder=folder), encoding="utf-8")
        program.chmod(0o755)
        (folder / "calls").write_text("0\n", encoding="utf-8")
        self.pauses: list[float] = []
        self.environ = {"PATH": str(folder), "HOME": str(folder), "ARGOCD_SERVER": "argo.example.com"}

    def argocd(self, *answers: dict[str, Any], project: str = "", **environ: str) -> Argocd:
        for old in self.folder.glob("answer.*"):
            old.unlink()
        for turn, answer in enumerate(answers):
            for stream in ("out", "err"):
                said = answer.get(stream, "").replace("TOKEN", environ.get("ARGOCD_AUTH_TOKEN", ""))
                (self.folder / f"{stream}.{turn}").write_text(said, encoding="utf-8")
            (self.folder / f"answer.{turn}").write_text(f"{answer.get('code', 0)}\n", encoding="utf-8")
        (self.folder / "turn").write_text("0\n", encoding="utf-8")
        return Argocd(Binary({**self.environ, **environ}, self.pauses.append), project)

    @property
    def calls(self) -> list[dict[str, Any]]:
        count = int((self.folder / "calls").read_text(encoding="utf-8"))
        return [self.call(number) for number in range(count)]

    def call(self, number: int) -> dict[str, Any]:
        config, token, *args = (self.folder / f"call.{number}").read_text(encoding="utf-8").split("\037")[:-1]
        first = self.folder / f"first.{number}"
        text = first.read_text(encoding="utf-8") if first.exists() else ""
        return {"args": args, "KUBECONFIG": config, "ARGOCD_AUTH_TOKEN": token, "first": text}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def recorded(name: str) -> dict[str, Any]:
    return {"out": (HERE / f"{name}.json").read_text(encoding="utf-8")}


def fatal(words: str) -> dict[str, Any]:
    return {"code": 20, "err": json.dumps({"level": "fatal", "msg": words, "time": "2026-01-01T00:00:00Z"}) + "\n"}


NOBODY = fatal('rpc error: code = NotFound desc = applications.argoproj.io "x" not found')
DENIED = fatal("rpc error: code = PermissionDenied desc = permission denied")
REFUSED = fatal(
    "Failed to establish connection to argo.example.com: dial tcp 192.0.2.1:443: connect: connection refused"
)


def test_a_healthy_application(world: World) -> None:
    app = world.argocd(recorded("healthy")).get("flight-delays-staging", refresh=True)
    assert app is not None
    assert (app.name, app.namespace) == ("flight-delays-staging", "flight-delays-staging")
    assert (app.sync, app.health, app.operation) == ("Synced", "Healthy", "Succeeded")
    assert app.revision == app.synced == "b52d43fb162c3ea91d045ed2b177c3ebe53b9b7d"
    assert app.since == datetime(2026, 11, 23, 14, 11, 31, tzinfo=UTC)
    assert (app.release, app.troubles) == ("20260101-2", ())
    assert world.calls[0]["args"] == ["app", "get", "flight-delays-staging", "--refresh", "--output", "json"]


@pytest.mark.parametrize(
    ("name", "state", "trouble"),
    [
        ("wrong", ("Synced", "Degraded", "Succeeded"), "Job smoke-89f38a47 Degraded: Job has reached the specified"),
        ("refused", ("OutOfSync", "Healthy", "Failed"), 'Service app SyncFailed: error when patching "/dev/shm/'),
        ("render", ("Unknown", "Healthy", "Succeeded"), "ComparisonError: Failed to load target state: failed to gen"),
    ],
)
def test_what_is_wrong_is_in_words(name: str, state: tuple[str, str, str], trouble: str, world: World) -> None:
    app = world.argocd(recorded(name)).get("flight-delays-staging")
    assert app is not None
    assert (app.sync, app.health, app.operation) == state
    assert any(words.startswith(trouble) for words in app.troubles), app.troubles


def test_what_failed_before_anything_was_applied(world: World) -> None:
    document = json.loads(recorded("refused")["out"])
    for resource in document["status"]["operationState"]["syncResult"]["resources"]:
        resource["hookPhase"] = ""
    app = world.argocd({"out": json.dumps(document)}).get("flight-delays-staging")
    assert app is not None and any(words.startswith("Service app SyncFailed") for words in app.troubles)


def test_a_branch_is_no_commit(world: World) -> None:
    app = world.argocd(recorded("render")).get("flight-delays-staging")
    assert app is not None
    assert json.loads(recorded("render")["out"])["status"]["sync"]["revision"] == "main"
    assert (app.revision, len(app.synced)) == ("", 40)


def test_an_operation_that_is_asked_for_is_running(world: World) -> None:
    document = json.loads(recorded("healthy")["out"])
    asked = {"out": json.dumps({**document, "operation": {"sync": {"revision": "abc"}}})}
    app = world.argocd(asked).get("flight-delays-staging")
    assert app is not None and app.operation == "Running"


def test_a_new_application_has_no_status_yet(world: World) -> None:
    document = {"metadata": {"name": "x"}, "spec": {"destination": {}}}
    app = world.argocd({"out": json.dumps(document)}).get("x")
    assert app is not None
    assert (app.sync, app.health, app.operation, app.synced, app.since) == ("Unknown", "Unknown", "", "", None)


def test_none_where_there_is_no_such_application(world: World) -> None:
    assert world.argocd(NOBODY).get("x") is None
    # Argo CD hides what a login may not see: only one that may see everything knows that there is nothing.
    assert world.argocd(DENIED, {"out": "yes\n"}, project="p").get("x") is None
    assert world.calls[-1]["args"] == ["account", "can-i", "get", "applications", "p/x"]
    with pytest.raises(MlopsError, match=r"permission denied.*Either there is no such application"):
        world.argocd(DENIED, {"out": "no\n"}).get("x")
    with pytest.raises(MlopsError, match="Argo CD has no application 'x'"):
        world.argocd(NOBODY).history("x")


def test_the_rest_of_the_surface(world: World) -> None:
    healthy = recorded("healthy")
    argocd = world.argocd({"out": f"[{healthy['out']}]"})
    assert [app.name for app in argocd.list("flight-delays")] == ["flight-delays-staging"]
    assert world.argocd({"out": "null"}).list() == []
    first, second = world.argocd(healthy).history("flight-delays-staging")
    assert first.id == second.id + 1 and first.at > second.at and first.revision.startswith("b52d43fb")
    kinds = world.argocd({"out": "---\nkind: Service\n\n---\nkind: Job\n\n"}).manifests("x", revision="abc")
    assert [manifest["kind"] for manifest in kinds] == ["Service", "Job"]
    assert world.argocd({"out": "< a\n> b\n"}).diff("x", "abc") == "< a\n> b\n"
    assert world.argocd({"out": "one\n"}).logs("x", lines=7) == "one\n"
    asked = [call["args"] for call in world.calls]
    assert asked[0] == ["app", "list", "--project", "flight-delays", "--output", "json"]
    assert asked[-3:] == [
        ["app", "manifests", "x", "--revision", "abc"],
        ["app", "diff", "x", "--exit-code=false", "--revision", "abc"],
        ["app", "logs", "x", "--tail", "7"],
    ]


@pytest.mark.parametrize(
    "end",
    [
        'timed out (3s) waiting for app "x" match desired state',
        "application 'x' health state has transitioned from Progressing to Degraded",
        "Operation has completed with phase: Failed",
    ],
)
def test_waiting_ends_with_what_is_there(end: str, world: World) -> None:
    assert world.argocd(fatal(end), recorded("wrong")).wait("x", timeout=3).health == "Degraded"
    assert world.argocd(fatal(end), recorded("refused")).sync("x", timeout=3).operation == "Failed"
    assert world.calls[0]["args"][:6] == ["app", "wait", "x", "--sync", "--health", "--operation"]
    with pytest.raises(MlopsError, match="not logged in"):
        world.argocd(fatal("rpc error: code = Unauthenticated desc = no session information")).wait("x", timeout=3)


TRANSIENT = (
    REFUSED,
    fatal("rpc error: code = Unavailable desc = connection error"),
    fatal("rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
    fatal("unexpected HTTP status code received from server: 503 (Service Unavailable)"),
)


@pytest.mark.parametrize("failure", TRANSIENT)
def test_what_may_pass_is_asked_again(failure: dict[str, Any], world: World) -> None:
    app = world.argocd(failure, failure, recorded("healthy")).get("flight-delays-staging")
    assert app is not None and len(world.calls) == 3
    assert len(world.pauses) == 2 and all(0 <= pause <= 5 for pause in world.pauses)


LASTING = {
    "permission denied": DENIED,
    "not logged in": fatal("rpc error: code = Unauthenticated desc = invalid session: token is expired"),
    "cannot be reached": fatal('code = Unavailable desc = "authentication handshake failed: x509: unknown authority"'),
    "nothing says where Argo CD is": fatal("Argo CD server address unspecified"),
    "does not run in namespace 'argocd'": fatal("cannot find ready pod with selector: [app.kubernetes.io/name=x]"),
    "answered no JSON": {"out": "Welcome\n"},
    "failed: it failed without a word": {"code": 3},
}


@pytest.mark.parametrize("words", LASTING)
def test_what_will_not_pass_is_said_at_once(words: str, world: World) -> None:
    with pytest.raises(MlopsError, match=words) as caught:
        world.argocd(LASTING[words]).list()
    assert caught.value.exit_code == 2
    assert len(world.calls) == 1 and world.pauses == []


def test_it_gives_up_after_some_tries_and_never_syncs_twice(world: World) -> None:
    with pytest.raises(MlopsError, match=r"'argo.example.com' does not answer.*connection refused\. Is it up"):
        world.argocd(REFUSED).list()
    assert len(world.calls) == TRIES
    with pytest.raises(MlopsError, match="does not answer"):
        world.argocd(REFUSED).sync("x", timeout=1)
    assert len(world.calls) == TRIES + 1


def test_no_program(world: World) -> None:
    (world.folder / "argocd").unlink()
    with pytest.raises(MlopsError, match=r"No `argocd` on the PATH\. Install"):
        world.argocd(REFUSED).list()


ECHOES = (
    {"code": 20, "err": "bad token TOKEN, sent as Authorization: Bearer TOKEN"},
    fatal("rpc error: code = Unauthenticated desc = invalid session TOKEN"),
    fatal("connection refused: --auth-token TOKEN"),
    {"out": "Welcome, TOKEN"},
)


@pytest.mark.parametrize("token", [TOKEN, "opaque-token"])
@pytest.mark.parametrize("echo", ECHOES)
def test_no_message_and_no_argument_holds_the_token(echo: dict[str, Any], token: str, world: World) -> None:
    options = f"--auth-token={token} --header 'Authorization: Basic {token}'"
    with pytest.raises(MlopsError) as caught:
        world.argocd(echo, ARGOCD_AUTH_TOKEN=token, ARGOCD_OPTS=options).list()
    assert token not in str(caught.value) and "***" in str(caught.value)
    assert caught.value.__cause__ is None and not any(token in word for call in world.calls for word in call["args"])
    assert world.calls[0]["ARGOCD_AUTH_TOKEN"] == token


def test_a_token_of_the_environment_alone_or_of_nobody(world: World) -> None:
    with pytest.raises(MlopsError) as caught:
        world.argocd(fatal("bad TOKEN, Bearer of-a-proxy"), ARGOCD_AUTH_TOKEN="opaque-token").list()
    assert "opaque-token" not in str(caught.value) and "of-a-proxy" not in str(caught.value)


KUBECONFIG = """
current-context: lab
clusters: [{name: lab, cluster: {server: "https://192.0.2.1"}}]
users: [{name: admin, user: {token: kube-secret}}]
contexts: [{name: lab, context: {cluster: lab, user: admin, namespace: elsewhere}}]
"""


def test_without_a_server_the_cluster_is_asked_in_argo_cds_namespace(world: World) -> None:
    path = world.folder / "kube"
    path.write_text(KUBECONFIG, encoding="utf-8")
    world.argocd({"out": "[]"}, ARGOCD_SERVER="", KUBECONFIG=str(path)).list()
    call = world.calls[0]
    assert call["args"][-1] == "--core"
    assert call["KUBECONFIG"].split(os.pathsep)[1:] == [str(path)]
    assert "namespace: argocd" in call["first"] and "kube-secret" not in call["first"]
    assert not Path(call["KUBECONFIG"].split(os.pathsep)[0]).exists()


def test_a_server_is_asked_where_one_is_named(world: World) -> None:
    world.argocd({"out": "[]"}).list()
    world.argocd({"out": "[]"}, ARGOCD_SERVER="", ARGOCD_OPTS="--server argo.example.com --plaintext").list()
    (world.folder / ".config" / "argocd").mkdir(parents=True)
    (world.folder / ".config" / "argocd" / "config").write_text("{}", encoding="utf-8")
    world.argocd({"out": "[]"}, ARGOCD_SERVER="").list()
    assert not any("--core" in call["args"] for call in world.calls)


def test_a_program_that_does_not_end(world: World) -> None:
    # A pipe that nobody writes to: it would wait for ever.
    (world.folder / "argocd").write_text(f"#!{sys.executable} -SE\nimport os\nos.read(os.pipe()[0], 1)\n")
    binary = Binary(world.environ, world.pauses.append)
    with pytest.raises(MlopsError, match=r"`argocd app list` did not end in 0 s"):
        binary.run("app", "list", timeout=0.1)
    assert len(world.pauses) == TRIES - 1
