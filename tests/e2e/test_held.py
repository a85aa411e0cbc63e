"""What somebody took back stays back: the table of holds, promotions and merges, seen in what the cluster serves."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from e2e.conftest import Deliver
from e2e.delivered import DeliveredProject
from pipeline.conftest import sales
from unit.delivery.test_merges import WAYS, merge
from unit.delivery.world import Clone

from mlops.delivery.candidate import Candidate
from mlops.delivery.history import history
from mlops.delivery.image import ImageRef
from mlops.delivery.layout import machine_files
from mlops.delivery.records import parse
from mlops.delivery.release import release
from mlops.delivery.trunk import Trunk

pytestmark = pytest.mark.e2e
Rows = Callable[[int, int], pd.DataFrame]


@pytest.fixture(scope="module")
def project(deliver: Deliver) -> DeliveredProject:
    project = deliver("held")
    project.mlops("release", "--env", "staging")
    project.pull()
    project.ship("Fewer trees", max_iter="80")
    project.await_serving(project.record()["id"])
    return project


def test_a_hold_and_all_its_ends(project: DeliveredProject, tmp_path: Path) -> None:
    second = project.record()
    said = project.mlops("rollback", "--env", "staging")
    project.pull()
    first = project.record()
    assert first["id"] in said and first["id"] != second["id"]
    project.await_serving(first["id"])

    sales(2400, 300).to_csv(tmp_path / "more.csv", index=False)
    project.mlops("data", "add", str(tmp_path / "more.csv"))
    project.dvc("repro")
    project.push("New data, and a model that has seen it")
    assert "held" in project.mlops("release", "--env", "staging", expect=1)
    assert project.record() == first

    project.revert(project.git("log", "-1", "--format=%H", "--", "deploy/envs/staging"))
    project.await_serving(second["id"])
    project.mlops("release", "--env", "staging")
    project.pull()
    third = project.record()
    assert third["data"]["batches"] == 2
    project.await_serving(third["id"])

    project.mlops("promote", "--via", "push")
    project.pull()
    assert project.record("production") == third
    project.await_serving(third["id"], "production")
    assert project.digests("production") == project.digests("staging")


def test_a_source_revert_releases_the_old_image_again(project: DeliveredProject) -> None:
    before = project.record()
    now = project.ship("Larger steps", learning_rate="0.2")
    project.await_serving(now["id"])
    project.revert(now["commit"])
    project.dvc("repro", "--pull")
    said = project.mlops("release", "--env", "staging")
    project.pull()
    again = project.record()
    assert "found: nothing to build" in said
    assert (again["identity"], again["image"]) == (before["identity"], before["image"])
    project.await_serving(again["id"])


@pytest.mark.parametrize("way", WAYS)
def test_a_rollback_by_pull_request_of_any_kind(project: DeliveredProject, way: str) -> None:
    project.pull()
    now = project.record()
    clone = Clone(project.path)
    newest = project.git("log", "-1", "--format=%H", "--", "deploy/envs/staging/release.yaml")
    branch = f"back-{way}"
    project.git("switch", "--quiet", "--create", branch)
    project.git("revert", "--no-edit", newest)
    project.mlops("release", "check")
    project.git("switch", "--quiet", "main")
    merge(clone, branch, way)
    project.pull()
    assert project.record() != now
    project.await_serving(project.record()["id"])


def test_twenty_releases_at_once_end_linear_with_the_newest_on_top(project: DeliveredProject, tmp_path: Path) -> None:
    project.pull()
    stands = parse((project.path / "deploy/envs/staging/release.yaml").read_bytes())
    clones = [Clone(tmp_path / f"clone-{n}") for n in range(20)]
    commits = []
    for n, clone in enumerate(clones):
        commits.append(project.push_file("docs/note.md", f"{n}\n"))
        project.git("clone", "--quiet", project.git("remote", "get-url", "origin"), str(clone.path))

    def one(n: int) -> str:
        git = clones[n].git
        files = {k: v for k, v in machine_files(git, "HEAD", "staging").items() if k != "release.yaml"}
        made = Candidate(commits[n], stands.model, stands.data, stands.contract, stands.metrics, files)
        image = ImageRef(stands.identity, stands.image.repository, stands.image.digest)
        return release(Trunk(git), "staging", made, image, force=True).kind

    with ThreadPoolExecutor(20) as pool:
        kinds = list(pool.map(one, range(20)))
    assert "done" in kinds
    project.pull()
    assert project.git("rev-list", "--merges", f"{commits[0]}..HEAD") == ""
    top = project.record()
    assert top["commit"] == commits[-1]
    released = [s.record.commit for s in history(clones[0].git, "staging", Trunk(clones[0].git).tip()) if s.record]
    places = [commits.index(commit) for commit in released if commit in commits]
    assert places == sorted(places, reverse=True)
    project.await_serving(top["id"])
