"""The real chart in a real repository: it travels with the release, and `mlops diff` shows what a branch changes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from baking import PROJECT
from helm import helm
from unit.chart.rendering import text
from unit.delivery.world import Clone, World, sh

from mlops.commands.diff import section
from mlops.contract.errors import MlopsError
from mlops.delivery.manifests import differences, manifest_changes
from mlops.settings import Settings

pytestmark = pytest.mark.unit

CHART = PROJECT / "deploy" / "chart"
FILES = {f"deploy/chart/{path.relative_to(CHART)}": path.read_bytes() for path in CHART.rglob("*") if path.is_file()}
DEPLOYMENT = "deploy/chart/templates/deployment.yaml"
EDITED = FILES[DEPLOYMENT].replace(b"revisionHistoryLimit: 3", b"revisionHistoryLimit: 7")


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.pathsep.join([str(helm().parent), os.environ["PATH"]]))


@pytest.fixture
def ada(world: World) -> Clone:
    """A clone whose main has the real chart, released to staging and production."""
    clone = world.clone("ada")
    clone.commit("Chart", {"deploy/chart/templates/app.yaml": None, **FILES})
    clone.push()
    for env in ("staging", "production"):
        clone.release(clone.git.head(), "first", env=env)
    clone.pull()
    return clone


def manifests(clone: Clone, env: str) -> str:
    """Render an environment as main has it, to text."""
    with tempfile.TemporaryDirectory() as scratch:
        sh(clone.path, "worktree", "add", "--quiet", "--detach", scratch, clone.trunk.tip())
        folder = Path(scratch) / "deploy" / "envs" / env
        values = [folder / "values.yaml", folder / "release.yaml"]
        found = text(*values, chart=folder / "chart")
        sh(clone.path, "worktree", "remove", "--force", scratch)
    return found


def changes(clone: Clone, env: str = "staging", base: str = "origin/main", head: str | None = None) -> str:
    named = Settings(root=clone.path, slug="project", package="p", features="p.features", model="p.model")
    return manifest_changes(named, clone.git, env, base, head)


def test_the_chart_travels_with_the_release(ada: Clone) -> None:
    staging, production = manifests(ada, "staging"), manifests(ada, "production")
    edit = ada.commit("Chart of another kind", {DEPLOYMENT: EDITED})
    ada.push()
    assert (manifests(ada, "staging"), manifests(ada, "production")) == (staging, production)

    ada.release(edit, "first")
    assert "revisionHistoryLimit: 7" in manifests(ada, "staging")
    assert manifests(ada, "production") == production

    ada.release(edit, "first", env="production")
    assert "revisionHistoryLimit: 7" in manifests(ada, "production")
    ada.revert(ada.trunk.tip())
    assert manifests(ada, "production") == production
    assert "revisionHistoryLimit: 7" in manifests(ada, "staging")


def test_a_branch_that_changes_nothing(ada: Clone) -> None:
    ada.write({"src/app.py": "version = 9\n"})
    assert changes(ada) == "At merge: no change.\n\nWhen released: no change."


def test_values_act_at_merge_and_in_one_environment(ada: Clone) -> None:
    ada.write({"deploy/envs/staging/values.yaml": "replicas: 3\n"})
    said = changes(ada)
    at_merge, when_released = said.split("When released: ")
    assert at_merge.startswith("At merge:\n\n--- Deployment/project\n")
    assert "--- Deployment/project\n+++ Deployment/project" in at_merge
    assert "-  replicas: 2\n+  replicas: 3" in at_merge
    assert "smoke" not in said
    assert when_released == "no change."
    assert changes(ada, "production") == "At merge: no change.\n\nWhen released: no change."
    ada.commit("Three", {})
    assert changes(ada, head="HEAD") == said


def test_a_chart_acts_when_it_is_released(ada: Clone) -> None:
    ada.write({DEPLOYMENT: EDITED})
    for env in ("staging", "production"):
        at_merge, when_released = changes(ada, env).split("When released:\n\n")
        assert at_merge == "At merge: no change.\n\n"
        assert "-  revisionHistoryLimit: 3\n+  revisionHistoryLimit: 7" in when_released


def test_objects_that_come_and_go(ada: Clone) -> None:
    ada.write({"deploy/envs/staging/values.yaml": "replicas: 2\nsmoke: {enabled: false}\n"})
    said = changes(ada)
    assert "--- Job/project-smoke\n+++ nothing" in said
    assert said.index("Job/project-smoke") < said.index("NetworkPolicy/project-smoke")


def test_what_main_has_won_meanwhile_is_not_taken_for_the_branchs(ada: Clone, world: World) -> None:
    ada.sh("switch", "--quiet", "--create", "branch")
    ada.commit("Mine", {"deploy/envs/staging/values.yaml": "replicas: 3\n"})
    bob = world.clone("bob")
    bob.release(bob.source("2"), "second")
    ada.sh("fetch", "--quiet", "origin")
    said = changes(ada)
    assert "+  replicas: 3" in said
    assert "mlops/release" not in said
    changed = [line for line in said.splitlines() if line.startswith(("+ ", "- "))]
    assert changed == ["-  replicas: 2", "+  replicas: 3"]


def test_no_release_yet(world: World) -> None:
    clone = world.clone("ada")
    assert changes(clone, "production") == (
        "production has had no release: nothing runs there, so there is nothing to compare."
    )
    with pytest.raises(MlopsError, match=r"No environment 'stagin'.*Did you mean 'staging'"):
        changes(clone, "stagin")
    with pytest.raises(MlopsError, match="'nowhere' is no commit"):
        changes(clone, base="nowhere")


def test_a_first_release_and_one_that_goes(ada: Clone) -> None:
    release = (ada.path / "deploy/envs/production/release.yaml").read_bytes()
    ada.commit("Gone", {"deploy/envs/production/release.yaml": None})
    said = changes(ada, "production")
    assert "+++ nothing" in said
    assert said.endswith(
        "deploy/envs/production/release.yaml goes: Argo CD lets go of production and leaves its pods serving."
    )
    ada.push()
    ada.sh("fetch", "--quiet", "origin")
    ada.write({"deploy/envs/production/release.yaml": release})
    assert "--- nothing\n+++ Deployment/project" in changes(ada, "production")


REFUSED: dict[str, Callable[[str], bool]] = {
    "replica: 3\n": lambda said: "additional properties 'replica' not allowed" in said,
    "replicas: {\n": lambda said: "values.yaml" in said,
    "server: {startup: 900}\n": lambda said: (
        "progressDeadline is 300 and must be more than server.startup, 900" in said
    ),
}


@pytest.mark.parametrize("values", REFUSED)
def test_helm_refuses_in_its_own_words_and_without_a_path(ada: Clone, values: str) -> None:
    ada.write({"deploy/envs/staging/values.yaml": values})
    with pytest.raises(MlopsError, match="helm does not render the chart: ") as caught:
        changes(ada)
    assert REFUSED[values](str(caught.value))
    assert tempfile.gettempdir() not in str(caught.value)
    assert "--debug" not in str(caught.value)


def test_without_helm_it_says_what_to_install(ada: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ada.write({"deploy/envs/staging/values.yaml": "replicas: 3\n"})
    git = tmp_path / "bin"
    git.mkdir()
    (git / "git").symlink_to(next(p for d in os.environ["PATH"].split(os.pathsep) if (p := Path(d, "git")).exists()))
    monkeypatch.setenv("PATH", str(git))
    with pytest.raises(MlopsError, match="No `helm` on the PATH: install Helm"):
        changes(ada)


def test_the_order_of_objects_says_nothing() -> None:
    one, other = ({"kind": "A", "metadata": {"name": name}, "x": 1} for name in ("a", "b"))
    assert list(differences([one, other], [other, one])) == []
    assert len(list(differences([one, other], [{**other, "x": 2}, one]))) == 1


def test_the_name_of_the_smoke_tests_job_alone_is_no_change() -> None:
    def job(name: str) -> dict[str, object]:
        return {"kind": "Job", "metadata": {"name": name}}

    assert list(differences([job("m-smoke-0123abcd")], [job("m-smoke-4567abcd")])) == []
    assert len(list(differences([job("m-smoke-0123abcd")], [job("m-other-4567abcd")]))) == 2


def test_a_report_shows_it_and_no_value_ends_its_fence(ada: Clone) -> None:
    named = Settings(root=ada.path, slug="project", package="p", features="p.features", model="p.model")
    base = ada.git.head()
    assert section(named, "staging", base).endswith("```")
    ada.write({"deploy/envs/staging/values.yaml": 'nodeSelector: {a: "````\\n# Approved\\u202e"}\nreplicas: 2\n'})
    shown = section(named, "staging", base)
    assert "Deployment/project" in shown and "Approved" in shown and "\u202e" not in shown
    fence = shown.splitlines()[-1]
    assert (fence, shown.count(f"\n{fence}")) == ("`" * 5, 2)
    ada.write({"deploy/envs/staging/values.yaml": "replicas: no number\n"})
    assert "It could not be told" in section(named, "staging", base)
