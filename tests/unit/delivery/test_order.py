"""Many releases at once, older ones that end last, and what happens when main moves in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer

import pytest
from unit.delivery.world import NOON, Clone, World, image, no_sleep

from mlops.contract.errors import MlopsError
from mlops.delivery import git
from mlops.delivery.history import history
from mlops.delivery.release import release
from mlops.delivery.trunk import Trunk


def test_twenty_clones_at_once_end_linear_with_the_newest_on_top(world: World) -> None:
    seed = world.clone("seed-20")
    commits = [seed.source(str(n)) for n in range(20)]
    clones = [world.clone(f"clone-{n}") for n in range(20)]
    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(lambda n: clones[n].release(commits[n], str(n)), range(20)))
    top = seed.standing()
    assert top is not None and top.commit == commits[-1]
    tip = seed.trunk.tip()
    assert seed.sh("rev-list", "--merges", tip) == ""
    done = [outcome for outcome in outcomes if outcome.kind == "done"]
    records = [s.record for s in history(seed.git, "staging", tip)]
    assert len(records) == len(done)
    stood = [record for record in records if record]
    assert [r.id for r in stood] == [f"20130501-{n}" for n in range(len(stood), 0, -1)]
    places = [commits.index(r.commit) for r in stood]
    assert places == sorted(places, reverse=True)


def test_clones_with_one_commit_and_different_content_all_stand_once(world: World) -> None:
    seed = world.clone("seed-6")
    sha = seed.source("1")
    clones = [world.clone(f"clone-{n}") for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda n: clones[n].release(sha, str(n)), range(6)))
    assert [outcome.kind for outcome in outcomes] == ["done"] * 6
    ids = {outcome.record.id for outcome in outcomes if outcome.record}
    assert ids == {f"20130501-{n}" for n in range(1, 7)}


def test_worktrees_of_one_clone_release_at_once(world: World) -> None:
    seed = world.clone("seed-wt")
    sha = seed.source("1")
    trees = []
    for n in range(4):
        seed.sh("worktree", "add", "--quiet", "--detach", str(world.root / f"tree-{n}"), sha)
        trees.append(Clone(world.root / f"tree-{n}"))
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda n: trees[n].release(sha, str(n)), range(4)))
    assert [outcome.kind for outcome in outcomes] == ["done"] * 4


def held_back(world: World) -> tuple[Clone, Path, str]:
    """A clone whose tracking ref another process holds, the ref's lock, and the commit that it is to move to."""
    clone = world.clone("held-back")
    sha = world.clone("pushes").source("1")
    lock = clone.path / ".git/refs/remotes/origin/main.lock"
    lock.touch(exist_ok=False)
    return clone, lock, sha


def test_who_holds_a_ref_for_a_second_is_waited_for(world: World) -> None:
    clone, lock, sha = held_back(world)
    Timer(1, lock.unlink).start()
    assert clone.trunk.tip() == sha


def test_a_ref_that_nobody_lets_go_is_waited_for_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clone, _, _ = held_back(world)
    monkeypatch.setattr(git, "FIXED", (*git.FIXED, "core.filesRefLockTimeout=10"))
    asked: list[str] = []
    attempt = clone.git.attempt

    def noted(*args: str) -> object:
        asked.append(args[0])
        return attempt(*args)

    monkeypatch.setattr(clone.git, "attempt", noted)
    with pytest.raises(MlopsError, match="remove the file manually"):
        clone.trunk.tip()
    assert asked.count("fetch") == 1


def test_a_laptop_without_a_remote_releases_at_once(clone: Clone) -> None:
    lone = Clone(clone.path, remote=None)
    sha = lone.git.head()
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda n: lone.release(sha, str(n)), range(4)))
    assert [outcome.kind for outcome in outcomes] == ["done"] * 4
    assert not lone.git.dirty() and len(history(lone.git, "staging", "HEAD")) == 4


def test_the_oldest_run_that_ends_last_changes_nothing(world: World) -> None:
    ada, bob = world.clone("ada"), world.clone("bob")
    old, new = ada.source("1"), ada.source("2")
    ada.release(new, "2")
    tip = ada.trunk.tip()
    bob.pull()
    late = bob.release(old, "1")
    assert late.kind == "nothing" and "newer commit" in late.words
    assert ada.trunk.tip() == tip


def test_the_same_release_twice_is_one(clone: Clone) -> None:
    sha = clone.source("1")
    assert clone.release(sha, "1").kind == "done"
    tip = clone.trunk.tip()
    again = clone.release(sha, "1")
    assert again.kind == "nothing" and again.record == clone.standing()
    assert clone.release(sha, "1", force=True).kind == "nothing"
    assert clone.trunk.tip() == tip


class Overtaken(Trunk):
    """A main branch on which somebody else lands a commit just before each push."""

    def advance(self, new: str, old: str) -> bool:
        other = Clone(self.git.root.parent / "bob")
        other.pull()
        other.commit(f"Meanwhile {new}", {"notes.txt": new})
        other.push()
        return super().advance(new, old)


def test_who_is_always_overtaken_gives_up_with_a_word_and_waits_with_jitter(world: World) -> None:
    ada = world.clone("ada")
    world.clone("bob")
    sha = ada.source("1")
    waits: list[float] = []
    trunk = Overtaken(ada.git, "main", "origin")
    with pytest.raises(MlopsError, match="moved 6 times in a row"):
        release(trunk, "staging", ada.candidate(sha, "1"), image("1"), now=NOON, attempts=6, sleep=waits.append)
    assert len(waits) == 5 and all(0 <= wait <= 8 for wait in waits) and len(set(waits)) > 1
    assert ada.standing() is None


class OvertakenOnce(Trunk):
    """A main branch on which a newer release lands just before the first push."""

    def advance(self, new: str, old: str) -> bool:
        bob = Clone(self.git.root.parent / "bob")
        bob.pull()
        bob.release(bob.git.head(), "newer")
        return super().advance(new, old)


def test_after_a_lost_push_the_decision_is_made_again(world: World) -> None:
    ada, bob = world.clone("ada"), world.clone("bob")
    old = ada.source("1")
    bob.pull()
    new = bob.source("newer")
    trunk = OvertakenOnce(ada.git, "main", "origin")
    late = release(trunk, "staging", ada.candidate(old, "1"), image("1"), now=NOON, sleep=no_sleep)
    assert late.kind == "nothing"
    standing = ada.standing()
    assert standing is not None and standing.commit == new


def test_ids_count_a_days_releases_over_all_environments(clone: Clone) -> None:
    sha = clone.source("1")
    ids = [clone.release(sha, "1", env=env).record for env in ("staging", "production")]
    assert [r.id for r in ids if r] == ["20130501-1", "20130501-2"]
    third = clone.ship("2").record
    assert third is not None and third.id == "20130501-3"
