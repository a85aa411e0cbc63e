"""A promotion is judged by the gate against production's champion, in a clone, before anything is committed."""

from __future__ import annotations

import pytest
from living import LivingProject

pytestmark = pytest.mark.pipeline


def test_promotion_is_judged_against_production_and_copies_the_release(project: LivingProject) -> None:
    project.edit("pyproject.toml", "[tool.mlops]\n", "[tool.mlops]\nsoak = 1\n")
    project.git("rm", "--quiet", "-r", "deploy/envs/production")
    project.commit("Soak for a minute; no production yet")
    (project.path / "deploy/envs/production").mkdir(parents=True)
    (project.path / "deploy/envs/production/values.yaml").write_text("replicas: 2\n")
    project.commit("Production, after the release was made")
    project.git("push", "origin", "main")
    assert "`mlops local up --env staging`" in project.mlops("promote", "--via", "push", expect=2)
    before = project.git("status", "--porcelain")

    said = project.mlops("promote", "--via", "push", "--force")
    assert "against what production has" in said
    assert "gate " in said and "Promoted" in said
    assert project.record("production") == project.record("staging")
    trees = [project.git("ls-tree", "-r", "origin/main", f"deploy/envs/{env}/") for env in ("staging", "production")]
    machine = [[line.replace("/production/", "/staging/") for line in t.splitlines() if "values.yaml" not in line
                or "chart/" in line] for t in trees]  # fmt: skip
    assert machine[0] == machine[1]
    assert project.git("show", "origin/main:deploy/envs/production/values.yaml") == "replicas: 2"
    assert project.git("status", "--porcelain") == before, "the working tree is nobody's business"
    assert "has" in project.mlops("promote", "--via", "push", "--force")

    clone = next((project.path / ".mlops" / "champions").iterdir())
    policy = clone / "gates.yaml"
    assert policy.is_file() and (clone / "reports" / "gate.json").is_file()

    project.git("revert", "--no-edit", project.git("rev-parse", "origin/main"))
    project.git("push", "origin", "main")
    assert "production is held" in project.mlops("promote", "--via", "push", expect=1)
    assert "promoted from staging" in project.mlops("history", "--env", "production")
    assert "No token for the forge" in project.mlops("promote", expect=2, GITHUB_TOKEN="", GH_TOKEN="")
