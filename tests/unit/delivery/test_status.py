from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from unit.delivery.world import STAGING, Clone

from mlops.contract.errors import MlopsError
from mlops.delivery.records import Record
from mlops.delivery.status import rows


def version(record: Record, **changes: str) -> dict[str, Any]:
    told = {"release": record.id, "identity": record.identity, "digest": record.image.digest, "commit": record.commit}
    return {**told, **changes}


def test_what_git_names_who_did_it_and_what_is_held(clone: Clone) -> None:
    first = clone.ship("1").record
    clone.ship("2")
    clone.rollback()
    production, staging = rows(clone.git, ["production", "staging"], clone.trunk.tip())
    assert (production.record, production.since, production.held) == (None, None, "")
    assert staging.record == first and staging.since is not None and "Roll staging back" in staging.since.by
    assert "staging is held" in staging.held and "--force" in staging.held
    assert staging.live is None and staging.disagrees == ""


def test_a_server_that_answers_something_else_disagrees(clone: Clone) -> None:
    record = clone.ship("1").record
    assert record is not None

    def ask(**changes: str) -> str:
        return rows(clone.git, ["staging"], clone.trunk.tip(), lambda _: version(record, **changes))[0].disagrees

    assert ask() == ""
    assert ask(digest="sha256:other") == f"The server answers digest 'sha256:other' instead of {record.image.digest!r}."
    assert ask(release="20130430-1").startswith("The server answers release '20130430-1'")


def test_a_server_that_cannot_be_asked_says_why(clone: Clone) -> None:
    clone.ship("1")

    def silent(env: str) -> Mapping[str, Any]:
        raise MlopsError(f"{env} does not answer.")

    assert rows(clone.git, ["staging"], clone.trunk.tip(), silent)[0].disagrees == "staging does not answer."
    stray = rows(clone.git, ["production"], clone.trunk.tip(), lambda _: {"release": "x"})[0]
    assert stray.disagrees == "Git names no release, but a server answers."


@pytest.mark.parametrize("text", ["garbage", "release: {}"])
def test_an_unreadable_record_is_a_problem_and_not_a_hold(clone: Clone, text: str) -> None:
    clone.ship("1")
    clone.pull()
    clone.commit("Oops", {f"{STAGING}/release.yaml": text})
    row = rows(clone.git, ["staging"], clone.git.head())[0]
    assert row.record is None and "not a release record" in row.problem and row.held == ""
