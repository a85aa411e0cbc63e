"""DVC's configuration as text, and with a real remote: the champion, brought back from where it was released."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from unit.delivery.project import CARD, dvc, pipeline, settings
from unit.delivery.world import NOON, STAGING, Clone, World, hexed, no_sleep

from mlops.contract.errors import MlopsError
from mlops.delivery import champion
from mlops.delivery.builder import local_image
from mlops.delivery.candidate import gather
from mlops.delivery.dvc import Dvc
from mlops.delivery.release import release
from mlops.delivery.remote import default_remote, link_remote, storage


def configured(root: Path, text: str, local: str = "") -> Clone:
    (root / ".dvc").mkdir(parents=True)
    (root / ".dvc/config").write_text(text)
    if local:
        (root / ".dvc/config.local").write_text(local)
    return Clone(root)


FOLDER = "[core]\n    remote = storage\n    autostage = true\n['remote \"storage\"']\n    url = ../../remote\n"
BUCKET = "[core]\n    remote = s3\n['remote \"s3\"']\n    url = s3://bucket/a=b\n"


def test_images_lie_beside_the_remotes_folder(tmp_path: Path) -> None:
    clone = configured(tmp_path / "project", FOLDER)
    assert default_remote(clone.path).folder == tmp_path / "remote"
    assert storage(settings(clone)).folder == tmp_path and storage(settings(clone)).note == ""


def test_a_bucket_keeps_local_images_in_the_project_and_says_so(tmp_path: Path) -> None:
    clone = configured(tmp_path / "project", BUCKET)
    found = storage(settings(clone))
    assert found.folder == tmp_path / "project/.mlops/storage" and "s3://bucket/a=b" in found.note


@pytest.mark.parametrize("url", ["/srv/dvc", "file:///srv/dvc", '"/srv/dvc"'])
def test_the_local_configuration_wins(tmp_path: Path, url: str) -> None:
    clone = configured(tmp_path / "p", FOLDER, f"['remote \"storage\"']\n    url = {url}\n")
    assert default_remote(clone.path).folder == Path("/srv/dvc")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "No default DVC remote"),
        ("[core]\n    remote = gone\n", "'gone' has no url"),
        ("core: [", "unreadable"),
    ],
)
def test_without_a_remote_it_says_what_to_run(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(MlopsError, match=words):
        default_remote(configured(tmp_path / "p", text).path)


def test_a_linked_clone_has_the_absolute_remote_the_cache_and_the_credentials(tmp_path: Path) -> None:
    original = configured(
        tmp_path / "project", FOLDER, "['remote \"storage\"']\n    user = me\n[cache]\n    dir = ../c\n"
    )
    clone = configured(tmp_path / "deep/er/clone", FOLDER)
    link_remote(clone.path, original.path)
    assert default_remote(clone.path).folder == tmp_path / "remote"
    text = (clone.path / ".dvc/config.local").read_text()
    assert "user = me" in text and f"dir = {tmp_path / 'project' / 'c'}" in text


def test_a_clone_of_an_older_commit_has_the_remote_of_today(tmp_path: Path) -> None:
    today = "[core]\n    remote = team\n['remote \"team\"']\n    url = s3://bucket/x\n    endpointurl = https://s3.example.com\n"
    original = configured(tmp_path / "project", today, "['remote \"team\"']\n    secret_access_key = it's\n")
    clone = configured(tmp_path / "clone", FOLDER)
    link_remote(clone.path, original.path)
    assert default_remote(clone.path).url == "s3://bucket/x"
    text = (clone.path / ".dvc/config.local").read_text()
    assert "endpointurl = https://s3.example.com" in text and "secret_access_key = it's" in text


def test_an_object_that_somebody_changed_is_not_fetched_though_the_remote_has_a_new_name(tmp_path: Path) -> None:
    root, before = tmp_path / "project", configured(tmp_path / "clone", "")
    root.mkdir()
    Clone(root).git.run("init", "--quiet")
    for words in ("init", f"remote add --default old {tmp_path}/remote", f"remote add --default new {tmp_path}/remote"):
        dvc(root, *words.split())
    (root / "features.py").write_text("honest\n")
    dvc(root, "add", "features.py")
    Dvc(root).push()
    (kept,) = (path for path in (tmp_path / "remote").rglob("*") if path.is_file())
    kept.chmod(0o644)
    kept.write_text("not so\n")
    kept.chmod(0o444)  # which DVC takes for an object that nobody has touched
    shutil.rmtree(root / ".dvc/cache")
    Clone(before.path).git.run("init", "--quiet")
    shutil.copy(root / "features.py.dvc", before.path)
    link_remote(before.path, root)
    with pytest.raises(MlopsError, match=r"Checkout failed.*features\.py"):
        Dvc(before.path).pull()
    assert not (before.path / "features.py").exists()


def test_what_dvc_says_is_passed_on(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    Clone(root).git.run("init", "--quiet")
    dvc(root, "init")
    dvc(root, "remote", "add", "--default", "away", "/proc/nowhere")
    (root / "data.csv").write_text("a\n")
    dvc(root, "add", "data.csv")
    with pytest.raises(MlopsError, match=r"`dvc push --run-cache` failed.*/proc/nowhere") as told:
        Dvc(root).push()
    assert "Having any troubles" not in str(told.value)


def send(clone: Clone) -> None:
    """Reproduce and release, as main's workflow does."""
    dvc(clone.path, "repro", "--quiet")
    made = gather(settings(clone), clone.git, "staging", card=CARD)
    image, _ = local_image(settings(clone))
    release(clone.trunk, "staging", made, image, now=NOON, sleep=no_sleep)


def test_the_champion_comes_back_from_git_and_the_remote(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = pipeline(world)
    assert champion.fetch(settings(ready), ready.git, ready.trunk.tip(), "staging") is None
    send(ready)
    Dvc(ready.path).push()
    first = ready.trunk.tip()
    ready.commit("Better", {"recipe.txt": "second\n"})
    ready.push()
    with pytest.raises(MlopsError, match=r"Not up to date: train.*dvc repro"):
        Dvc(ready.path).require_reproduced()
    send(ready)
    shutil.rmtree(ready.path / ".dvc/cache")

    def seen() -> tuple[list[str], str]:
        return ready.git.dirty(), (ready.path / "build/bundle/model.onnx").read_text()

    before = seen()
    assert before[1] == "second\n"
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(champion.fetch, settings(ready), ready.git, first, "staging") for _ in range(2)]
    old, same = (run.result() for run in runs)
    assert old is not None and same == old and old.record.id == "20130501-1"
    assert (old.bundle / "model.onnx").read_text() == "first\n" == (old.root / "recipe.txt").read_text()
    assert old.record.model.sha256 == hexed("first\n")
    assert (old.source / "mlops/__init__.py").is_file() and old.requirements.is_file()
    assert seen() == before
    assert [path.name for path in (settings(ready).cache / "champions").iterdir()] == [old.root.name]

    with pytest.raises(
        MlopsError, match=r"bundle of staging's release 20130501-2 could not be brought.*build/bundle.*dvc push"
    ):
        champion.fetch(settings(ready), ready.git, ready.trunk.tip(), "staging")
    monkeypatch.setattr(Dvc, "attempt", None)
    assert champion.fetch(settings(ready), ready.git, first, "staging") == old


def test_a_champion_without_its_lock_or_commit_is_named(clone: Clone) -> None:
    done = clone.release(clone.git.head(), "1")
    assert done.commit and done.record
    clone.commit("Oops", {f"{STAGING}/dvc.lock": None})
    with pytest.raises(MlopsError, match=r"no dvc\.lock beside its release 20130501-1"):
        champion.fetch(settings(clone), clone.git, "HEAD", "staging")
    text = (clone.path / STAGING / "release.yaml").read_text().replace(done.record.commit, "1" * 40)
    clone.commit("Oops", {f"{STAGING}/dvc.lock": "x", f"{STAGING}/release.yaml": text})
    with pytest.raises(MlopsError, match=r"made from 1{40}, which is not here. `git fetch`"):
        champion.fetch(settings(clone), clone.git, "HEAD", "staging")
    clone.commit("Oops", {f"{STAGING}/release.yaml": "garbage"})
    with pytest.raises(MlopsError, match="not a release record"):
        champion.fetch(settings(clone), clone.git, "HEAD", "staging")
