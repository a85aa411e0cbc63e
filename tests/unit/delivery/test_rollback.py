"""Byte for byte, by command or by `git revert`."""

from __future__ import annotations

import pytest
from unit.delivery.world import STAGING, Clone, World, no_sleep

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import layout, rollback
from mlops.delivery.git import Entry
from mlops.delivery.trunk import Trunk


def ship_with_chart(clone: Clone, version: str) -> None:
    """A release whose chart gains, loses and changes files, one of them executable."""
    clone.pull()
    clone.write({f"deploy/chart/only-{version}.sh": f"#!/bin/sh\necho {version}\r\n".encode() + b"\xff\x00"})
    (clone.path / f"deploy/chart/only-{version}.sh").chmod(0o755)
    for path in clone.path.glob("deploy/chart/only-*.sh"):
        if path.name != f"only-{version}.sh":
            path.unlink()
    clone.ship(version)


def test_a_rollback_is_the_tree_before_and_the_tree_that_git_revert_gives(world: World) -> None:
    ada, bob = world.clone("ada"), world.clone("bob")
    ship_with_chart(ada, "1")
    before = ada.tree()
    ship_with_chart(ada, "2")
    assert ada.tree() != before and "100755" in before and "only-1.sh" in before
    bob.pull()
    bob.sh("revert", "--no-edit", "HEAD")
    back = ada.rollback()
    assert back.kind == "done" and back.record is not None and back.record.id == "20130501-1"
    assert ada.tree() == before == bob.tree("HEAD")
    assert ada.sh("rev-parse", f"{back.commit}^{{tree}}") == bob.sh("rev-parse", "HEAD^{tree}")


def test_values_are_peoples_and_stay(clone: Clone) -> None:
    ship_with_chart(clone, "1")
    ship_with_chart(clone, "2")
    clone.pull()
    clone.commit("More replicas", {f"{STAGING}/values.yaml": "replicas: 9\n"})
    clone.push()
    clone.rollback()
    assert clone.git.show(clone.trunk.tip(), f"{STAGING}/values.yaml") == b"replicas: 9\n"
    clone.revert("HEAD")
    assert clone.git.show(clone.trunk.tip(), f"{STAGING}/values.yaml") == b"replicas: 9\n"


def test_a_release_or_rollback_commit_touches_the_environment_alone(clone: Clone) -> None:
    outcomes = [clone.ship("1"), clone.ship("2"), clone.rollback()]
    for outcome in outcomes:
        assert outcome.commit
        names = clone.sh("show", "--format=", "--name-only", outcome.commit).splitlines()
        assert names and all(name.startswith(f"{STAGING}/") for name in names)
        assert f"{STAGING}/values.yaml" not in names


def test_one_two_and_six_deep_by_git_revert_and_by_command(clone: Clone) -> None:
    trees = [clone.tree()]
    for version in "1234567":
        ship_with_chart(clone, version)
        trees.append(clone.tree())
    commits = [clone.sh("rev-parse", f":/^Release 20130501-{n} to staging") for n in range(7, 0, -1)]
    for deep in (1, 2, 6):
        clone.sh("checkout", "--quiet", "-B", "back", "origin/main")
        clone.sh("revert", "--no-edit", *commits[:deep])
        assert clone.tree("HEAD") == trees[-1 - deep]
    for expected in trees[-2:0:-1]:
        clone.rollback()
        assert clone.tree() == expected
    with pytest.raises(Refused, match="20130501-1 is the first release of staging"):
        clone.rollback()


def test_to_names_any_release_that_stood(clone: Clone) -> None:
    trees = {}
    for version in "123":
        ship_with_chart(clone, version)
        trees[f"20130501-{version}"] = clone.tree()
    for id_ in ("20130501-1", "20130501-3", "20130501-2"):
        assert clone.rollback(to=id_).kind == "done"
        assert clone.tree() == trees[id_]
    assert clone.rollback(to="20130501-2").kind == "nothing"
    with pytest.raises(
        MlopsError, match=r"never had a release '20130501-4'.*It had 20130501-2, 20130501-3, 20130501-1"
    ) as caught:
        clone.rollback(to="20130501-4")
    assert caught.value.exit_code == 2


def test_nothing_to_roll_back(clone: Clone) -> None:
    with pytest.raises(Refused, match="never had a release"):
        clone.rollback()
    clone.ship("1")
    with pytest.raises(Refused, match=r"nothing stood before it.*would not stop it: its pods keep serving"):
        clone.rollback()
    clone.revert("HEAD")
    with pytest.raises(Refused, match=r"took it away, and its pods keep serving.*git revert"):
        clone.rollback()
    assert clone.rollback(to="20130501-1").kind == "done"


def test_a_record_edited_to_garbage_is_rolled_back_to_what_stood(clone: Clone) -> None:
    ship_with_chart(clone, "1")
    before = clone.tree()
    clone.pull()
    clone.commit("Oops", {f"{STAGING}/release.yaml": "<<<<<<< HEAD\n"})
    clone.commit("Oops again", {f"{STAGING}/release.yaml": "image: latest\n"})
    clone.push()
    with pytest.raises(MlopsError, match=r"not a release record.*Oops again"):
        clone.ship("2")
    clone.rollback()
    assert clone.tree() == before


def test_the_reason_stands_in_the_commit_and_steers_no_terminal(clone: Clone) -> None:
    clone.ship("1")
    clone.ship("2")
    outcome = rollback.rollback(clone.trunk, "staging", why="smoke: 3 of 8\n\x1b[2J answers differ", sleep=no_sleep)
    assert outcome.commit
    lines = clone.sh("show", "--no-patch", "--format=%B", outcome.commit).splitlines()
    assert "because     smoke: 3 of 8 [2J answers differ" in lines


def test_only_the_release_that_failed_is_taken_back(clone: Clone) -> None:
    first, second = clone.ship("1").record, clone.ship("2").record
    kept = rollback.rollback(clone.trunk, "staging", only=first, sleep=no_sleep)
    assert kept.kind == "nothing" and "staging has 20130501-2, not 20130501-1: it stays" in kept.words
    assert clone.standing() == second
    assert rollback.rollback(clone.trunk, "staging", only=second, sleep=no_sleep).kind == "done"
    assert clone.standing() == first


class Released(Trunk):
    """A main branch on which a newer release lands just before the first push."""

    def advance(self, new: str, old: str) -> bool:
        Clone(self.git.root.parent / "bob").ship("3")
        return super().advance(new, old)


def test_a_rollback_that_is_overtaken_by_a_release_stops_and_says_so(world: World) -> None:
    ada = world.clone("ada")
    world.clone("bob")
    ada.ship("1")
    ada.ship("2")
    with pytest.raises(MlopsError, match="staging changed meanwhile"):
        rollback.rollback(Released(ada.git, "main", "origin"), "staging", sleep=no_sleep)
    standing = ada.standing()
    assert standing is not None and standing.id == "20130501-3"


def test_the_revert_that_the_message_names_works(clone: Clone) -> None:
    clone.ship("1")
    before = clone.tree()
    second = clone.ship("2")
    assert second.commit
    body = clone.sh("show", "--no-patch", "--format=%B", second.commit)
    assert "git revert ':/^Release 20130501-2 to staging'" in body
    clone.revert(":/^Release 20130501-2 to staging")
    assert clone.tree() == before


def test_mutant_a_rollback_of_the_record_alone_is_not_byte_for_byte(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship_with_chart(clone, "1")
    before = clone.tree()
    ship_with_chart(clone, "2")
    real = layout.machine_files
    monkeypatch.setattr(
        rollback, "machine_files", lambda git, rev, env: {**real(git, "HEAD", env), **_record(real(git, rev, env))}
    )
    clone.rollback()
    assert clone.tree() != before


def _record(files: dict[str, Entry]) -> dict[str, Entry]:
    return {layout.RECORD: files[layout.RECORD]}
