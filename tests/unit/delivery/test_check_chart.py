"""Values that a chart refuses stop at the check: merged, Argo CD could render nothing, and no status would say so."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.delivery.project import settings
from unit.delivery.test_manifests import FILES
from unit.delivery.test_manifests import on_the_path as on_the_path
from unit.delivery.world import STAGING, Clone, found

from mlops.commands import release as commands
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import check_chart as module
from mlops.delivery.check import Finding, check
from mlops.delivery.check_chart import NOTE, Charts, combined

VALUES = f"{STAGING}/values.yaml"
REFUSED = {
    "replica: 3\n": "replica",
    "replicas: many\n": "replicas",
    "replicas: {\n": "values.yaml",
    "- replicas\n": "",
    "release: {id: 7}\nreplicas: -1\n": "replicas",
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone whose main has the real chart, released to staging."""
    folder = tmp_path_factory.mktemp("template")
    clone = found(folder).clone("ada")
    sha = clone.commit("Chart", {"deploy/chart/templates/app.yaml": None, **FILES})
    clone.push()
    clone.release(sha, "first")
    clone.pull()
    return folder


@pytest.fixture
def ada(template: Path, tmp_path: Path) -> Clone:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    clone = Clone(tmp_path / "ada")
    clone.sh("remote", "set-url", "origin", str(tmp_path / "origin.git"))
    return clone


@pytest.fixture
def no_helm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A path with git and nothing else."""
    git = next(p for d in os.environ["PATH"].split(os.pathsep) if (p := Path(d, "git")).exists())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def findings(clone: Clone, *, judged: bool = True) -> list[Finding]:
    return check(clone.git, "origin/main", chart=Charts(settings(clone)) if judged else None)


def refused(clone: Clone, values: str) -> None:
    clone.commit("Values", {VALUES: values})
    (finding,) = findings(clone)
    assert finding.no.startswith(f"{VALUES}: the chart of staging's release does not take it: "), finding
    assert REFUSED.get(values, "progressDeadline") in finding.no and "Argo CD could render nothing" in finding.no
    clone.sh("reset", "--quiet", "--hard", "HEAD~1")


def test_what_helm_refuses_is_refused_in_its_words(ada: Clone) -> None:
    for values in (*REFUSED, "server: {startup: 900}\n"):
        refused(ada, values)
    ada.commit("Values", {VALUES: "replicas: 3\nresources: null\n"})
    (finding,) = findings(ada)
    assert finding.words == "staging: its release stays as it is; values.yaml is people's."


def test_without_helm_the_schema_is_asked_and_the_rest_is_told(ada: Clone, no_helm: None) -> None:
    for values in REFUSED:
        refused(ada, values)
    ada.commit("Values", {VALUES: "server: {startup: 900}\n"})
    (finding,) = findings(ada)
    assert not finding.no and finding.words.endswith(NOTE)


def test_with_neither_nobody_can_say(ada: Clone, no_helm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ada.commit("Values", {VALUES: "replicas: 3\n"})
    monkeypatch.setitem(sys.modules, "jsonschema.validators", None)
    with pytest.raises(MlopsError, match=r"no `helm` on the PATH, and no jsonschema\. Install Helm"):
        findings(ada)


def test_what_main_has_won_meanwhile_is_judged_with_it(ada: Clone) -> None:
    """The chart of a release that came after the branch began is the one that must take the values."""
    ada.sh("switch", "--quiet", "--create", "branch")
    ada.commit("Values", {VALUES: "replicas: 3\n"})
    ada.sh("switch", "--quiet", "main")
    schema = FILES["deploy/chart/values.schema.json"].replace(b'"maximum": 1000', b'"maximum": 2', 1)
    sha = ada.commit("Two at most", {"deploy/chart/values.schema.json": schema})
    ada.push()
    ada.release(sha, "second")
    ada.sh("fetch", "--quiet", "origin")
    ada.sh("switch", "--quiet", "branch")
    assert "replicas" in findings(ada)[0].no


def test_a_rollback_to_a_chart_that_refuses_todays_values(ada: Clone) -> None:
    old = FILES["deploy/chart/values.schema.json"]
    new = old.replace(b'"replicas": {', b'"copies": {"type": "integer"}, "replicas": {', 1)
    sha = ada.commit("Copies", {"deploy/chart/values.schema.json": new})
    ada.push()
    ada.release(sha, "second")
    ada.pull()
    ada.commit("Values", {VALUES: "copies: 3\n"})
    ada.push()
    ada.sh("revert", "--no-edit", "HEAD~1")
    assert "copies" in findings(ada)[0].no


def test_an_environment_without_a_release_has_no_chart_to_ask(ada: Clone) -> None:
    ada.commit("Canary", {"deploy/envs/canary/values.yaml": "replica: 3\n"})
    (finding,) = findings(ada)
    assert finding.env == "canary" and not finding.no


MUTANTS: list[tuple[str, Callable[..., object]]] = [
    ("refused", lambda _: ""),
    ("combined", lambda values, more: values),
]


@pytest.mark.parametrize(("part", "mutant"), MUTANTS, ids=[row[0] for row in MUTANTS])
def test_mutants_let_bad_values_pass(
    ada: Clone, no_helm: None, part: str, mutant: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.commit("Values", {VALUES: "replica: 3\n"})
    monkeypatch.setattr(module, part, mutant)
    assert not findings(ada)[0].no


def test_mutant_that_asks_no_chart_lets_bad_values_pass(ada: Clone) -> None:
    ada.commit("Values", {VALUES: "server: {startup: 900}\n"})
    assert findings(ada)[0].no and not findings(ada, judged=False)[0].no


def test_the_command_asks_it(ada: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    ada.commit("Values", {VALUES: "replica: 3\n"})
    monkeypatch.setattr(commands, "find", lambda: settings(ada))
    with pytest.raises(Refused, match=r"(?s)staging/values\.yaml: the chart of staging's release.*replica"):
        commands.check(None)


def test_maps_are_merged_and_null_takes_a_default_away() -> None:
    below = {"a": {"b": 1, "c": 2}, "d": 3, "e": 4}
    assert combined(below, {"a": {"c": None, "f": 5}, "d": None, "e": {"g": 6}, "h": None}) == {
        "a": {"b": 1, "f": 5}, "e": {"g": 6}, "h": None,
    }  # fmt: skip
