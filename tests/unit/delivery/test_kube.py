from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from mlops.contract.errors import MlopsError
from mlops.delivery.kube import Kube
from mlops.delivery.trouble import explain

# What a cluster answered while every kind of trouble was there at once.
RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text(encoding="utf-8"))
DIGEST = "sha256:53969dee3f4639e1514e4cd8c9ba1084f78664264bb2a3e896b9d7e8eb3280aa"
GOOD = "good-7fb4c74559-mwr97"
CORE, APPS, BATCH = "/api/v1", "/apis/apps/v1", "/apis/batch/v1"


class Api:
    """A Kubernetes API on loopback that answers what was recorded."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[str] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.path = unquote(self.path)
                api.asked.append(self.path)
                status, body = api.answers.get(self.path.partition("?")[0], (404, {"kind": "Status"}))
                data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def holds(self, namespace: str, part: dict[str, list[Any]]) -> None:
        for group, what in ((CORE, "pods"), (CORE, "events"), (APPS, "replicasets"), (BATCH, "jobs")):
            self.answers[f"{group}/namespaces/{namespace}/{what}"] = (200, {"items": part[what]})

    def tells(self, pod: str, body: Any, status: int = 200) -> None:
        self.answers[f"{CORE}/namespaces/flights-staging/pods/{pod}:8000/proxy/version"] = (status, body)


def kubeconfig(path: Path, port: int) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "someone", "user": {"token": "t0ken"}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "someone"}}],
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    made = Api()
    made.holds("flights-staging", RECORDED["broken"])
    made.holds("flights-quota", RECORDED["quota"])
    kubeconfig(tmp_path / "kubeconfig", made.server.server_address[1])
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_pods_tell_what_really_runs(api: Api) -> None:
    pods = {pod.name.split("-")[0]: pod for pod in Kube().pods("flights-staging", "app=a")}
    assert "labelSelector=app=a" in api.asked[0]
    assert set(pods) == {"crash", "good", "huge", "image", "live", "probe"}  # not the job's
    good, crash, image = pods["good"], pods["crash"], pods["image"]
    assert (good.digest, good.release, good.ready, good.restarts) == (DIGEST, "20260501-1", True, 0)
    assert (crash.ready, crash.restarts) == (False, 6)
    assert (image.digest, image.waiting) == (None, "ImagePullBackOff")
    assert good.started is not None and good.started.isoformat() == "2026-11-23T13:57:37+00:00"


def test_a_pod_that_is_ending_is_left_out_and_a_bare_hash_is_no_digest(api: Api) -> None:
    part = copy.deepcopy(RECORDED["broken"])
    for pod in part["pods"]:
        if pod["metadata"]["name"] == GOOD:
            pod["status"]["containerStatuses"][0]["imageID"] = DIGEST
        else:
            pod["metadata"]["deletionTimestamp"] = "2026-11-23T14:00:00Z"
    api.holds("flights-staging", part)
    (pod,) = Kube().pods("flights-staging", "")
    assert (pod.name, pod.digest) == (GOOD, None)
    assert [trouble.kind for trouble in Kube().troubles("flights-staging")] == ["job"]


def test_a_pod_that_has_ended_is_left_out_and_a_meshs_container_is_not_asked(api: Api) -> None:
    part = copy.deepcopy(RECORDED["broken"])
    for pod in part["pods"]:
        if pod["metadata"]["name"] == GOOD:
            (server,) = pod["status"]["containerStatuses"]
            server["name"] = "server"
            proxy = {**server, "name": "a-proxy", "imageID": f"example.com/proxy@sha256:{'0' * 64}"}
            pod["status"]["containerStatuses"] = [proxy, server]
        else:
            pod["status"] = {"phase": "Failed", "reason": "Evicted"}
    api.holds("flights-staging", part)
    (pod,) = Kube().pods("flights-staging", "")
    assert (pod.name, pod.digest) == (GOOD, DIGEST)


def test_version_is_asked_through_the_api_server(api: Api) -> None:
    api.tells(GOOD, {"release": {"id": "20260501-1"}, "none": None})
    assert Kube().version("flights-staging", GOOD) == {"release": {"id": "20260501-1"}, "none": None}
    for body, status in (("no JSON", 200), ([1], 200), ("connection refused", 502), ("not found", 404)):
        api.tells(GOOD, body, status)
        assert Kube().version("flights-staging", GOOD) is None
    api.tells(GOOD, {"message": "forbidden"}, 403)
    with pytest.raises(MlopsError, match="does not let you read pods/proxy in namespace 'flights-staging'"):
        Kube().version("flights-staging", GOOD)


PROBE = (
    'Startup probe failed: Get "http://10.244.0.7:8000/readyz": dial tcp 10.244.0.7:8000: connect: connection refused.'
)
WORDS = {
    "crash": "Pod crash-5778c5bd85-z29jr ended 7 times, the last time with exit code 1; its last words: "
    "model.onnx: its sha256 is abc, the release names def.; loading.",
    "job": "Job flights-smoke-12345678 failed (BackoffLimitExceeded, exit code 1): "
    "smoke: row 2: probability 0.4 instead of 0.9.",
    "probe": f"Pod probe-777777b4b9-ng6jc was ended twice because it failed a probe: {PROBE}",
    "image": "Pod image-bb8b4765f-9sqnr cannot pull its image "
    "'registry.example.com/status/python@sha256:000000000000…': not found.",
    "unschedulable": "Pod huge-d87d45dc8-thhrq finds no node: 0/1 nodes are available: 1 Insufficient memory. "
    "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
}


@pytest.mark.parametrize("kind", WORDS)
def test_each_trouble_is_one_sentence(api: Api, kind: str) -> None:
    assert WORDS[kind] in [trouble.words for trouble in Kube().troubles("flights-staging") if trouble.kind == kind]


def test_troubles_come_newest_first_and_nobody_well_is_among_them(api: Api) -> None:
    troubles = Kube().troubles("flights-staging")
    times = [trouble.since for trouble in troubles]
    assert None not in times and times == sorted(times, reverse=True)  # type: ignore[type-var]
    assert GOOD not in {trouble.name for trouble in troubles} and len(troubles) == 6


def test_a_quota_is_named(api: Api) -> None:
    (trouble,) = Kube().troubles("flights-quota")
    assert trouble.kind == "quota"
    assert trouble.words.startswith("No pods can be made for good-7fb4c74559: ")
    assert trouble.words.endswith("exceeded quota: few, requested: pods=1, used: pods=0, limited: pods=0.")


def of(name: str, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """What is said of one recorded pod after a change."""
    pod = copy.deepcopy(next(pod for pod in RECORDED["broken"]["pods"] if pod["metadata"]["name"].startswith(name)))
    change(pod["status"]["containerStatuses"][0])
    return [trouble.words for trouble in explain([pod], [], [], RECORDED["broken"]["events"])]


def test_a_probe_that_fails_before_anything_ended(api: Api) -> None:
    (words,) = of("probe", lambda container: container.update(state={"running": {}}, lastState={}, restartCount=0))
    assert words == f"Pod probe-777777b4b9-ng6jc is not ready: {PROBE}"


def test_out_of_memory_is_named_and_odd_letters_steer_no_terminal() -> None:
    ended = {"exitCode": 137, "reason": "OOMKilled", "message": "\x1b[2Jallocating\n"}
    (words,) = of("crash", lambda container: container.update(state={"running": {}}, lastState={"terminated": ended}))
    assert words.endswith("6 times, the last time with exit code 137, OOMKilled; its last words: ?[2Jallocating.")


def test_rights_that_are_missing_name_context_and_namespace(api: Api) -> None:
    path = f"{CORE}/namespaces/flights-staging/pods"
    api.answers[path] = (403, {"message": "forbidden"})
    with pytest.raises(
        MlopsError, match=r"context 'lab'.*does not let you read pods in namespace 'flights-staging'"
    ) as raised:
        Kube().pods("flights-staging", "")
    assert raised.value.exit_code == 2
    api.answers[path] = (401, {})
    with pytest.raises(MlopsError, match="does not know you: log in again"):
        Kube().pods("flights-staging", "")
    api.answers[path] = (500, {})
    with pytest.raises(MlopsError, match="answered 500 when asked to read pods"):
        Kube().pods("flights-staging", "")


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig(tmp_path / "kubeconfig", 9)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    with pytest.raises(MlopsError, match=r"context 'lab' \(http://127.0.0.1:9\) does not answer") as raised:
        Kube().pods("flights-staging", "")
    assert raised.value.exit_code == 2


@pytest.mark.parametrize("text", [None, "", "clusters: [", "apiVersion: v1\nkind: Config\n"])
def test_no_cluster_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    if text is not None:
        (tmp_path / "kubeconfig").write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    with pytest.raises(MlopsError, match="No Kubernetes cluster is configured"):
        Kube()


def test_a_pod_that_is_ready_again_is_no_trouble() -> None:
    pods = copy.deepcopy(RECORDED["broken"]["pods"])
    for pod in pods:
        for condition in pod["status"]["conditions"]:
            condition["status"] = "True"
    assert explain(pods, [], [], RECORDED["broken"]["events"]) == []


def test_an_old_replicaset_without_pods_is_no_trouble() -> None:
    old = copy.deepcopy(RECORDED["quota"]["replicasets"])
    old[0]["spec"]["replicas"] = 0
    assert explain([], old, [], []) == []


def test_a_job_that_cannot_start_is_told_unless_the_server_says_the_same() -> None:
    server = next(pod for pod in RECORDED["broken"]["pods"] if pod["metadata"]["name"].startswith("image"))
    smoke = copy.deepcopy(server)
    smoke["metadata"] |= {"name": "smoke-1", "ownerReferences": [{"kind": "Job", "name": "smoke"}]}
    job = {"metadata": {"name": "smoke"}, "status": {}}
    (alone,) = explain([smoke], [], [job], [])
    assert alone.words.startswith("Pod smoke-1 of job smoke cannot pull its image")
    assert [trouble.name for trouble in explain([smoke, server], [], [job], [])] == [server["metadata"]["name"]]


JOB = RECORDED["broken"]["jobs"][0]
SMOKE = next(pod for pod in RECORDED["broken"]["pods"] if pod["metadata"]["name"].startswith("flights-smoke"))
DEADLINE = "Job was active longer than specified deadline"


def job(reason: str, *pods: dict[str, Any], events: list[dict[str, Any]] | None = None) -> tuple[str, str]:
    """What is said of a job that failed for a reason."""
    failed = copy.deepcopy(JOB)
    for condition in failed["status"]["conditions"]:
        condition |= {"reason": reason, "message": DEADLINE if reason == "DeadlineExceeded" else "The limit is reached"}
    (trouble,) = explain(pods, [], [failed], events or [])
    assert trouble.name == "flights-smoke-12345678"
    return trouble.kind, trouble.words.removeprefix("Job flights-smoke-12345678 failed ")


def ended(**end: Any) -> dict[str, Any]:
    pod = copy.deepcopy(SMOKE)
    pod["status"]["containerStatuses"][0]["state"] = {"terminated": end}
    return pod


def rejected() -> dict[str, Any]:
    pod = copy.deepcopy(SMOKE)
    del pod["status"]["containerStatuses"]
    return pod


LIMIT, LATE = "BackoffLimitExceeded", "DeadlineExceeded"
SAID = f"({LATE}): {DEADLINE}."


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (job(LIMIT, ended(exitCode=1, message="row 2")), "job", f"({LIMIT}, exit code 1): row 2."),
        (job(LIMIT, ended(exitCode=2, message="no answer")), "unasked", f"({LIMIT}, exit code 2): no answer."),
        (
            job(LIMIT, ended(exitCode=137, reason="OOMKilled")),
            "job",
            f"({LIMIT}, exit code 137): The limit is reached.",
        ),
        (
            job(LIMIT, ended(exitCode=128, reason="StartError", message="exec")),
            "unasked",
            f"({LIMIT}, exit code 128): exec.",
        ),
        (job(LIMIT, rejected()), "unasked", f"({LIMIT}): The limit is reached."),
        (job(LIMIT), "job", f"({LIMIT}): The limit is reached."),
        (job(LATE), "unasked", SAID),
        (job(LATE, ended(exitCode=143)), "unasked", f"({LATE}, exit code 143): {DEADLINE}."),
        (job(LATE, ended(exitCode=1, message="row 2")), "job", f"({LATE}, exit code 1): row 2."),
    ],
)
def test_a_job_that_could_not_ask_gave_no_wrong_answer(said: tuple[str, str], kind: str, words: str) -> None:
    assert said == (kind, words)


def test_what_kept_a_job_from_starting_is_in_the_events_when_its_pod_is_gone() -> None:
    def event(kind: str, name: str, message: str, type_: str = "Warning", reason: str = "Why") -> dict[str, Any]:
        about = {"kind": kind, "name": name, "uid": name}
        time = "2026-11-23T14:00:00Z"
        return {"involvedObject": about, "message": message, "type": type_, "reason": reason, "lastTimestamp": time}

    name = JOB["metadata"]["name"]
    quota, room = event("Job", name, "exceeded quota"), event("Pod", f"{name}-x", "0/1 nodes are available")
    own, normal = event("Job", name, DEADLINE, reason=LATE), event("Pod", f"{name}-x", "Pulling", "Normal")
    other = event("Pod", "web-1", "ill")
    assert job(LATE, events=[own, normal, other])[1] == SAID
    assert job(LATE, events=[own, quota])[1] == f"{SAID} exceeded quota."
    assert job(LATE, events=[room, other, normal])[1] == f"{SAID} 0/1 nodes are available."
