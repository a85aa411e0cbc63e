"""A release that cannot run leaves the old pods serving; verification says so and takes it back, once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e.conftest import Deliver
from e2e.delivered import DeliveredProject

pytestmark = pytest.mark.e2e
ZEROS = "0" * 64


@pytest.fixture(scope="module")
def project(deliver: Deliver) -> DeliveredProject:
    project = deliver("broken")
    values = project.path / "deploy/envs/staging/values.yaml"
    text = values.read_text(encoding="utf-8") + "server: {startup: 15}\nprogressDeadline: 20\n"
    values.write_text(text, encoding="utf-8")
    project.push("Notice soon that a release does not come up")
    project.mlops("release", "--env", "staging")
    project.pull()
    project.await_serving(project.record()["id"])
    return project


def break_image(project: DeliveredProject) -> dict[str, Any]:
    return {"image": {**project.record()["image"], "digest": f"sha256:{ZEROS}"}}


def break_model(project: DeliveredProject) -> dict[str, Any]:
    return {"model": {"sha256": ZEROS}}


def break_answers(project: DeliveredProject) -> dict[str, Any]:
    """Push an image whose model does not answer what it answered in training."""
    path = project.path / "build/bundle/smoke.json"
    examples = json.loads(path.read_text(encoding="utf-8"))
    for prediction in examples["predictions"]:
        prediction["probability"] = 1 - prediction["probability"]
    path.write_text(json.dumps(examples), encoding="utf-8")
    *_, built, reference = project.mlops("image", "build", "--push").splitlines()
    project.dvc("checkout", "--force", "build/bundle")
    repository, _, digest = reference.partition("@")
    return {"identity": built.split()[1], "image": {"repository": repository, "digest": digest}}


BREAKS = {
    "an image that is not there": (break_image, "cannot pull its image"),
    "a model that is not the record's": (break_model, "model.sha256"),
    "answers that are not those of training": (break_answers, "In training the model answered otherwise"),
}


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_release_leaves_the_old_pods_serving_and_is_taken_back(project: DeliveredProject, what: str) -> None:
    good = project.record()
    breaks, why = BREAKS[what]
    with project.load() as load:
        broken = project.edit_record("staging", id="20990101-1", **breaks(project))
        said = project.mlops("verify", "--env", "staging", "--timeout", "180", "--revert", expect=1)
        assert good["id"] in said, said
        project.pull()
        assert project.record() == good
        assert why in project.git("log", "-1", "--format=%B")
        project.await_serving(good["id"])
    assert load.lost == []
    assert broken in project.git("log", "--format=%H")


def test_what_is_wrong_is_told_while_it_is(project: DeliveredProject) -> None:
    good = project.record()
    project.edit_record("staging", id="20990101-2", **break_image(project))
    said = project.mlops("status", expect=1)
    assert "20990101-2" in said and good["id"] in said
    project.mlops("rollback", "--env", "staging")
    project.await_serving(good["id"])


def test_an_argo_cd_that_is_down_reverts_nothing(project: DeliveredProject) -> None:
    head = project.git("ls-remote", "origin", "refs/heads/main")
    away = {
        "ARGOCD_SERVER": "127.0.0.1:9",
        "ARGOCD_OPTS": "--server 127.0.0.1:9 --plaintext",
        "KUBECONFIG": "/dev/null",
    }
    project.mlops("verify", "--env", "staging", "--timeout", "5", "--revert", expect=2, **away)
    project.mlops("status", expect=2, **away)
    assert project.git("ls-remote", "origin", "refs/heads/main") == head


def test_a_smoke_test_that_finds_a_fault_takes_the_release_back(project: DeliveredProject) -> None:
    good = project.record()
    path = project.path / "deploy/envs/staging/chart/templates/smoke.yaml"
    text = path.read_text(encoding="utf-8")
    record = '{{ include "mlops.record" . | quote }}'
    assert text.count(record) == 1
    other = f'{{{{ include "mlops.record" . | replace .Values.release.model.sha256 "{ZEROS}" | quote }}}}'
    path.write_text(text.replace(record, other), encoding="utf-8")
    with project.load() as load:
        project.edit_record("staging", id="20990101-3")
        said = project.mlops("verify", "--env", "staging", "--timeout", "120", "--revert", expect=1)
        assert "model.sha256" in said, said
        project.pull()
        assert path.read_text(encoding="utf-8") == text
        project.await_serving(good["id"])
    assert load.lost == []
