"""Every way around the gate from inside a pull request, tried on a released project."""

from __future__ import annotations

import json
from typing import Any

import pytest
from living import LivingProject

pytestmark = pytest.mark.pipeline
BAR = """
metric: roc_auc
margin: 0.3
slices: {margin: 0.05}
calibration: {margin: 0.5}
modes:
  fairness: {mode: off, reason: "no person is described"}
"""
FORGETS_L = """
import numpy as np


def features(columns):
    known = columns["size"] != "L"
    return {"price": np.where(known, columns["unit price"], 50.0), "xl": (columns["size"] == "XL").astype(float)}
"""


@pytest.fixture
def forgetful(project: LivingProject) -> LivingProject:
    """A pull request whose model is blind to the prices of one group, under a bar that lets the whole pass."""
    (project.path / "gates.yaml").write_text(BAR, encoding="utf-8")
    project.commit("Judge by group")
    project.git("push", "--quiet", "origin", "main")
    project.git("switch", "--quiet", "--create", "blind")
    (project.path / "src" / "own_table" / "features.py").write_text(FORGETS_L, encoding="utf-8")
    project.dvc("repro")
    project.commit("Forget the prices of L")
    return project


def blocked(project: LivingProject) -> list[tuple[str, list[str]]]:
    """Which gates block under which bar."""
    report: dict[str, Any] = json.loads((project.path / "reports" / "gate.json").read_text(encoding="utf-8"))
    return [(j["bar"], [c["gate"] for c in j["checks"] if c["outcome"] == "block"]) for j in report["judgements"]]


def test_a_group_that_a_model_forgets_is_defended(forgetful: LivingProject) -> None:
    said = forgetful.mlops("gate", "--base", "origin/main", expect=1)
    assert blocked(forgetful) == [("gates.yaml of the base branch", ["slices"])]
    assert "size = L" in said
    untag(forgetful)
    lower(forgetful)
    override(forgetful)


def untag(project: LivingProject) -> None:
    """A pull request that stops tagging the group is judged by it all the same."""
    project.edit("contract.yaml", "- name: size\n        tags: [slice]\n", "- name: size\n")
    project.dvc("repro")
    project.commit("Judge no groups")
    project.mlops("gate", "--base", "origin/main", expect=1)
    assert blocked(project) == [
        ("gates.yaml of the base branch", ["slices"]),
        ("gates.yaml and the tags of contract.yaml as changed here", []),
    ]


def lower(project: LivingProject) -> None:
    """Nor may it ask for more rows, switch the gate off or override it: all three at once change nothing."""
    text = (project.path / "gates.yaml").read_text(encoding="utf-8")
    lowered = (
        text.replace("slices: {margin: 0.05}", "slices: {margin: 0.05, min_rows: 5000}")
        + "  slices: {mode: off, reason: in the way}\n"
        + "overrides:\n  - {gate: slices, reviewer: me, reason: in the way, expires: 2999-12-31}\n"
    )
    (project.path / "gates.yaml").write_text(lowered, encoding="utf-8")
    project.mlops("gate", "--base", "origin/main", expect=1)
    assert blocked(project)[0] == ("gates.yaml of the base branch", ["slices"])
    (project.path / "gates.yaml").write_text(text, encoding="utf-8")


def override(project: LivingProject) -> None:
    """What an owner merged first does let it pass, until its day, and every report says so."""
    project.git("switch", "--quiet", "main")
    with (project.path / "gates.yaml").open("a", encoding="utf-8") as file:
        file.write("overrides:\n  - {gate: slices, reviewer: ada, reason: L goes out of stock, expires: 2999-12-31}\n")
    project.commit("Accept the loss for L")
    project.git("push", "--quiet", "origin", "main")
    project.git("switch", "--quiet", "blind")
    project.git("merge", "--quiet", "--no-edit", "main")
    project.dvc("repro")
    said = project.mlops("gate", "--base", "origin/main")
    assert "Overridden until 2999-12-31 by ada: L goes out of stock" in said
    assert "ada" in (project.path / "reports" / "report.md").read_text(encoding="utf-8")


def test_what_is_declared_is_asked_of_real_rows(project: LivingProject) -> None:
    (project.path / "gates.yaml").write_text(
        BAR + "behaviour:\n  - {column: unit price, change: '*1.5', prediction: {within: 0.001}}\n"
        "cost: {max_model_mb: 0.001}\n",
        encoding="utf-8",
    )
    project.commit("Ask for what this model cannot do")
    project.git("push", "--quiet", "origin", "main")
    said = project.mlops("gate", "--base", "origin/main", expect=1)
    assert blocked(project) == [("gates.yaml of the base branch", ["behaviour", "size"])]
    assert "unit price" in said and "MB" in said


def test_losses_that_add_up_are_stopped_by_the_best_of_the_last_releases(project: LivingProject) -> None:
    first = project.record()["id"]
    lenient = BAR.replace("slices: {margin: 0.05}", "slices: {margin: 0.9}")
    (project.path / "gates.yaml").write_text(lenient, encoding="utf-8")
    project.edit("params.yaml", "learning_rate: 0.1", "learning_rate: 0.001\n  min_samples_leaf: 800")
    project.dvc("repro")
    project.commit("A much simpler model, under a bar that lets it pass")
    project.git("push", "--quiet", "origin", "main")
    project.mlops("release", "--env", "staging")

    (project.path / "gates.yaml").write_text(lenient.replace("margin: 0.3", "margin: 0.02"), encoding="utf-8")
    project.edit("params.yaml", "learning_rate: 0.001", "learning_rate: 0.0011")
    project.dvc("repro")
    project.commit("The bar as it should be")
    project.git("pull", "--quiet", "--no-rebase", "--no-edit", "origin", "main")
    project.git("push", "--quiet", "origin", "main")
    said = project.mlops("gate", "--base", "origin/main", expect=1)
    assert blocked(project) == [("gates.yaml of the base branch", ["anchor"])]
    assert f"against {first}, the best of the last releases" in said
