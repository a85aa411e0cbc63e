"""`git revert` of the very first release leaves its pods serving, and says so."""

from __future__ import annotations

import pytest
from e2e.conftest import Deliver

pytestmark = pytest.mark.e2e


def test_the_first_release_taken_back_goes_on_serving(deliver: Deliver) -> None:
    project = deliver("first")
    project.mlops("release", "--env", "staging")
    project.pull()
    first = project.record()
    project.await_serving(first["id"])
    pods = {pod["metadata"]["uid"] for pod in project.pods()}

    with project.load() as load:
        project.revert()
        said = project.mlops("status", expect=1)
        assert "still" in said and first["id"] in said, said
        said = project.mlops("rollback", "--env", "staging", expect=1)
        assert "git revert" in said, said
        assert {pod["metadata"]["uid"] for pod in project.pods()} == pods
        assert project.serves_only(first["id"])

        project.revert()
        project.await_serving(first["id"])
    assert {pod["metadata"]["uid"] for pod in project.pods()} == pods
    assert load.lost == []
