"""The same commits by pull request: one for each content, and main moves only when it is merged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from unit.delivery.forge_server import Forge, serving
from unit.delivery.test_merges import WAYS, merge
from unit.delivery.world import NOON, Clone, World, image, no_sleep

from mlops.contract.errors import MlopsError
from mlops.delivery import pull_request
from mlops.delivery.forge import connect
from mlops.delivery.promote import Way, promote
from mlops.delivery.publish import Outcome
from mlops.delivery.pull_request import ByPullRequest
from mlops.delivery.release import release
from mlops.delivery.rollback import rollback

BRANCH = "mlops/staging-20130501-1"


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as there:
        yield there


def by(clone: Clone, forge: Forge) -> ByPullRequest:
    return ByPullRequest(connect(clone.trunk, environ=forge.environ))


def ask(clone: Clone, forge: Forge, commit: str, content: str) -> Outcome:
    made = clone.candidate(commit, content)
    return release(clone.trunk, "staging", made, image(content), now=NOON, sleep=no_sleep, land=by(clone, forge))


def branches(clone: Clone) -> dict[str, str]:
    lines = clone.sh("ls-remote", "--heads", "origin").splitlines()
    return {name.removeprefix("refs/heads/"): sha for sha, name in (line.split("\t") for line in lines)}


def test_a_release_is_one_pull_request_and_main_waits(clone: Clone, forge: Forge) -> None:
    sha = clone.source("1")
    outcome = ask(clone, forge, sha, "1")
    assert (outcome.kind, outcome.commit) == ("asked", branches(clone)[BRANCH])
    assert "pull/1" in outcome.words and "merges it when its required checks pass" in outcome.words
    assert clone.trunk.tip() == sha and clone.standing() is None
    (pull,) = forge.pulls
    assert (pull["title"], pull["base"]["ref"]) == ("Release 20130501-1 to staging", "main")
    assert image("1").identity in pull["body"]
    assert len(forge.merging) == 1


def test_the_same_again_finds_it(clone: Clone, forge: Forge) -> None:
    sha = clone.source("1")
    ask(clone, forge, sha, "1")
    before = branches(clone)
    clone.commit("Elsewhere", {"deploy/envs/production/values.yaml": "replicas: 8\n"})
    clone.push()
    again = ask(clone, forge, sha, "1")
    assert again.kind == "asked" and "pull/1" in again.words
    assert len(forge.pulls) == 1 and branches(clone)[BRANCH] == before[BRANCH]


def test_a_newer_one_takes_its_place_and_an_older_run_does_not(world: World, forge: Forge) -> None:
    ada, bob = world.clone("ada"), world.clone("bob")
    old, new = ada.source("1"), ada.source("2")
    bob.pull()
    ask(bob, forge, old, "1")
    first = branches(ada)[BRANCH]
    ask(ada, forge, new, "2")
    second = branches(ada)[BRANCH]
    assert second != first and len(forge.pulls) == 1
    late = ask(bob, forge, old, "1")
    assert late.kind == "nothing" and "newer commit" in late.words
    assert branches(ada)[BRANCH] == second


def test_mutant_without_that_rule_the_older_run_wins(
    clone: Clone, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = clone.source("1"), clone.source("2")
    ask(clone, forge, new, "2")
    before = branches(clone)[BRANCH]
    monkeypatch.setattr(pull_request, "_newer", lambda *_: None)
    ask(clone, forge, old, "1")
    assert branches(clone)[BRANCH] != before


@pytest.mark.parametrize("way", WAYS)
def test_merged_it_is_what_a_push_makes(world: World, forge: Forge, way: str) -> None:
    ada = world.clone("ada")
    ada.ship("0")
    sha = ada.source("1")
    outcome = ask(ada, forge, sha, "1")
    ada.sh("fetch", "--quiet", "origin")
    branch = "mlops/staging-20130501-2"
    ada.sh("branch", "--quiet", branch, f"origin/{branch}")
    merge(ada, branch, way)
    assert ada.standing() == outcome.record
    tree = ada.tree()
    ada.sh("push", "--quiet", "--force", "origin", f"{sha}:refs/heads/main")
    ada.release(sha, "1")
    assert ada.tree() == tree


def test_a_rollback_and_a_promotion_by_pull_request(clone: Clone, forge: Forge) -> None:
    clone.ship("1")
    clone.ship("2")
    back = rollback(clone.trunk, "staging", why="it is slow", sleep=no_sleep, land=by(clone, forge))
    up = promote(clone.trunk, Way("staging", "production"), sleep=no_sleep, land=by(clone, forge))
    assert (back.kind, up.kind) == ("asked", "asked")
    assert {p["head"]["ref"] for p in forge.pulls} == {
        "mlops/rollback-staging-20130501-1", "mlops/production-20130501-2",
    }  # fmt: skip
    assert "because     it is slow" in forge.pulls[0]["body"]
    assert forge.pulls[1]["title"] == "Promote 20130501-2 from staging to production"
    assert clone.standing("production") is None


def test_a_branch_left_over_from_a_merge_is_used_anew(clone: Clone, forge: Forge) -> None:
    clone.ship("1")
    second = clone.ship("2")
    first = rollback(clone.trunk, "staging", sleep=no_sleep, land=by(clone, forge))
    clone.sh("fetch", "--quiet", "origin")
    clone.sh("branch", "--quiet", "back", "origin/mlops/rollback-staging-20130501-1")
    merge(clone, "back", "merge")
    forge.pulls[0]["state"] = "closed"
    clone.revert("-m1", "HEAD")
    assert clone.standing() == second.record
    again = rollback(clone.trunk, "staging", sleep=no_sleep, land=by(clone, forge))
    assert again.kind == "asked" and again.commit != first.commit
    assert clone.sh("rev-parse", f"{again.commit}^") == clone.trunk.tip()


def test_a_branch_that_somebody_else_moved_meanwhile_is_looked_at_again(world: World, forge: Forge) -> None:
    ada = world.clone("ada")
    sha = ada.source("1")
    trunk = ada.trunk
    assert trunk.put_branch("mlops/x", sha, None)
    assert not trunk.put_branch("mlops/x", ada.source("2"), None)
    assert trunk.branch_tip("mlops/x") == sha and trunk.branch_tip("mlops/y") is None


def test_a_token_that_may_not_open_pull_requests_is_told_and_the_next_run_goes_on(clone: Clone, forge: Forge) -> None:
    sha = clone.source("1")
    forge.fail = (403, "Resource not accessible by integration")
    with pytest.raises(MlopsError, match=r"did not open a pull request of team/project: 403"):
        ask(clone, forge, sha, "1")
    forge.fail = None
    assert ask(clone, forge, sha, "1").kind == "asked"
    assert len(forge.pulls) == 1
