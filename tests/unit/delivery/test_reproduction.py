"""What lies in the run-cache is a model's result at most, and with `retrain` not even that; the lock comes back."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from baking import PROJECT
from dvc.fs import LocalFileSystem
from dvc.repo import Repo
from dvc.stage.cache import StageCache
from unit.delivery.world import PERSON

from mlops.commands import reproduce as command
from mlops.contract.errors import MlopsError
from mlops.delivery import reproduction as module
from mlops.delivery.reproduction import Results, reproduce
from mlops.gates.run import REPORT

STAGES = """
stages:
  double:
    cmd: mkdir out && cat in.txt in.txt > out/twice && echo double >> ../ran
    deps: [in.txt]
    outs: [out]
  report:
    cmd: cp out/twice report.txt && echo report >> ../ran
    deps: [out]
    outs: [report.txt]
"""
VALIDATE = "python -m mlops.pipeline.validate"
SETTINGS = '[project]\nname = "p"\n[tool.mlops]\npackage = "p"\nfeatures = "p.f"\nmodel = "p.m"\nmain = "retrain"\n'


def sh(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, env={**os.environ, **PERSON}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Place:
    """A project of two stages whose results somebody has pushed, and a clone of it that has none of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "p"

    def reproduce(self, *, restore: bool = True) -> dict[str, bool]:
        return reproduce(self.path, restore=restore)

    def ran(self) -> list[str]:
        path = self.folder / "ran"
        return path.read_text().split() if path.exists() else []

    def entry(self, stage: str) -> tuple[Path, dict[str, Any]]:
        """Find the one result of a stage at the remote."""
        for path in (self.folder / "store" / "runs").rglob("*"):
            if path.is_file() and f"echo {stage} " in path.read_text():
                return path, yaml.safe_load(path.read_text())
        raise AssertionError(stage)

    def put(self, content: bytes, suffix: str = "") -> str:
        """Put an object into the remote; gives its name."""
        name = hashlib.md5(content).hexdigest() + suffix
        path = self.folder / "store" / "files" / "md5" / name[:2] / name[2:]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return name

    def plant(self, outs: list[dict[str, Any]], stage: str = "double", **other: Any) -> None:
        path, entry = self.entry(stage)
        path.write_text(yaml.safe_dump({**entry, "outs": outs, **other}))

    def tree(self, *names: str) -> str:
        """Put a folder of files into the remote, each with the content EVIL."""
        name = self.put(b"EVIL")
        return self.put(json.dumps([{"md5": name, "relpath": each} for each in names]).encode(), ".dir")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    path = folder / "p"
    path.mkdir()
    sh(path, "git", "init", "--quiet")
    Repo.init(str(path)).close()
    (path / "dvc.yaml").write_text(STAGES)
    (path / "in.txt").write_text("1")
    (path / "pyproject.toml").write_text(SETTINGS)
    (path / "contract.yaml").write_text("")
    config = (PROJECT / ".dvc" / "config").read_text()
    (path / ".dvc" / "config").write_text(re.sub("url = .*", "url = ../../store", config))
    sh(path, "git", "add", "--all")
    sh(path, "git", "commit", "--quiet", "--message", "First")
    assert reproduce(path, restore=True) == {"double": True, "report": True}
    with Repo(str(path)) as repo:
        repo.push(run_cache=True)
    sh(path, "git", "clean", "--quiet", "-ffdx")
    shutil.rmtree(path / ".dvc" / "cache", ignore_errors=True)
    (folder / "ran").unlink()
    return folder


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path)


def test_what_a_branch_has_pushed_is_restored(place: Place) -> None:
    assert place.reproduce() == {"double": False, "report": False}
    assert (place.path / "report.txt").read_text() == "11" and not place.ran()
    assert place.reproduce() == {}, "nothing to do"


def test_only_what_changed_runs(place: Place) -> None:
    dvc_yaml = place.path / "dvc.yaml"
    dvc_yaml.write_text(dvc_yaml.read_text().replace("cp out/twice report.txt", "cp out/twice report.txt && true"))
    assert place.reproduce() == {"double": False, "report": True}
    assert place.ran() == ["report"]


def another_model(place: Place) -> None:
    place.plant([{"path": "out", "hash": "md5", "md5": place.tree("twice"), "size": 4, "nfiles": 1}])


def test_another_result_under_the_same_key_is_restored_where_main_restores(place: Place) -> None:
    another_model(place)
    assert place.reproduce() == {"double": False, "report": True}
    assert (place.path / "out" / "twice").read_text() == "EVIL"


def test_another_result_under_the_same_key_is_ignored_where_main_retrains(place: Place) -> None:
    another_model(place)
    with Repo(str(place.path)) as repo:
        repo.fetch(run_cache=True)
    assert place.reproduce(restore=False) == {"double": True, "report": True}
    assert (place.path / "report.txt").read_text() == "11" and place.ran() == ["double", "report"]


def another_path(place: Place) -> None:
    place.plant([{"path": "evil.py", "hash": "md5", "md5": place.put(b"EVIL"), "size": 4}])


def one_path_more(place: Place) -> None:
    _, entry = place.entry("double")
    place.plant([*entry["outs"], {"path": "evil.py", "hash": "md5", "md5": place.put(b"EVIL"), "size": 4}])


def another_stage(place: Place) -> None:
    _, entry = place.entry("double")
    place.plant(entry["outs"], deps=[{**entry["deps"][0], "md5": "0" * 32}])


def upwards(place: Place) -> None:
    tree = place.tree("twice", "../evil.py")
    place.plant([{"path": "out", "hash": "md5", "md5": tree, "size": 8, "nfiles": 2}])


def backslashes(place: Place) -> None:
    tree = place.tree("twice", "..\\evil.py")
    place.plant([{"path": "out", "hash": "md5", "md5": tree, "size": 8, "nfiles": 2}])


def absolute(place: Place) -> None:
    tree = place.tree("twice", str(place.path / "evil.py"))
    place.plant([{"path": "out", "hash": "md5", "md5": tree, "size": 8, "nfiles": 2}])


def files_named_in_the_entry(place: Place) -> None:
    files = [{"relpath": name, "md5": place.put(b"EVIL"), "size": 4} for name in ("twice", "../evil.py")]
    place.plant([{"path": "out", "hash": "md5", "nfiles": 2, "files": files}])


def no_such_tree(place: Place) -> None:
    place.plant([{"path": "out", "hash": "md5", "md5": f"{'0' * 32}.dir", "size": 8, "nfiles": 2}])


def garbage(place: Place) -> None:
    place.entry("double")[0].write_text("[")


PLANTED = [another_path, one_path_more, another_stage, upwards, backslashes, absolute, files_named_in_the_entry,
           no_such_tree, garbage]  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED, ids=[each.__name__ for each in PLANTED])
def test_what_is_no_result_of_the_stage_writes_nothing(place: Place, plant: Callable[[Place], None]) -> None:
    plant(place)
    assert place.reproduce() == {"double": True, "report": False}
    assert (place.path / "out" / "twice").read_text() == "11"
    assert not list(place.folder.rglob("*evil.py"))


@pytest.mark.parametrize("plant", [one_path_more, upwards])
def test_mutant_that_believes_the_run_cache_writes_where_it_says(
    place: Place, plant: Callable[[Place], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Results, "_wrong", lambda *_: "")
    plant(place)
    place.reproduce()
    assert (place.path / "evil.py").read_text() == "EVIL"


class Bucket(LocalFileSystem):  # type: ignore[misc]
    """Names of a bucket are any text: this one has a name that leads out of it, as `..` does in a folder."""

    def find(self, path: str, *args: Any, **options: Any) -> Iterator[str]:
        yield from super().find(path, *args, **options)
        yield f"{path}/../../store/../evil.py"


@pytest.mark.parametrize("believed", [False, True])
def test_a_name_in_the_run_cache_of_a_bucket_leads_nowhere_else(
    place: Place, believed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.folder / "evil.py").write_text("EVIL")
    with Repo(str(place.path)) as repo:
        store = SimpleNamespace(fs=Bucket(), path=str(place.folder / "store"))
        if believed:
            monkeypatch.setattr(Results, "transfer", StageCache.transfer)
        Results(repo, restore=True).transfer(store, repo.cache.legacy)
    assert len([path for path in (place.path / ".dvc" / "cache" / "runs").rglob("*") if path.is_file()]) == 2
    assert list(place.path.rglob("evil.py")) == ([place.path / ".dvc" / "evil.py"] if believed else []), "or a mutant"


@pytest.mark.parametrize("verify", [True, False])
def test_an_object_at_the_remote_that_is_not_what_its_name_says(place: Place, verify: bool) -> None:
    name = hashlib.md5(b"11").hexdigest()
    there = place.folder / "store" / "files" / "md5" / name[:2] / name[2:]
    there.chmod(0o644)
    there.write_text("EVIL")
    there.chmod(0o444)  # or DVC looks into it: it is at a remote that is a folder
    config = place.path / ".dvc" / "config"
    assert "verify = true" in config.read_text()
    config.write_text(config.read_text().replace("verify = true", f"verify = {verify}"))
    assert place.reproduce()["double"] == verify, "without it, a mutant"
    assert (place.path / "out" / "twice").read_text() == ("11" if verify else "EVIL")


def test_an_object_of_the_cache_that_is_not_what_its_name_says(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.reproduce(restore=False)
    name = hashlib.md5(b"11").hexdigest()
    kept = place.path / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
    kept.chmod(0o644)
    kept.write_text("EVIL")
    kept.chmod(0o444)
    (place.path / "dvc.lock").unlink()
    with pytest.raises(MlopsError, match=r"report\.txt: is not what it is named after.*Remove \.dvc/cache"):
        place.reproduce(restore=False)
    monkeypatch.setattr(module, "_verify", lambda _: None)
    (place.path / "dvc.lock").unlink()
    place.reproduce(restore=False)
    assert (place.path / "report.txt").read_text() == "EVIL", "a mutant"


@pytest.fixture
def locked(place: Place, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lock that says that another output belongs to these inputs; it lies at the remote."""
    monkeypatch.chdir(place.path)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT / "src"))
    place.reproduce()
    text = (place.path / "dvc.lock").read_text()
    evil = text.replace(hashlib.md5(b"11").hexdigest(), place.put(b"EVIL"))
    (place.path / "dvc.lock").write_text(evil)
    return evil


def test_a_lock_is_not_believed(place: Place, locked: str, capfd: pytest.CaptureFixture[str]) -> None:
    command.reproduce(main=True)
    assert capfd.readouterr().out.endswith("double     ran\nreport     ran\n")
    assert (place.path / "report.txt").read_text() == "11"
    assert (place.path / "dvc.lock").read_text() not in ("", locked)
    assert not (place.path / ".mlops" / "aside" / "dvc.lock").exists()


def test_a_lock_is_back_when_a_stage_fails_even_after_a_run_that_was_killed(
    place: Place, locked: str, capfd: pytest.CaptureFixture[str]
) -> None:
    aside = place.path / ".mlops" / "aside" / "dvc.lock"
    aside.parent.mkdir(parents=True)
    (place.path / "dvc.lock").rename(aside)
    stages = (place.path / "dvc.yaml").read_text().replace("cp out/twice", "echo its own words; false")
    (place.path / "dvc.yaml").write_text(stages)
    (place.path / REPORT).parent.mkdir()
    (place.path / REPORT).write_text("{}")
    with pytest.raises(MlopsError, match="did not end") as caught:
        command.reproduce(main=False)
    assert not (place.path / REPORT).exists(), "a verdict on what was there before"
    said = capfd.readouterr()
    assert caught.value.exit_code == 2 and "its own words" in said.out and "Traceback" not in said.err
    assert "dvc.lock is as it was before a run that was killed" in said.out
    assert (place.path / "dvc.lock").read_text() == locked and not aside.exists()


@pytest.mark.parametrize("code", [1, 2])
def test_the_command_says_no_where_a_stage_does(place: Place, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.chdir(place.path)
    monkeypatch.setattr(command, "run", lambda *_: code)
    with pytest.raises(MlopsError) as caught:
        command.reproduce(main=False)
    assert caught.value.exit_code == code


@pytest.mark.parametrize(("stage", "exits", "code"), [(VALIDATE, 1, 1), (VALIDATE, 2, 2), ("sh -c 'exit 1'", 1, 2)])
def test_only_a_stage_of_ours_can_refuse_the_data(
    place: Place, capfd: pytest.CaptureFixture[str], stage: str, exits: int, code: int
) -> None:
    package = place.path / "mlops" / "pipeline"
    package.mkdir(parents=True)
    for name in (package.parent / "__init__.py", package / "__init__.py"):
        name.touch()
    (package / "validate.py").write_text(f"print('ours', flush=True)\nraise SystemExit({exits})\n")
    stages = (place.path / "dvc.yaml").read_text().replace("cp out/twice report.txt && echo report >> ../ran", stage)
    (place.path / "dvc.yaml").write_text(stages)
    with pytest.raises(MlopsError) as caught:
        place.reproduce()
    assert caught.value.exit_code == code, caught.value
    assert ("ours" in capfd.readouterr().out) == ("mlops" in stage)


@pytest.mark.parametrize("kept", ["stages: {a: {}, b: {}, c: {}}\n", "stages: {a: {}}\n", "", None])
def test_a_lock_made_since_a_run_was_killed_is_kept(tmp_path: Path, kept: str | None) -> None:
    path, aside, old = tmp_path / "dvc.lock", tmp_path / "aside", "stages: {a: {}, b: {}}\n"
    aside.write_text(old)
    if kept is not None:
        path.write_text(kept)
    with pytest.raises(ZeroDivisionError), command.set_aside(path, aside):
        assert not path.exists()
        raise ZeroDivisionError
    assert path.read_text() == (kept if kept and "c:" in kept else old)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_stage_goes_on_when_a_run_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    os.mkfifo(tmp_path / "pipe")
    end: list[str] = []

    def stop() -> None:
        with (tmp_path / "pipe").open() as pipe:  # opens as soon as the stage writes
            # Python hears it there: a signal to the process may go to this thread, and the other one waits on.
            signal.pthread_kill(threading.main_thread().ident, number)  # type: ignore[arg-type]
            end.append(pipe.read())  # ends as soon as no stage is there

    thread = threading.Thread(target=stop)
    # Who starts the tests in the background may ignore it.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        thread.start()
        with pytest.raises(SystemExit) as caught:
            command.run(["sh", "-c", "sh -c 'tail -f /dev/null; true' > pipe; true"], tmp_path)
        thread.join()
        assert caught.value.code == 128 + number and end == [""]
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
