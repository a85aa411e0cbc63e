"""The gate judges a promotion, in a clone, against what the other environment runs, before anything is committed."""

from __future__ import annotations

import shutil

import pytest
from living import LivingProject

pytestmark = pytest.mark.pipeline


def test_promotion_is_judged_against_the_other_environment_and_copies_the_release(project: LivingProject) -> None:
    """Canary comes after the release was made, and has had a release before."""
    project.git("pull", "--quiet", "origin", "main")
    staging, canary = (project.path / "deploy" / "envs" / env for env in ("staging", "canary"))
    shutil.copytree(staging, canary)
    (canary / "values.yaml").write_text("replicas: 2\n")
    first = project.record()
    project.edit("deploy/envs/staging/release.yaml", f'id: "{first["id"]}"', 'id: "20990101-1"')
    project.commit("Canary has what staging had; staging has the same by another name")
    project.git("push", "origin", "main")
    (project.path / "params.yaml").write_text("the working tree is nobody's business\n")

    said = project.mlops("promote", "--to", "canary", "--via", "push", "--force")
    assert f"judging   20990101-1 of staging against {first['id']} of canary" in said
    assert f"in place of {first['id']}" in said
    assert project.record("canary") == project.record("staging")
    assert project.git("show", "origin/main:deploy/envs/canary/values.yaml") == "replicas: 2"
    changed = project.git("diff", "--name-only", "origin/main~1", "origin/main").splitlines()
    assert changed == ["deploy/envs/canary/release.yaml"]
    (report,) = (project.path / ".mlops" / "champions").glob("*/reports/gate.json")
    assert f'"id": "{first["id"]}"' in report.read_text()
    assert project.git("status", "--porcelain") == "M params.yaml"
