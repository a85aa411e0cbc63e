"""Retention on real Git, real DVC and real folders."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from dvc.repo import Repo
from unit.delivery.gc_world import Past, past, site
from unit.delivery.world import STAGING, Clone, image, no_sleep, sh

from mlops.commands import gc as command
from mlops.contract.errors import MlopsError
from mlops.delivery.gc import Collector
from mlops.delivery.release import release
from mlops.delivery.stock import Folder

KEPT = {"1", "2", "3", "4", "7"}  # by keep = 2: 2 stands, 3 stood before, 1 is one step back, 7 is H, 4 is production's


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    with site(tmp_path_factory.mktemp("site")):
        yield past(tmp_path_factory.mktemp("past"))


@pytest.fixture
def made(finished: Past, tmp_path: Path) -> Past:
    return finished.copy(tmp_path / "there")


def run_outs(made: Past) -> list[set[str]]:
    entries = [yaml.safe_load(path.read_text()) for path in (made.remote / "runs").glob("*/*/*")]
    return [{out["md5"] for out in entry["outs"] if not out["path"].endswith(".json")} for entry in entries]


def objects(made: Past) -> set[str]:
    return {path.parent.name + path.name for path in (made.remote / "files/md5").glob("*/*")}


def test_every_release_that_stays_is_whole_and_no_other(made: Past, caplog: pytest.LogCaptureFixture) -> None:
    before = objects(made)
    first, second = made.collector(), made.collector()
    plan, same = first.plan(), second.plan()
    first.sweep(plan)
    second.sweep(same)  # two at once do no harm
    assert plan.kept.gone == ("20130501-5", "20130501-6")
    assert {number for number in "1234567" if made.restored(made.record(int(number))) == number} == KEPT
    assert len(before - objects(made)) == len(plan.objects) == 4, "a bundle is a list and a model; its data is shared"
    digests = {path.name for path in (made.world.root / "images").iterdir()}
    assert digests == {image(number).digest.removeprefix("sha256:") for number in KEPT}
    assert {path.name for path in (made.world.root / "tags").iterdir()} == {
        image(number).identity.removeprefix("sha256:") for number in KEPT
    }
    assert all(outs <= objects(made) for outs in run_outs(made)), "no entry of the run-cache leads nowhere"
    assert len(run_outs(made)) == 12, "five models and what they measured, two splits"
    assert made.collector().plan().empty
    restored_without_a_run(made, caplog)


def restored_without_a_run(made: Past, caplog: pytest.LogCaptureFixture) -> None:
    """Without the release's lock, by the run-cache alone."""
    fresh = made.world.clone("unlocked")
    fresh.sh("checkout", "--quiet", made.record(7).commit)
    with chdir(fresh.path), Repo() as repo, caplog.at_level("INFO", "dvc"):
        repo.pull(run_cache=True, allow_missing=True)
        caplog.clear()
        repo.reproduce("train", pull=True)
    assert caplog.text.count("is cached - skipping run") == 2 and "Running stage" not in caplog.text


def test_it_tells_and_does_nothing_without_yes(made: Past, capsys: pytest.CaptureFixture[str]) -> None:
    before = made.files()
    with chdir(made.clone.path):
        command.gc(2, yes=False)
        assert made.files() == before
        said = capsys.readouterr().out
        command.gc(2, yes=True)
    for words in ("20130501-5, 20130501-6", "4 objects and 4 entries", "2 images (2 bytes)", "add --yes"):
        assert words in said
    assert "deleted 4 objects and 4 entries of the run-cache" in capsys.readouterr().out


def test_one_is_not_many() -> None:
    plan = SimpleNamespace(objects=[0], runs=[0], images=[0], size=1, image_bytes=17100)
    assert command._amount(plan) == "1 object and 1 entry of the run-cache (1 byte), 1 image (17.1 kB)"  # type: ignore


def test_open_branches_stay(made: Past) -> None:
    clone = made.clone
    clone.pull()
    clone.sh("switch", "--quiet", "--create", "idea")
    idea = made.source("idea")
    clone.sh("add", "dvc.lock")
    clone.sh("commit", "--quiet", "--message", "Idea")
    clone.sh("push", "--quiet", "origin", "HEAD:refs/heads/ada/idea")
    clone.sh("switch", "--quiet", "main")
    clone.sh("branch", "--quiet", "-D", "idea")
    old = clone.sh("log", "--format=%H", "--grep=Release 20130501-5", "origin/main")
    made.promote(old, "promotion")
    made.age()
    plan = made.collect()
    assert made.restores("origin/ada/idea", None) == "idea"
    assert made.restored(made.record(5)) == "5", "an open promotion would bring it to production"
    assert plan.kept.gone == ("20130501-6",) and image("5").digest not in plan.images
    clone.sh("push", "--quiet", "origin", ":refs/heads/ada/idea")
    made.collect()
    assert made.restores(idea, None) != "idea"


def test_what_was_sent_today_stays_with_all_that_it_lists(made: Past) -> None:
    made.clone.pull()
    commit = made.source("new", {"data/raw/c.csv": "c\n3\n"})
    lock = (made.clone.path / "dvc.lock").read_bytes()
    young = time.time() - 3600
    made.age()
    for text in yaml.safe_load(lock)["stages"].values():
        for name in (out["md5"] for out in text["outs"] if out["md5"].endswith(".dir")):
            os.utime(made.remote / "files/md5" / name[:2] / name[2:], (young, young))
    model = made.remote / "files/md5/22/af645d1859cb5ca6da0c484f1f37ea"
    assert model.is_file(), "the md5 of 'new': days old, and only the list of its directory is young"
    made.collect()
    assert model.is_file()
    made.clone.push()
    made.publish(commit, "new", force=True)
    made.age()
    assert made.restored(made.record(8)) == "new", "the release went on, and is whole"


def test_a_release_under_way_is_looked_at_again(made: Past) -> None:
    collector = made.collector(1)
    plan = collector.plan()
    made.clone.pull()
    made.promote(made.clone.sh("log", "--format=%H", "--grep=Release 20130501-5", "origin/main"), "main")
    done = collector.sweep(plan)
    assert done.at != plan.at and "20130501-5" in done.kept.releases["production"]
    assert made.restored(made.record(5)) == "5"


def test_a_release_that_came_too_late_to_be_seen_is_named(made: Past) -> None:
    class Late:
        def __init__(self) -> None:
            self.tags, self.blobs = made.images.tags, made.images.blobs

        def delete(self, digest: str) -> None:
            if digest == image("5").digest:
                old = made.clone.sh("log", "--format=%H", "--grep=Release 20130501-5", "origin/main")
                made.promote(old, "main")

    collector = Collector(made.settings, made.clone.trunk, Late(), 2)
    with pytest.raises(MlopsError, match=f"came meanwhile that needs {image('5').digest}"):
        collector.sweep(collector.plan())


def test_a_release_of_an_old_image_that_goes_meanwhile_commits_nothing(made: Past) -> None:
    """A source revert gives an old identity, whose image was found before the model was judged."""
    made.clone.pull()
    commit, there = made.source("5"), Folder(made.settings).has
    made.clone.push()
    candidate, before = made.clone.candidate(commit, "5"), made.clone.trunk.tip()
    assert there(made.record(5).image)
    made.collect()
    with pytest.raises(MlopsError, match=r"any more.*Nothing was committed\. Run again: the image is built anew"):
        release(made.clone.trunk, "staging", candidate, image("5"), force=True, sleep=no_sleep, there=there)
    assert made.clone.trunk.tip() == before
    made.lay("5")
    done = release(made.clone.trunk, "staging", candidate, image("5"), force=True, sleep=no_sleep, there=there)
    assert done.kind == "done"


def test_a_registry_that_deletes_nothing_ends_it_before_anything_went(made: Past) -> None:
    class Firm:
        def __init__(self) -> None:
            self.tags, self.blobs = made.images.tags, made.images.blobs

        def delete(self, digest: str) -> None:
            raise MlopsError(f"The registry deletes nothing: {digest}.")

    before = made.files()
    collector = Collector(made.settings, made.clone.trunk, Firm(), 2)
    with pytest.raises(MlopsError, match="deletes nothing"):
        collector.sweep(collector.plan())
    assert made.files() == before


def test_what_a_smaller_number_let_go_stops_no_later_run(made: Past) -> None:
    made.collect(1)
    plan = made.collector(3).plan()
    assert plan.empty
    assert plan.lacking == ("release 20130501-3 of staging", "release 20130501-1 of staging")


def shallow(made: Past) -> None:
    made.clone.sh("commit", "--quiet", "--allow-empty", "--message", "Grafted")
    (made.clone.path / ".git/shallow").write_text(made.clone.git.head() + "\n")


def origin_gone(made: Past) -> None:
    made.world.origin.rename(made.world.root / "elsewhere")


def unmounted(made: Past) -> None:
    made.clone.write({".dvc/config.local": "['remote \"storage\"']\n    url = ../../nowhere\n"})


def another_remote(made: Past) -> None:
    (made.world.root / "other").mkdir()
    made.clone.write({".dvc/config.local": "['remote \"storage\"']\n    url = ../../other\n"})


def unreadable(made: Past) -> None:
    edit(made.clone, {f"{STAGING}/release.yaml": "release: {}\n"})


def lockless(made: Past) -> None:
    edit(made.clone, {f"{STAGING}/dvc.lock": None})


def another_lock(made: Past) -> None:
    edit(made.clone, {f"{STAGING}/dvc.lock": "schema: '2.0'\nstages: {}\n"})


def broken_branch(made: Past) -> None:
    made.clone.pull()
    made.clone.commit("Broken", {"dvc.yaml": "stages: [\n"})
    made.clone.sh("push", "--quiet", "origin", "HEAD:refs/heads/broken")
    made.clone.sh("reset", "--quiet", "--hard", "origin/main")


def lost_object(made: Past) -> None:
    next(path for path in (made.remote / "files/md5").glob("*/*") if path.read_text() == "2").unlink()


def edit(clone: Clone, files: dict[str, str | None]) -> None:
    clone.pull()
    clone.write(files)
    clone.sh("commit", "--quiet", "--all", "--message", "By hand")
    clone.push()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (shallow, "shallow"),
        (origin_gone, "could not be asked"),
        (unmounted, "remote '/.*/nowhere' is not there"),
        (another_remote, "lacks .* which release"),
        (unreadable, "not a release record"),
        (lockless, "no dvc.lock"),
        (another_lock, "does not name"),
        (broken_branch, "branch 'origin/broken': DVC cannot read"),
        (lost_object, "lacks .* which release 20130501-2 of staging needs"),
    ],
)
def test_it_refuses_what_it_cannot_read(made: Past, harm: Callable[[Past], None], words: str) -> None:
    harm(made)
    before = made.files()
    with chdir(made.clone.path), pytest.raises(MlopsError, match=words) as caught:
        command.gc(2, yes=True)
    assert caught.value.exit_code == 2
    assert made.files() == before


def test_an_unpushed_branch_is_told_and_stops_nothing(made: Past) -> None:
    made.clone.pull()
    made.clone.sh("switch", "--quiet", "--create", "private")
    made.clone.write({"recipe.txt": "secret"})
    with chdir(made.clone.path), Repo() as repo:
        repo.reproduce()
    made.clone.sh("add", "dvc.lock", "recipe.txt")
    made.clone.sh("commit", "--quiet", "--message", "Private")
    plan = made.collector().plan()
    assert plan.lacking == ("branch 'private'",) and plan.kept.gone == ("20130501-5", "20130501-6")


def test_a_project_without_a_release_keeps_its_branches(made: Past) -> None:
    sh(made.world.root, "init", "--quiet", "--bare", "--initial-branch=main", "empty.git")
    made.clone.sh("remote", "set-url", "origin", "../empty.git")
    made.clone.sh("push", "--quiet", "origin", f"{made.record(1).commit}:refs/heads/main")
    made.clone.sh("checkout", "--quiet", "--detach", "origin/main")
    made.clone.sh("branch", "--quiet", "-D", "main")
    plan = made.collector().plan()
    assert plan.kept.releases == {} and plan.images == () and plan.staying == 1, "its only batch"
