"""The image, really built: the same for the same files, one layer for a new model, nothing inside but what runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from baking import BakedProject, bake
from e2e.place import Place
from unit.serving.bundle_factory import make_bundle, sha256

from mlops.delivery import registry
from mlops.settings import find

pytestmark = pytest.mark.e2e

NAME = f"e2e-image-{int(time.time())}"
MEGABYTE = 1e6
LOOK = """
import importlib.util, json, os, shutil
def writes(folder):
    try:
        open(folder + "/x", "w").close()
    except OSError as error:
        return error.strerror
    return "writable"
print(json.dumps({
    "user": os.getuid(),
    "programs": [name for name in ("gcc", "cc", "make", "pip", "pip3", "uv") if shutil.which(name)],
    "modules": [name for name in ("pip", "ensurepip", "setuptools", "sklearn", "pandas", "mlflow", "dvc", "skl2onnx")
                if importlib.util.find_spec(name)],
    "places": {folder: writes(folder) for folder in ("/", "/opt/venv", "/srv/mlops", "/var/tmp", "/tmp")},
}))
"""
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "server"},
    "spec": {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    },
}
CONTAINER = {
    "name": "server",
    "args": ["--host=0.0.0.0"],
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8000}, "periodSeconds": 1},
    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
Mlops = Callable[..., list[str]]


@pytest.fixture(scope="module")
def project(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BakedProject]:
    """A project with a model, its base pinned."""
    project = bake(
        tmp_path_factory.mktemp("image"), project_slug=NAME, image_registry=f"{place.registry}/e2e", example_data="no"
    )
    settings = project.path / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("[tool.mlops]\n", '[tool.mlops]\ntarget = "argocd"\n'), encoding="utf-8")
    make_bundle(project.path / "build/bundle")
    run(place, project)("image", "pin")
    yield project
    place.kubectl("delete", "namespace", NAME, "--ignore-not-found", "--wait=false", expect=None)


@pytest.fixture(scope="module")
def mlops(place: Place, project: BakedProject) -> Mlops:
    return run(place, project)


def run(place: Place, project: BakedProject) -> Mlops:
    """Give what runs `mlops` there; its lines are returned."""

    def mlops(*words: str, options: str = "") -> list[str]:
        given = {**os.environ, **place.variables, "PYTHONPATH": str(project.path / "src")}
        given["MLOPS_BUILD_OPTIONS"] = f"{given.get('MLOPS_BUILD_OPTIONS', '')} {options}"
        done = subprocess.run(
            [sys.executable, "-m", "mlops", *words], cwd=project.path, env=given, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    return mlops


def test_one_identity_is_one_image(project: BakedProject, mlops: Mlops, figures: dict[str, object]) -> None:
    began = time.monotonic()
    # Without the layers of an older Dockerfile, whose names would stand in the image's history.
    *_, state, reference = mlops("image", "build", "--push", options="--no-cache")
    figures["seconds to build and push a first image"] = round(time.monotonic() - began, 1)
    assert state.startswith("built  sha256:")
    began = time.monotonic()
    *_, found, again = mlops("image", "build", "--push")
    figures["seconds to find an image"] = round(time.monotonic() - began, 1)
    assert (found.split(), again) == (["found", state.split()[1]], reference)
    repository, _, digest = reference.partition("@")
    assert registry.lookup(repository, state.rpartition(":")[2]) == digest
    bundle = project.path / "build/bundle"
    told = {key: value for key, value in registry.labels(repository, digest).items() if key.startswith("mlops.")}
    assert told == {
        "mlops.identity": state.split()[1],
        "mlops.model": sha256(bundle / "model.onnx"),
        "mlops.contract": sha256(bundle / "contract.yaml"),
    }
    if find(project.path).builder == "buildah":
        registry.delete(repository, digest)
        subprocess.run(["buildah", "rmi", f"{repository}:{state.rpartition(':')[2]}"], check=True, capture_output=True)
        *_, state, reference = mlops("image", "build", "--push", options="--no-cache")
        assert (state.split()[0], reference) == ("built", again)


def test_a_new_model_is_one_small_layer_and_going_back_is_none(
    project: BakedProject, mlops: Mlops, figures: dict[str, object], tmp_path: Path
) -> None:
    bundle = project.path / "build/bundle"
    repository, _, first = mlops("image", "build", "--push")[-1].partition("@")
    shutil.copytree(bundle, tmp_path / "first")
    shutil.rmtree(bundle)
    make_bundle(bundle, seed=1)
    began = time.monotonic()
    second = mlops("image", "build", "--push")[-1].partition("@")[2]
    figures["seconds to build and push a second model"] = round(time.monotonic() - began, 1)
    before, after = registry.blobs(repository, first), registry.blobs(repository, second)
    assert len(before) == len(after) and len(after.keys() - before.keys()) == 2
    new = max(after[key] for key in after.keys() - before.keys())
    figures["megabytes of an image, as stored"] = round(sum(after.values()) / MEGABYTE, 1)
    figures["megabytes of the layer of a small model"] = round(new / MEGABYTE, 3)
    assert new < sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file()) + 20_000
    shutil.rmtree(bundle)
    shutil.copytree(tmp_path / "first", bundle)
    *_, state, reference = mlops("image", "build", "--push")
    assert (state.split()[0], reference) == ("found", f"{repository}@{first}")


def test_it_runs_restricted_with_nothing_inside_that_it_does_not_need(
    place: Place, project: BakedProject, mlops: Mlops
) -> None:
    place.kubectl("create", "namespace", NAME)
    place.kubectl("label", "namespace", NAME, "pod-security.kubernetes.io/enforce=restricted")
    container = {**CONTAINER, "image": mlops("image", "build", "--push")[-1]}
    pod = {**POD, "spec": {**POD["spec"], "containers": [container]}}  # type: ignore[dict-item]
    place.kubectl("-n", NAME, "apply", "-f", "-", stdin=json.dumps(pod))
    place.kubectl("-n", NAME, "wait", "--for=condition=ready", "pod/server", "--timeout=90s")
    seen = json.loads(place.kubectl("-n", NAME, "exec", "server", "--", "/opt/venv/bin/python", "-c", LOOK))
    base = json.loads(place.kubectl("-n", NAME, "exec", "server", "--", "/usr/local/bin/python3", "-c", LOOK))
    for python in (seen, base):
        assert (python["user"], python["programs"], python["modules"]) == (10001, [], [])
        places = dict.fromkeys(("/", "/opt/venv", "/srv/mlops", "/var/tmp"), "Read-only file system")
        assert python["places"] == {**places, "/tmp": "writable"}
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/version').read().decode())"
    told = json.loads(place.kubectl("-n", NAME, "exec", "server", "--", "/opt/venv/bin/python", "-c", ask))
    assert told["model_sha256"] == sha256(project.path / "build/bundle/model.onnx")
