"""What the forge is told: Argo CD's own engine decides on states as they were recorded, and sends to a receiver."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from baking import BakedProject, bake
from e2e.place import Place
from living import LivingProject

pytestmark = pytest.mark.e2e
RECORDED = Path(__file__).resolve().parents[1] / "unit" / "delivery" / "argocd"
SLUG = "flight-delays"
PENDING, SUCCESS, FAILURE, SAME = "It is being", "It runs", "It could not", "A newer commit"
State = dict[str, Any]


def recorded(name: str, change: Callable[[State], object] = lambda app: None) -> State:
    """Read an application as the real Argo CD once described it, with a change."""
    app: State = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    change(app)
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **app}


def told(what: str) -> Callable[[State], object]:
    """Note what Argo CD has told of the commit already."""
    return lambda app: app["metadata"]["annotations"].update(
        {
            "notified.notifications.argoproj.io": json.dumps(
                {app["status"]["operationState"]["syncResult"]["revision"] + what: 1}
            )
        }
    )


def running(app: State) -> None:
    app["status"]["operationState"]["phase"] = "Running"


def scaled(app: State) -> None:
    told("+0:")(app)
    app["status"]["health"]["status"] = "Progressing"


def ill_before(app: State) -> None:
    app["status"]["health"]["lastTransitionTime"] = "2013-01-01T00:00:00Z"


def not_compared_yet(app: State) -> None:
    app["status"]["sync"]["status"] = "OutOfSync"


def newer(app: State) -> None:
    app["status"]["sync"]["revision"] = "1" * 40


STATES = {
    "healthy": (recorded("healthy"), {SUCCESS}),
    "being applied": (recorded("healthy", running), {PENDING}),
    "wrong answers": (recorded("wrong"), {FAILURE}),
    "refused by the cluster": (recorded("refused"), {FAILURE}),
    "scaled up after it was healthy": (recorded("healthy", scaled), set()),
    "not healthy, but from before": (recorded("wrong", ill_before), set()),
    "healthy, but not compared since it was applied": (recorded("healthy", not_compared_yet), set()),
    "a newer commit that changes nothing": (recorded("healthy", newer), {SUCCESS, SAME}),
    "no manifests": (recorded("render"), set()),
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> State:
    project = bake(tmp_path_factory.mktemp("told"), project_slug=SLUG, package_name="model_of", example_data="no")
    document: State = yaml.safe_load(project.read("deploy/argocd/notifications.yaml"))
    return document


def fired(place: Place, config: State, app: State, folder: Path) -> set[str]:
    """Let Argo CD's engine say which conditions hold."""
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    (folder / "app.json").write_text(json.dumps(app), encoding="utf-8")
    options = ("--config-map", str(folder / "config.yaml"), "--secret", ":empty")
    said = place.run("argocd", "admin", "notifications", "trigger", "run", SLUG, str(folder / "app.json"), *options)
    results = [line.endswith("true") for line in map(str.rstrip, said.splitlines()) if line.endswith(("true", "false"))]
    conditions = yaml.safe_load(config["data"][f"trigger.{SLUG}"])
    assert len(results) == len(conditions)
    held = zip(conditions, results, strict=True)
    names = (PENDING, SUCCESS, FAILURE, SAME)
    return {name for c, r in held for name in names if r and c["description"].startswith(name)}


@pytest.mark.parametrize("state", STATES)
def test_what_is_told_of(state: str, config: State, place: Place, tmp_path: Path) -> None:
    app, expected = STATES[state]
    assert fired(place, config, app, tmp_path) == expected


MUTANTS = {
    "healthy, but not compared since it was applied": "and app.status?.sync?.status == 'Synced'",
    "not healthy, but from before": "and (health?.lastTransitionTime ?? '') >= op.startedAt",
    "scaled up after it was healthy": "and not (told contains at + '+' or told contains at + '|')",
}


@pytest.mark.parametrize("state", MUTANTS)
def test_a_condition_less_and_it_is_noticed(state: str, config: State, place: Place, tmp_path: Path) -> None:
    mutant = copy.deepcopy(config)
    text = mutant["data"][f"trigger.{SLUG}"]
    assert text.count(MUTANTS[state]) == 1 or "Synced" in MUTANTS[state]
    mutant["data"][f"trigger.{SLUG}"] = text.replace(MUTANTS[state], "")
    app, expected = STATES[state]
    assert fired(place, mutant, app, tmp_path) != expected


class Receiver(ThreadingHTTPServer):
    """A forge that takes commit statuses."""

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), Takes)
        self.statuses: list[tuple[str, str, State]] = []

    def of(self, sha: str) -> list[State]:
        return [body for path, _, body in self.statuses if path.endswith(f"/statuses/{sha}")]


class Takes(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.statuses.append((self.path, self.headers["Authorization"], body))
        self.send_response(201)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def forge(place: Place) -> Iterator[Receiver]:
    server = Receiver(place.host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def project(place: Place, forge: Receiver, tmp_path: Path) -> Iterator[LivingProject]:
    """A project whose chart is one Service: it needs no image and is healthy at once."""
    slug = f"e2e-told-{int(time.time())}"
    baked: BakedProject = bake(tmp_path / "baked", project_slug=slug, package_name="model_of", example_data="no")
    url, api = f"{place.git}/e2e/{slug}.git", f"http://{place.host}:{forge.server_address[1]}"
    for path in baked.path.glob("deploy/argocd/*.yaml"):
        text = path.read_text(encoding="utf-8").replace(f"https://git.example.com/team/{slug}.git", url)
        path.write_text(text.replace("https://git.example.com/api/v3", api), encoding="utf-8")
    yield LivingProject(baked.path, tmp_path / "envs")
    for what in (f"applicationset/{slug}", f"application/{slug}-staging", f"appproject/{slug}"):
        place.kubectl("-n", "argocd", "delete", what, "--ignore-not-found", "--wait=false", expect=None)
    # An apply that speaks of nothing takes back what its manager had placed.
    for kind, name in (("ConfigMap", "argocd-notifications-cm"), ("Secret", "argocd-notifications-secret")):
        empty = json.dumps({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "argocd"}})
        place.kubectl("apply", "--server-side", "--field-manager", f"mlops-{slug}", "-f", "-", stdin=empty, expect=None)
    place.kubectl("delete", "namespace", f"{slug}-staging", "--ignore-not-found", "--wait=false", expect=None)


def service(project: LivingProject, port: int) -> None:
    folder = project.path / "deploy" / "envs" / "staging"
    (folder / "chart" / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "chart" / "Chart.yaml").write_text("{apiVersion: v2, name: told, version: 0.1.0}\n", encoding="utf-8")
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "told"},
        "spec": {"ports": [{"port": port}]},
    }
    (folder / "chart" / "templates" / "service.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "release.yaml").write_text(json.dumps({"release": {"id": f"20130501-{port}"}}), encoding="utf-8")


def push(project: LivingProject, place: Place, subject: str) -> str:
    slug = project.path.name
    git = ("git", "-C", str(project.path), "-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for command in (
        ("add", "-A"),
        ("commit", "-qm", subject),
        ("push", "-q", f"{place.git}/e2e/{slug}.git", "HEAD:main"),
    ):
        subprocess.run([*git, *command], check=True, capture_output=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def state_of(forge: Receiver, sha: str, wanted: str, seconds: float) -> State:
    """Wait until a commit has a status."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for status in forge.of(sha):
            if status["state"] == wanted:
                return status
        time.sleep(0.1)
    raise AssertionError(f"no {wanted} for {sha}, only {forge.statuses}")


def test_the_commit_status(project: LivingProject, place: Place, forge: Receiver, figures: dict[str, object]) -> None:
    slug = project.path.name
    env = {
        **os.environ,
        **place.variables,
        "PYTHONPATH": str(project.path / "src"),
        "MLOPS_STATUS_TOKEN": "status-token",
    }
    bootstrap = [sys.executable, "-m", "mlops", "cluster", "bootstrap"]
    first, second = (
        subprocess.run(bootstrap, cwd=project.path, env=env, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    )
    assert f"created   ApplicationSet {slug}" in first and "status-token" not in first
    assert {line.split()[0] for line in second.splitlines()} <= {"context", "unchanged", "note"}

    service(project, 80)
    began = time.monotonic()
    sha = push(project, place, "Release 20130501-80 to staging")
    status = state_of(forge, sha, "success", 120)
    figures["seconds from push to the commit status `success`, a chart without pods"] = round(
        time.monotonic() - began, 1
    )
    assert status["context"] == "mlops/staging"
    assert status["description"] == "Release 20130501-80 to staging: healthy"
    path, token, _ = forge.statuses[0]
    assert path == f"/repos/e2e/{slug}/statuses/{sha}" and token == "Bearer status-token"

    (project.path / "note.txt").write_text("nothing here\n", encoding="utf-8")
    state_of(forge, push(project, place, "Write a note"), "success", 120)

    service(project, 99999)
    began = time.monotonic()
    sha = push(project, place, "Release 20130501-99999 to staging")
    status = state_of(forge, sha, "failure", 120)
    figures["seconds from push to the commit status `failure`, refused by the cluster"] = round(
        time.monotonic() - began, 1
    )
    assert 'Service "told" is invalid' in status["description"] and len(status["description"]) <= 140
