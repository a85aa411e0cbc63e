"""What a branch does to environments: what had stood there whole, a promotion, people's values; nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.delivery.test_merges import WAYS, merge
from unit.delivery.test_rollback import ship_with_chart
from unit.delivery.world import STAGING, Clone, copied, found, no_sleep, sh

from mlops.contract.errors import MlopsError
from mlops.delivery import check as module
from mlops.delivery.check import Finding, check
from mlops.delivery.check_new import Rules
from mlops.delivery.layout import machine_files
from mlops.delivery.promote import Way, promote

PRODUCTION = "deploy/envs/production"
RECORD = f"{STAGING}/release.yaml"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three releases in staging, the second promoted; a branch is checked out."""
    folder = tmp_path_factory.mktemp("template")
    clone = found(folder).clone("ada")
    ship_with_chart(clone, "1")
    ship_with_chart(clone, "2")
    promote(clone.trunk, Way("staging", "production"), sleep=no_sleep)
    ship_with_chart(clone, "3")
    clone.pull()
    clone.sh("checkout", "--quiet", "-b", "branch")
    return folder


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Clone:
    return copied(template, tmp_path)


def findings(clone: Clone) -> list[Finding]:
    return check(clone.git, clone.trunk.known())


def words(clone: Clone) -> str:
    return " ".join(f.words for f in findings(clone) if not f.no)


def no(clone: Clone) -> str:
    return " ".join(f.no for f in findings(clone) if f.no)


def edit(clone: Clone, path: str, old: str, new: str) -> None:
    text = (clone.path / path).read_text()
    assert old in text
    clone.commit(f"Edit {path}", {path: text.replace(old, new)})


def put(clone: Clone, env: str, source: str, rev: str = "HEAD") -> None:
    """Let an environment have the machine-owned files that another one has at a commit."""
    for path in machine_files(clone.git, "HEAD", env):
        (clone.path / f"deploy/envs/{env}/{path}").unlink()
    for path in machine_files(clone.git, rev, source):
        there = clone.path / f"deploy/envs/{env}/{path}"
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(clone.git.run("show", f"{rev}:deploy/envs/{source}/{path}"))
        there.chmod(0o755 if path.endswith(".sh") else 0o644)
    clone.sh("add", "--all")
    clone.sh("commit", "--quiet", "--message", f"Put {source} into {env}")


def release_commit(clone: Clone, number: int) -> str:
    return clone.sh("rev-parse", f":/^Release 20130501-{number} to staging")


def test_a_revert_in_any_client_is_a_rollback(project: Clone) -> None:
    project.sh("revert", "--no-edit", release_commit(project, 3))
    assert words(project).startswith("staging: goes back to what stood from") and not no(project)
    project.sh("revert", "--no-edit", release_commit(project, 2))
    assert not no(project), "two deep, one commit for each"


def test_a_rollback_made_as_one_commit_two_deep(project: Clone) -> None:
    put(project, "staging", "staging", release_commit(project, 1))
    assert "goes back" in words(project) and not no(project)


def test_a_revert_of_a_revert_brings_back_what_stood(project: Clone) -> None:
    undo = project.sh("revert", "--no-edit", release_commit(project, 3)) and project.git.head()
    project.sh("push", "--quiet", "origin", "HEAD:main")
    project.sh("checkout", "--quiet", "-B", "branch", undo)
    project.sh("revert", "--no-edit", undo)
    assert "goes back" in words(project) and not no(project)


def test_a_promotion_is_what_staging_runs(project: Clone) -> None:
    put(project, "production", "staging")
    assert words(project) == "production: gets what staging runs, byte for byte."


def test_where_new_releases_go_no_promotion_goes(project: Clone) -> None:
    project.sh("checkout", "--quiet", "main")
    project.commit("Canary", {"deploy/envs/canary/values.yaml": "replicas: 1\n"})
    project.push()
    project.sh("checkout", "--quiet", "-B", "branch", "main")
    put(project, "canary", "production")
    assert words(project) == "canary: gets what production runs, byte for byte."
    (finding,) = check(project.git, project.trunk.known(), rules=Rules(first="canary"))
    assert "canary/release.yaml: nothing ever stood in canary" in finding.no


def test_a_promotion_of_what_staging_no_longer_runs_is_refused(project: Clone) -> None:
    put(project, "production", "staging", release_commit(project, 1))
    assert "this is what staging had at" in no(project) and "mlops promote --from staging" in no(project)


def promotion_of_what_is_held(clone: Clone) -> None:
    clone.sh("checkout", "--quiet", "main")
    clone.rollback(to="20130501-1")
    clone.pull()
    clone.sh("checkout", "--quiet", "-B", "branch", "main")
    put(clone, "production", "staging")


def test_a_promotion_from_a_held_staging_is_refused(project: Clone) -> None:
    promotion_of_what_is_held(project)
    assert "staging is held" in no(project)


def test_peoples_values_pass_and_a_new_environment_too(project: Clone) -> None:
    project.commit(
        "Scale", {f"{STAGING}/values.yaml": "replicas: 9\n", "deploy/envs/canary/values.yaml": "replicas: 1\n"}
    )
    assert not no(project)
    assert words(project) == " ".join(
        f"{env}: its release stays as it is; values.yaml is people's." for env in ("canary", "staging")
    )


def test_taking_the_first_release_away_says_that_its_pods_stay(clone: Clone) -> None:
    ship_with_chart(clone, "1")
    clone.pull()
    clone.sh("checkout", "--quiet", "-b", "branch")
    clone.sh("revert", "--no-edit", "HEAD")
    assert words(clone) == "staging: its release is taken away. Its pods stay and keep serving what they serve."


def all_gone(clone: Clone, env: str = "staging") -> None:
    clone.sh("rm", "--quiet", "-r", f"deploy/envs/{env}")
    clone.sh("checkout", "--quiet", "HEAD", "--", f"deploy/envs/{env}/values.yaml")
    clone.sh("commit", "--quiet", "--message", f"Take {env} away")


def test_one_release_that_stood_may_go_wherever_it_came_from(project: Clone) -> None:
    all_gone(project, "production")
    assert words(project) == "production: its release is taken away. Its pods stay and keep serving what they serve."


def test_the_first_release_may_go_a_second_time(clone: Clone) -> None:
    ship_with_chart(clone, "1")
    clone.pull()
    clone.sh("revert", "--no-edit", "HEAD")
    clone.sh("revert", "--no-edit", "HEAD")
    clone.push()
    clone.sh("checkout", "--quiet", "-b", "branch")
    all_gone(clone)
    assert "is taken away" in words(clone) and not no(clone)


def hand_edited(clone: Clone) -> None:
    lines = (clone.path / RECORD).read_text().splitlines()
    zeros = [f'    digest: "sha256:{"0" * 64}"' if line.startswith("    digest:") else line for line in lines]
    clone.commit("Another digest", {RECORD: "\n".join(zeros) + "\n"})


def mixed(clone: Clone) -> None:
    old = clone.git.show(release_commit(clone, 1), f"{STAGING}/dvc.lock")
    clone.commit("The lock of the first", {f"{STAGING}/dvc.lock": old})


def without(clone: Clone) -> None:
    clone.commit("No card", {f"{STAGING}/model-card.md": None})


def added(clone: Clone) -> None:
    clone.commit("A note", {f"{STAGING}/note.md": "Hello.\n"})


def chart_edited(clone: Clone) -> None:
    edit(clone, f"{STAGING}/chart/Chart.yaml", "name: chart", "name: other")


def mode_changed(clone: Clone) -> None:
    (clone.path / f"{STAGING}/chart/only-3.sh").chmod(0o644)
    clone.commit("No longer executable", {})


def another_id(clone: Clone) -> None:
    edit(clone, RECORD, "20130501-3", "20130501-9")


def garbage(clone: Clone) -> None:
    clone.commit("Oops", {RECORD: "<<<<<<< HEAD\n"})


def record_gone(clone: Clone) -> None:
    clone.commit("No record", {RECORD: None})


def only_the_record(clone: Clone) -> None:
    clone.commit("Back, nearly", {RECORD: clone.git.show(release_commit(clone, 2), RECORD)})


def unknown(clone: Clone) -> None:
    text = (clone.path / RECORD).read_text()
    clone.commit("A new environment by hand", {"deploy/envs/canary/release.yaml": text})


def values_gone(clone: Clone) -> None:
    clone.commit("No values", {f"{STAGING}/values.yaml": None})
    clone.sh("revert", "--no-edit", release_commit(clone, 3))


def stray(clone: Clone) -> None:
    clone.commit("A stray file", {"deploy/envs/README.md": "Hello.\n"})


REFUSED = [
    (hand_edited, r"staging/release\.yaml: its record 20130501-3 was edited: image is not as it stood"),
    (mixed, r"staging/dvc\.lock: is that of \w{10}, while the others are those of \w{10}: two releases are mixed"),
    (without, r"staging/model-card\.md: is missing"),
    (added, r"staging/note\.md: is new; no release had such a file"),
    (chart_edited, r"chart/Chart\.yaml: is not as it was in any release"),
    (mode_changed, r"chart/only-3\.sh: is not as it was in any release"),
    (another_id, r"its record 20130501-9 never stood"),
    (garbage, r"not a release record"),
    (all_gone, r"staging/release\.yaml: is gone.*more than one release stood in staging: 20130501-3, 20130501-2, 201"),
    (record_gone, r"staging/release\.yaml: is missing"),
    (only_the_record, r"staging/release\.yaml: is that of \w{10}.*two releases are mixed"),
    (unknown, r"canary/values\.yaml is not there"),
    (values_gone, r"staging/values\.yaml is not there"),
    (stray, r"deploy/envs/README\.md: is in no environment's folder"),
]


@pytest.mark.parametrize(("change", "why"), REFUSED, ids=[row[0].__name__ for row in REFUSED])
def test_what_only_mlops_writes_is_refused_by_name(project: Clone, change: Callable[[Clone], None], why: str) -> None:
    change(project)
    said = no(project)
    assert re.search(why, said), said


def promoted_with_code(clone: Clone) -> None:
    put(clone, "production", "staging")
    clone.commit("Code too", {"src/app\n.py": "9\n"})


def test_a_release_comes_alone(project: Clone) -> None:
    promoted_with_code(project)
    said = no(project)
    assert re.search(r"production/\S+: only mlops writes it, and the branch changes 'src/app\\n\.py', too", said), said
    assert "a pull request of its own" in said


def values_with_code(clone: Clone) -> None:
    clone.commit("Scale, and code", {f"{STAGING}/values.yaml": "replicas: 9\n", "src/app.py": "9\n"})


def test_peoples_values_may_come_with_other_files(project: Clone) -> None:
    values_with_code(project)
    assert words(project) == "staging: its release stays as it is; values.yaml is people's." and not no(project)


def test_a_branch_of_code_alone_changes_no_environment_whatever_main_released_since(project: Clone) -> None:
    project.commit("Code", {"src/other.py": "9\n"})
    project.sh("checkout", "--quiet", "main")
    ship_with_chart(project, "4")
    project.sh("checkout", "--quiet", "branch")
    assert findings(project) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_base_that_moved_on_elsewhere_changes_nothing(project: Clone, way: str) -> None:
    project.sh("revert", "--no-edit", release_commit(project, 3))
    project.sh("checkout", "--quiet", "main")
    project.source("meanwhile")
    project.sh("checkout", "--quiet", "branch")
    assert "goes back" in words(project) and not no(project)
    before = project.tree("branch")
    merge(project, "branch", way)
    assert project.tree() == before


def test_a_base_that_moved_on_in_the_same_environment_is_a_conflict(project: Clone) -> None:
    project.sh("revert", "--no-edit", release_commit(project, 3))
    project.sh("checkout", "--quiet", "main")
    ship_with_chart(project, "4")
    project.sh("checkout", "--quiet", "branch")
    assert "conflicts with" in no(project)


def base_with_another_file(clone: Clone) -> None:
    """No conflict for Git, and yet no release that ever stood."""
    clone.sh("checkout", "--quiet", "main")
    clone.commit("By hand, on main", {f"{STAGING}/extra.txt": "x\n"})
    clone.push()
    clone.sh("checkout", "--quiet", "branch")
    clone.sh("revert", "--no-edit", release_commit(clone, 3))


def test_a_base_that_gained_a_file_there_mixes_two_releases(project: Clone) -> None:
    base_with_another_file(project)
    assert "staging/extra.txt" in no(project)


def test_a_state_on_the_way_counts_too_for_a_rebase_merge_lands_it(project: Clone) -> None:
    another_id(project)
    project.sh("revert", "--no-edit", "HEAD")
    assert "its record 20130501-9 never stood" in no(project) and "(commit " in no(project)


def test_a_branch_that_merged_main_is_as_good(project: Clone) -> None:
    project.commit("Scale", {f"{STAGING}/values.yaml": "replicas: 9\n"})
    project.sh("checkout", "--quiet", "main")
    ship_with_chart(project, "4")
    project.pull()
    project.sh("checkout", "--quiet", "branch")
    project.sh("merge", "--quiet", "--no-edit", "main")
    assert not no(project)


def garbage_that_stood(clone: Clone) -> None:
    clone.sh("checkout", "--quiet", "main")
    garbage(clone)
    bad = clone.git.head()
    clone.sh("revert", "--no-edit", "HEAD")
    clone.push()
    clone.sh("checkout", "--quiet", "-B", "branch", "main")
    put(clone, "staging", "staging", bad)


def test_garbage_that_stood_is_no_rollback(project: Clone) -> None:
    garbage_that_stood(project)
    assert "staging/release.yaml: not a release record" in no(project)


def test_a_shallow_clone_and_a_foreign_base_are_told(project: Clone) -> None:
    sh(project.path.parent, "clone", "--quiet", "--depth=1", f"file://{project.path.parent}/origin.git", "shallow")
    with pytest.raises(MlopsError, match="git fetch --unshallow"):
        check(Clone(project.path.parent / "shallow").git, "HEAD")
    with pytest.raises(MlopsError, match="is no commit"):
        check(project.git, "nowhere")


MUTANTS: list[tuple[str, object, Callable[[Clone], None]]] = [
    ("machine_files", lambda git, rev, env: {"release.yaml": machine_files(git, rev, env)["release.yaml"]}, mixed),
    ("_stood", lambda *_: iter(()), lambda clone: put(clone, "staging", "staging", release_commit(clone, 1))),
    ("_sources", lambda *_: iter(()), lambda clone: put(clone, "production", "staging")),
    ("history", lambda *_: [], all_gone),
    ("_named", lambda _: "", all_gone),
    ("held", lambda *_: None, promotion_of_what_is_held),
    ("_merged", lambda git, base, head: head, base_with_another_file),
    ("_readable", lambda *_: True, garbage_that_stood),
    ("_misplaced", lambda *_: "", promoted_with_code),
    ("PEOPLES", frozenset({"release.yaml"}), values_with_code),
]


@pytest.mark.parametrize(("part", "mutant", "change"), MUTANTS, ids=[row[0] for row in MUTANTS])
def test_a_mutant_judges_otherwise(
    project: Clone, part: str, mutant: object, change: Callable[[Clone], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    change(project)
    before = bool(no(project))
    monkeypatch.setattr(module, part, mutant)
    assert bool(no(project)) != before


def test_mutant_that_looks_at_the_end_alone_lets_a_forged_record_in(
    project: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    another_id(project)
    project.sh("revert", "--no-edit", "HEAD")
    real = module._environment
    monkeypatch.setattr(module, "_environment", lambda *of: real(*of[:3], of[3][-1:], of[4]))
    assert not no(project)
