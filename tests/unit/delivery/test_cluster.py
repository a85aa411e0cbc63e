"""Placing Argo CD's objects: an API server on loopback that speaks server-side apply, and programs that take notes."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from mlops.commands import cluster as command
from mlops.contract.errors import MlopsError
from mlops.delivery import bootstrap, kind
from mlops.delivery.cluster import CRDS, PLACES, Cluster

HTTPS, SSH = "https://git.example.com/team/model.git", "git@git.example.com:team/model.git"
SECRET = "s3cret-of-somebody"


class Api(ThreadingHTTPServer):
    """What a cluster holds, by path; a no-op apply leaves the version of an object alone."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, dict[str, Any]] = {}
        self.crds, self.namespace, self.refusal = CRDS, True, 0
        self.queries: list[dict[str, list[str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        if self.path == "/apis/argoproj.io/v1alpha1":
            known = {"resources": [{"name": name} for name in self.server.crds]}
            self.answer(200 if self.server.crds else 404, known)
        elif self.path == "/api/v1/namespaces/argocd":
            self.answer(200 if self.server.namespace else 404, {})
        else:
            found = self.server.objects.get(self.path)
            self.answer(200 if found else 404, found or {"message": "not found"})

    def do_PATCH(self) -> None:
        assert self.headers["Content-Type"] == "application/apply-patch+yaml"
        assert self.headers["Authorization"] == f"Bearer {SECRET}"
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        self.server.queries.append(parse_qs(query))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.refusal:
            self.answer(self.server.refusal, {"message": "admission webhook says no"})
            return
        before = self.server.objects.get(path, {"data": {}, "metadata": {"resourceVersion": "0"}})
        after = {**body, "data": {**before.get("data", {}), **body.get("data", {})}}
        same = {**after, "metadata": before["metadata"]} == before
        version = int(before["metadata"]["resourceVersion"]) + (not same)
        self.server.objects[path] = {**after, "metadata": {"name": path, "resourceVersion": str(version)}}
        self.answer(200, self.server.objects[path])

    def answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(self.server.refusal if self.server.refusal in (401, 403) else status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    server = Api()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    user = {"name": "me", "user": {"token": SECRET}}
    context = {"name": "laptop", "context": {"cluster": "c", "user": "me"}}
    config = {"current-context": "laptop", "contexts": [context], "users": [user]}
    config["clusters"] = [{"name": "c", "cluster": {"server": server.url}}]  # type: ignore[assignment]
    (tmp_path / "kubeconfig").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    (root / "deploy" / "argocd").mkdir(parents=True)
    (root / "pyproject.toml").write_text(
        '[project]\nname = "model"\n[tool.mlops]\npackage = "m"\nfeatures = "m.f"\nmodel = "m.m"\n', encoding="utf-8"
    )
    spec = {
        "generators": [{"git": {"repoURL": HTTPS, "revision": "main"}}],
        "template": {"spec": {"source": {"targetRevision": "main"}}},
    }
    place(root, "project", kind="AppProject", name="model")
    place(root, "notifications", kind="ConfigMap", name="argocd-notifications-cm", data={"trigger.model": "[]"})
    place(root, "applicationset", kind="ApplicationSet", name="model", spec=spec)
    monkeypatch.chdir(root)
    for name in ("MLOPS_GIT_TOKEN", "MLOPS_GIT_USERNAME", "MLOPS_GIT_SSH_KEY_FILE", "MLOPS_STATUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return root


def place(root: Path, file: str, *, kind: str, name: str, **rest: Any) -> None:
    manifest = {"kind": kind, "metadata": {"name": name, "namespace": "argocd"}, **rest}
    (root / "deploy" / "argocd" / f"{file}.yaml").write_text(json.dumps(manifest), encoding="utf-8")


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_twice_changes_nothing(api: Api, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.bootstrap()
    said = lines(capsys)
    assert said[0] == f"context   laptop ({api.url})"
    objects = ["AppProject model", "ConfigMap argocd-notifications-cm", "ApplicationSet model"]
    assert said[1:4] == [f"created   {name}" for name in objects]
    assert [line.split()[0] for line in said[4:]] == ["note", "note"]
    assert "everyone must be able to read it" in said[4] and "MLOPS_STATUS_TOKEN" in said[5]
    command.bootstrap()
    assert lines(capsys)[1:4] == [f"unchanged {name}" for name in objects]
    place(project, "project", kind="AppProject", name="model", spec={"description": "other"})
    command.bootstrap()
    assert lines(capsys)[1] == "changed   AppProject model"
    options = {"fieldManager": ["mlops-model"], "force": ["true"], "fieldValidation": ["Strict"]}
    assert all(query == options for query in api.queries)


def test_credentials_come_from_the_environment_and_are_not_shown(
    api: Api, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_GIT_TOKEN", "git-secret")
    monkeypatch.setenv("MLOPS_STATUS_TOKEN", "status-secret")
    shared = f"{PLACES['Secret'].format('argocd')}/argocd-notifications-secret"
    api.objects[shared] = {"data": {"slack-token": "eHh4"}, "metadata": {"resourceVersion": "7"}}
    command.bootstrap()
    said = lines(capsys)
    assert said[1:4] == [
        "created   AppProject model",
        "created   Secret model-repository",
        "changed   Secret argocd-notifications-secret",
    ]
    assert not any("secret" in line for line in said if "Secret" not in line) and "note" not in "".join(said)
    secret = api.objects[f"{PLACES['Secret'].format('argocd')}/model-repository"]
    values = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert values == {"type": "git", "url": HTTPS, "username": "git", "password": "git-secret"}
    assert api.objects[shared]["data"].keys() == {"slack-token", "model-status-token"}
    for name in ("MLOPS_GIT_TOKEN", "MLOPS_STATUS_TOKEN"):
        monkeypatch.delenv(name)
    command.bootstrap()
    assert not any(line.startswith("note") for line in lines(capsys)), "what was given before is kept"


def test_a_credential_must_fit_the_address(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("-----BEGIN-----\n", encoding="utf-8")
    assert bootstrap.credential(SSH, {"MLOPS_GIT_SSH_KEY_FILE": str(key)}) == {"sshPrivateKey": "-----BEGIN-----\n"}
    assert bootstrap.credential(HTTPS, {"MLOPS_GIT_TOKEN": "t", "MLOPS_GIT_USERNAME": "bot"})["username"] == "bot"
    assert bootstrap.credential(SSH, {}) == {}
    with pytest.raises(MlopsError, match="read over SSH"):
        bootstrap.credential(SSH, {"MLOPS_GIT_TOKEN": "t"})
    with pytest.raises(MlopsError, match="read over HTTPS"):
        bootstrap.credential(HTTPS, {"MLOPS_GIT_SSH_KEY_FILE": str(key)})
    with pytest.raises(MlopsError, match="cannot be read"):
        bootstrap.credential(SSH, {"MLOPS_GIT_SSH_KEY_FILE": str(tmp_path / "none")})


def test_a_manifest_that_is_not_ours_is_not_applied(project: Path) -> None:
    place(project, "project", kind="ClusterRole", name="model")
    with pytest.raises(MlopsError, match="ClusterRole is none of AppProject, ApplicationSet, ConfigMap, Secret"):
        bootstrap.manifests(project, "model", "main", {})
    (project / "deploy" / "argocd" / "project.yaml").unlink()
    with pytest.raises(MlopsError, match=r"project\.yaml: no readable manifest"):
        bootstrap.manifests(project, "model", "main", {})


@pytest.mark.parametrize("which", ["generators", "template"])
def test_argo_cd_follows_the_branch_that_is_released(which: str, project: Path) -> None:
    path = project / "deploy" / "argocd" / "applicationset.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert bootstrap.manifests(project, "model", "main", {})
    where = {
        "generators": (document["spec"]["generators"][0]["git"], "revision"),
        "template": (document["spec"]["template"]["spec"]["source"], "targetRevision"),
    }
    place_, key = where[which]
    place_[key] = "trunk"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(MlopsError, match=r"follows 'main', 'trunk'.*releases would never arrive"):
        bootstrap.manifests(project, "model", "main", {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crds": ()}, "knows no applications, applicationsets, appprojects of argoproj.io. Install Argo CD"),
        ({"crds": ("applications", "appprojects")}, "knows no applicationsets of argoproj.io.*mlops cluster up"),
        ({"namespace": False}, "has no namespace 'argocd'"),
        ({"refusal": 401}, "does not know you: log in again"),
        ({"refusal": 403}, "does not let you get '/apis/argoproj.io/v1alpha1'. Ask its administrator"),
        (
            {"refusal": 422},
            r"answered 422 when asked to create and patch '.*appprojects/model': admission webhook says no",
        ),
    ],
)
def test_what_stands_in_the_way_is_named(change: dict[str, Any], words: str, api: Api, project: Path) -> None:
    vars(api).update(change)
    with pytest.raises(MlopsError, match=words) as caught:
        command.bootstrap()
    assert caught.value.exit_code == 2 and "laptop" in str(caught.value) and SECRET not in str(caught.value)
    assert api.objects == {}


def test_a_cluster_that_does_not_answer(api: Api, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    api.shutdown()
    api.server_close()
    with pytest.raises(MlopsError, match=r"context 'laptop' .* does not answer: .*refused"):
        cluster.check()
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(project / "none"))
    with pytest.raises(MlopsError, match=r"No cluster is configured: .*mlops cluster up"):
        Cluster()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put docker, kind and kubectl on the PATH: each notes its arguments, and answers what a file of its name holds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in kind.PROGRAMS:
        text = f"#!/bin/sh\nprintf '%s ' {name} \"$@\" >>'{tmp_path}/ran'\necho >>'{tmp_path}/ran'\n"
        text += f"[ ! -f '{tmp_path}/{name}' ] || . '{tmp_path}/{name}'\n"
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return tmp_path


def ran(folder: Path) -> list[str]:
    return [line.strip() for line in (folder / "ran").read_text(encoding="utf-8").splitlines()]


def test_a_cluster_for_a_laptop(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.up("trial")
    argocd = "kubectl --context kind-trial --namespace argocd"
    assert ran(programs) == [
        "docker info --format {{.ServerVersion}}",
        "kind get clusters",
        "kind create cluster --name trial --wait 10m",
        "kubectl --context kind-trial apply --server-side --filename -",
        f"{argocd} apply --server-side --force-conflicts --filename {kind.INSTALL}",
        f"{argocd} wait deployment --all --for=condition=Available --timeout=10m",
        f"{argocd} rollout status statefulset/argocd-application-controller --timeout=10m",
    ]
    said = lines(capsys)
    assert said[0] == "making    cluster trial" and "`mlops cluster bootstrap`" in said[-3]
    assert kind.VERSION in kind.INSTALL


def test_a_cluster_that_is_there_is_found(programs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (programs / "kind").write_text('[ "$1" != get ] || printf "other\\ntrial\\n"', encoding="utf-8")
    command.up("trial")
    assert lines(capsys)[0] == "found     cluster trial"
    assert "kind export kubeconfig --name trial" in ran(programs)
    assert not any("create cluster" in line for line in ran(programs))


def test_what_is_missing_is_named_all_at_once(programs: Path) -> None:
    for name in ("kind", "kubectl"):
        (programs / "bin" / name).unlink()
    with pytest.raises(MlopsError, match=r"install first: kind: https://.*, kubectl: https://") as caught:
        command.up("trial")
    assert caught.value.exit_code == 2 and not (programs / "ran").exists()


def test_docker_must_run_and_a_step_that_fails_is_named(programs: Path) -> None:
    (programs / "kubectl").write_text("echo 'no route to host' >&2; exit 1", encoding="utf-8")
    with pytest.raises(MlopsError, match=r"`kubectl --context kind-trial apply .*` failed: no route to host"):
        command.up("trial")
    (programs / "docker").write_text("exit 1", encoding="utf-8")
    with pytest.raises(MlopsError, match="Docker is installed and does not run"):
        command.up("trial")
