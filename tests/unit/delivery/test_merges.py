"""Merge, squash and rebase merges are one history; commits off the first-parent line have their place in it."""

from __future__ import annotations

import pytest
from unit.delivery.world import NOON, STAGING, Clone

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.candidate import source_commit
from mlops.delivery.history import history, next_id, place, taken_back
from mlops.delivery.promote import Way, promote
from mlops.delivery.trunk import Trunk

UP = Way("staging", "production")
WAYS = ["merge", "squash", "rebase"]


def merge(clone: Clone, branch: str, way: str) -> None:
    """Bring a branch to main as a forge would."""
    clone.sh("checkout", "--quiet", "main")
    clone.pull()
    if way == "merge":
        clone.sh("merge", "--quiet", "--no-ff", "--no-edit", branch)
    elif way == "squash":
        clone.sh("merge", "--quiet", "--squash", branch)
        clone.sh("commit", "--quiet", "--message", f"Squash {branch}")
    else:
        clone.sh("rebase", "--quiet", "main", branch)
        clone.sh("checkout", "--quiet", "main")
        clone.sh("merge", "--quiet", "--ff-only", branch)
    clone.push()


@pytest.mark.parametrize("way", WAYS)
def test_a_rollback_by_pull_request_is_seen_and_holds(clone: Clone, way: str) -> None:
    first, second = clone.ship("1"), clone.ship("2")
    clone.pull()
    clone.sh("checkout", "--quiet", "-b", "back")
    assert second.commit
    clone.sh("revert", "--no-edit", second.commit)
    clone.sh("checkout", "--quiet", "main")
    clone.source("unrelated")
    merge(clone, "back", way)
    rev = clone.trunk.tip()
    assert clone.standing() == first.record
    standings = history(clone.git, "staging", rev)
    assert [s.record for s in standings] == [first.record, second.record, first.record]
    assert taken_back(standings) == {standings[1].sha: standings[0]}
    assert standings[0].sha in clone.git.first_parent(rev)
    with pytest.raises(Refused, match="held"):
        clone.ship("3")


def by_pull_request(clone: Clone, name: str, way: str, *commits: str) -> str:
    """Revert commits on a branch and merge it while main moves on; name what main got."""
    clone.sh("checkout", "--quiet", "-B", name, "origin/main")
    clone.sh("revert", "--no-edit", *commits)
    clone.sh("checkout", "--quiet", "-B", "main", "origin/main")
    clone.commit(f"Scale beside {name}", {"deploy/envs/production/values.yaml": f"# {name}\n"})
    clone.push()
    merge(clone, name, way)
    return clone.trunk.tip()


@pytest.mark.parametrize("way", WAYS)
def test_the_held_table_by_pull_requests(clone: Clone, way: str) -> None:
    parent = ("-m1",) if way == "merge" else ()
    first, second = clone.ship("1").record, clone.ship("2")
    assert first and second.record and second.commit
    undo = by_pull_request(clone, "back", way, second.commit)
    assert clone.standing() == first
    with pytest.raises(Refused, match="staging is held"):
        clone.ship("new data")
    by_pull_request(clone, "forth", way, *parent, undo)
    assert clone.standing() == second.record
    assert clone.ship("3").kind == "done"
    third = clone.standing()
    assert third
    by_pull_request(clone, "back-again", way, f":/^Release {third.id} to staging")
    source = by_pull_request(clone, "source", way, third.commit)
    assert clone.release(source_commit(clone.git, source), "2").kind == "done", "the source was reverted"
    standing = clone.standing()
    assert standing and standing.identity == second.record.identity
    assert clone.ship("4").kind == "done"


@pytest.mark.parametrize("way", WAYS)
def test_a_promotion_by_pull_request_counts_once_and_is_held_when_reverted(clone: Clone, way: str) -> None:
    parent = ("-m1",) if way == "merge" else ()
    clone.ship("1")
    clone.pull()
    clone.sh("checkout", "--quiet", "-b", "promotion")
    promote(Trunk(clone.git, "promotion", None), UP)
    clone.sh("checkout", "--quiet", "main")
    clone.commit("Scale", {f"{STAGING}/values.yaml": "replicas: 5\n"})
    clone.push()
    merge(clone, "promotion", way)
    record, merged = clone.standing(), clone.trunk.tip()
    assert clone.standing("production") == record
    assert [s.record for s in history(clone.git, "production", merged)] == [record]
    by_pull_request(clone, "back", way, *parent, merged)
    assert clone.standing("production") is None
    with pytest.raises(Refused, match="production is held"):
        promote(clone.trunk, UP)
    assert promote(clone.trunk, UP, force=True).kind == "done"


@pytest.mark.parametrize("way", WAYS)
def test_a_release_by_pull_request_stood_once_and_rolls_back(clone: Clone, way: str) -> None:
    clone.ship("1")
    before = clone.tree()
    clone.pull()
    clone.sh("checkout", "--quiet", "-b", "release")
    lone = Clone(clone.path, "release", remote=None)
    sha = clone.git.head()
    lone.release(lone.commit("Version 2", {"src/app.py": "2\n"}), "2")
    merge(clone, "release", way)
    assert sha != clone.trunk.tip()
    assert clone.tree() != before
    clone.rollback()
    assert clone.tree() == before


def test_what_only_a_side_branch_held_never_stood(clone: Clone) -> None:
    first = clone.ship("1").record
    clone.pull()
    text = (clone.path / STAGING / "release.yaml").read_text()
    clone.sh("checkout", "--quiet", "-b", "side")
    clone.commit("Try", {f"{STAGING}/release.yaml": text.replace("20130501-1", "20130501-7")})
    clone.commit("Undo", {f"{STAGING}/release.yaml": text, "src/side.py": ""})
    merge(clone, "side", "merge")
    assert [s.record for s in history(clone.git, "staging", clone.trunk.tip())] == [first]
    assert next_id(clone.git, clone.trunk.tip(), NOON.date()) == "20130501-2"


@pytest.mark.parametrize("way", WAYS)
def test_the_source_commit_is_on_the_first_parent_line(clone: Clone, way: str) -> None:
    clone.sh("checkout", "--quiet", "-b", "feature")
    clone.commit("One", {"src/one.py": "1\n"})
    clone.commit("Two", {"src/two.py": "2\n"})
    clone.sh("checkout", "--quiet", "main")
    clone.source("elsewhere")
    merge(clone, "feature", way)
    tip = clone.git.head()
    assert source_commit(clone.git, "HEAD") == tip
    clone.commit("Scale", {f"{STAGING}/values.yaml": "replicas: 5\n"})
    clone.sh("commit", "--quiet", "--allow-empty", "--message", "Nothing")
    assert source_commit(clone.git, "HEAD") == tip


def test_a_merge_that_brings_environments_alone_is_no_source_commit(clone: Clone) -> None:
    tip = clone.source("1")
    clone.sh("checkout", "--quiet", "-b", "scale")
    clone.commit("Scale", {f"{STAGING}/values.yaml": "replicas: 5\n"})
    merge(clone, "scale", "merge")
    assert source_commit(clone.git, "HEAD") == tip


def test_a_merged_commit_lies_between_the_merge_and_what_was_before(clone: Clone) -> None:
    clone.sh("checkout", "--quiet", "-b", "feature")
    side = clone.commit("Side", {"src/side.py": "1\n"})
    clone.sh("checkout", "--quiet", "main")
    before = clone.source("1")
    merge(clone, "feature", "merge")
    tip = clone.git.head()
    order = place(clone.git, tip, [side])
    assert order[before] < order[side] < order[tip]


def test_a_release_from_a_branch_waits_for_its_merge(clone: Clone) -> None:
    clone.ship("1")
    clone.pull()
    clone.sh("checkout", "--quiet", "-b", "feature")
    sha = clone.commit("Feature", {"src/feature.py": "1\n"})
    with pytest.raises(MlopsError, match=r"not on the main branch\. Merge or push it first"):
        clone.release(sha, "2")
    merge(clone, "feature", "merge")
    assert clone.release(sha, "2").kind == "done"


def test_the_same_record_in_other_words_is_one_standing(clone: Clone) -> None:
    clone.ship("1")
    clone.pull()
    path = f"{STAGING}/release.yaml"
    clone.commit("Reword", {path: (clone.path / path).read_text() + "# a remark\n"})
    clone.push()
    assert len(history(clone.git, "staging", clone.trunk.tip())) == 1
    assert clone.ship("2").kind == "done"
    clone.rollback()
    text = clone.git.show(clone.trunk.tip(), path)
    assert text is not None and text.endswith(b"# a remark\n")


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (":100644 100644 a b M", ":100644 100644 a b M"),
        ("f" * 40, "f" * 40),
        ("tab\there", "tab?here"),
        ("\x1e\x1f", "??"),
        ("\x1b[2J \x1b]0;title\x07", "?[2J ?]0;title?"),
        ("ünï ☃", "ünï ☃"),
        ("x" * 5000, "x" * 5000),
    ],
    ids=ascii,
)
def test_hostile_subjects_and_authors_are_text_that_steers_no_terminal(clone: Clone, subject: str, shown: str) -> None:
    first = clone.ship("1")
    clone.pull()
    assert first.commit
    clone.sh("revert", "--no-commit", first.commit)
    clone.sh("commit", "--quiet", "--message", subject, GIT_AUTHOR_NAME="O'Neil; $(id) \x1f")
    clone.push()
    standings = history(clone.git, "staging", clone.trunk.tip())
    assert [s.record for s in standings] == [None, first.record]
    assert standings[0].subject == shown
    assert standings[0].author.startswith("O'Neil")
    assert standings[0].author.isprintable()
