"""Release, release again, take it back: on a real cluster, under constant load, with nothing lost."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml
from e2e.conftest import Deliver
from e2e.delivered import DeliveredProject

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def project(deliver: Deliver) -> DeliveredProject:
    return deliver("story")


def facts(project: DeliveredProject) -> dict[str, Any]:
    """All that runs, as the cluster and the server tell it."""
    (pod,) = project.pods()
    told = {key: value for key, value in pod["metadata"]["annotations"].items() if key.startswith("mlops/")}
    return {"version": project.version(), "digests": project.digests(), "annotations": told}


def test_before_any_release_argo_cd_is_healthy_and_empty_and_a_second_bootstrap_changes_nothing(
    project: DeliveredProject,
) -> None:
    assert project.app() == {}
    text = project.place.kubectl("-n", "argocd", "get", "applicationset", project.slug, "-o", "json")
    conditions = {c["type"]: c["status"] for c in json.loads(text)["status"]["conditions"]}
    assert (conditions["ErrorOccurred"], conditions["ResourcesUpToDate"]) == ("False", "True")
    again = project.mlops("cluster", "bootstrap")
    assert "created" not in again and "changed " not in again.replace("unchanged", "")
    assert "no release" in project.mlops("status")


def test_a_revert_brings_the_first_release_back_whole_and_loses_no_request(
    project: DeliveredProject, figures: dict[str, object]
) -> None:
    project.mlops("release", "--env", "staging")
    project.pull()
    first = project.record()
    seconds = {"a first release": timed(project, first["id"])}
    project.mlops("verify", "--env", "staging", "--timeout", "60")
    before = facts(project)
    assert before["digests"] == {first["image"]["digest"]}
    assert before["version"]["release"] == first

    with project.load() as load:
        second = project.ship("Fewer trees", max_iter="80")
        seconds["a second release"] = timed(project, second["id"])
        assert facts(project) != before
        assert project.digests() == {second["image"]["digest"]} != before["digests"]
        project.mlops("verify", "--env", "staging", "--timeout", "60")
        assert second["id"] in project.mlops("status")

        project.revert()
        seconds["`git revert` and `git push`"] = timed(project, first["id"])
    assert facts(project) == before
    assert (load.lost, load.answered > 100) == ([], True)
    figures |= {f"seconds after {what} to its first answer, and until all is settled": s for what, s in seconds.items()}
    figures |= {"requests through release and revert": load.answered, "refused and asked again": load.refused}
    figures["requests lost"] = len(load.lost)

    held = project.mlops("release", "--env", "staging", expect=1)
    assert "held" in held
    assert "held" in project.mlops("status")


def timed(project: DeliveredProject, release: str) -> str:
    """Wait until a release serves; returns the seconds to its first answer, and until it is alone and healthy."""
    began = time.monotonic()
    first = project.await_serving(release)
    return f"{first:.1f}, {time.monotonic() - began:.1f}"


def test_our_rendering_is_argo_cds(project: DeliveredProject) -> None:
    from mlops.delivery.helm import render

    folder = project.path / "deploy/envs/staging"
    values = [folder / "values.yaml", folder / "release.yaml"]
    ours = render(folder / "chart", values, name=project.slug, namespace=project.namespace())
    text = project.place.run("argocd", "app", "manifests", f"{project.slug}-staging", "--source", "git")
    theirs = [document for document in yaml.safe_load_all(text) if document]

    def keyed(manifests: list[dict[str, Any]]) -> dict[str, Any]:
        return {f"{m['kind']}/{m['metadata']['name']}": plain(m) for m in manifests}

    assert keyed(theirs) == keyed(ours)


def plain(manifest: dict[str, Any]) -> dict[str, Any]:
    """Leave out by what Argo CD finds its own again."""
    metadata = dict(manifest["metadata"])
    metadata.pop("namespace", None)
    notes = {k: v for k, v in metadata.get("annotations", {}).items() if k != "argocd.argoproj.io/tracking-id"}
    metadata.pop("annotations", None)
    return {**manifest, "metadata": {**metadata, **({"annotations": notes} if notes else {})}}


def test_a_change_by_hand_is_undone(project: DeliveredProject) -> None:
    from e2e.delivered import eventually

    def replicas() -> int:
        text = project.place.kubectl("-n", project.namespace(), "get", "deployment", project.slug, "-o", "json")
        count: int = json.loads(text)["spec"]["replicas"]
        return count

    wanted = replicas()
    project.place.kubectl("-n", project.namespace(), "scale", "deployment", project.slug, f"--replicas={wanted + 1}")
    eventually(60, "Argo CD undoes it", lambda: replicas() == wanted, project.explain)
    project.place.kubectl("-n", project.namespace(), "delete", "service", project.slug)
    first = project.record()
    project.await_serving(first["id"])
