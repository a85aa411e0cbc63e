"""A release that never stood, by pull request: its image and its files are what they say, or it stays red by name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.delivery import project as whole
from unit.delivery.registry_server import FakeRegistry, serving
from unit.delivery.world import NOON, STAGING, Clone, copied, found, hexed, no_sleep

from mlops.commands import release as commands
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import check_new as module
from mlops.delivery import registry_client
from mlops.delivery.builder import LocalBuilder
from mlops.delivery.candidate import Candidate
from mlops.delivery.check import check
from mlops.delivery.check_new import Rules
from mlops.delivery.commit import write
from mlops.delivery.git import Git
from mlops.delivery.image import ImageRef, listing
from mlops.delivery.publish import Draft, Outcome
from mlops.delivery.records import parse, render
from mlops.delivery.release import release
from mlops.delivery.stock import Folder, Registry, Stock
from mlops.delivery.trunk import Trunk

RECORD = f"{STAGING}/release.yaml"
METRICS = f"{STAGING}/metrics.json"


@pytest.fixture(scope="module")
def served() -> Iterator[FakeRegistry]:
    with serving() as server:
        yield server


@pytest.fixture
def fake(served: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> FakeRegistry:
    monkeypatch.setattr(registry_client, "PAUSE", 0)
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    served.failing, served.tags = 0, {}
    return served


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, served: FakeRegistry) -> Path:
    """A release in staging; on main a newer source, part of which came by a merge; its release on a branch."""
    folder = tmp_path_factory.mktemp("template")
    clone = found(folder).clone("ada")
    clone.ship("1")
    clone.pull()
    clone.sh("checkout", "--quiet", "-b", "feature")
    clone.commit("Version 2", {"src/app.py": "2\n"})
    clone.sh("checkout", "--quiet", "main")
    clone.sh("merge", "--quiet", "--no-ff", "--no-edit", "feature")
    clone.push()
    propose(clone, Registry(f"{served.host}/team/model"), push(served))
    return folder


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Clone:
    return copied(template, tmp_path)


def candidate(clone: Clone, commit: str) -> Candidate:
    made = clone.candidate(commit, "2")
    metrics = {"metric": "roc_auc", "metrics": made.metrics, "gain": {"over": "20130501-1"}}
    return replace(made, files={**made.files, "metrics.json": write(clone.git, json.dumps(metrics).encode())})


def labels(**other: str) -> dict[str, str]:
    own = {"identity": f"sha256:{hexed('2')}", "model": hexed("model 2"), "contract": hexed("contract")}
    return {f"mlops.{name}": value for name, value in {**own, **other}.items()}


def push(fake: FakeRegistry, **other: str) -> str:
    return fake.put("team/model", hexed("2"), labels(**other), b"layer")


def propose(clone: Clone, stock: Stock, digest: str, *, env: str = "staging", commit: str = "") -> None:
    """Make the commit that `mlops release --via pr` makes, on a branch."""

    def land(trunk: Trunk, made: Draft, sha: str, base: str) -> Outcome:
        clone.sh("checkout", "--quiet", "-B", "branch", sha)
        return Outcome("asked", "", made.record, sha)

    image = ImageRef(f"sha256:{hexed('2')}", stock.repository, digest)
    made = candidate(clone, commit or clone.trunk.tip())
    release(clone.trunk, env, made, image, now=NOON, sleep=no_sleep, land=land)


class Proposed:
    """A new release on a branch, its image at a registry."""

    def __init__(self, clone: Clone, fake: FakeRegistry) -> None:
        self.clone, self.fake = clone, fake
        self.stock = Registry(f"{fake.host}/team/model")
        self.digest = push(fake)

    def no(self) -> str:
        rules = Rules(stock=self.stock)
        return " ".join(f.no for f in check(self.clone.git, self.clone.trunk.known(), rules=rules))

    def amend(self, files: dict[str, str | bytes | None]) -> None:
        self.clone.write(files)
        self.clone.sh("add", "--all")
        self.clone.sh("commit", "--quiet", "--amend", "--no-edit")

    def edit(self, **update: Any) -> None:
        record = parse((self.clone.path / RECORD).read_text())
        self.amend({RECORD: render(record.model_copy(update=update))})


@pytest.fixture
def new(project: Clone, fake: FakeRegistry) -> Proposed:
    return Proposed(project, fake)


def test_a_release_by_pull_request_passes_and_says_what_it_cannot_tell(new: Proposed) -> None:
    (finding,) = check(new.clone.git, new.clone.trunk.known(), rules=Rules(stock=new.stock))
    assert not finding.no
    assert "new release 20130501-2" in finding.words and "verdict of main's own gate" in finding.words
    assert "its record 20130501-2 never stood" in check(new.clone.git, new.clone.trunk.known())[0].no


def test_it_passes_still_when_main_has_moved_on(new: Proposed) -> None:
    new.clone.sh("checkout", "--quiet", "main")
    new.clone.source("3")
    new.clone.sh("checkout", "--quiet", "branch")
    assert not new.no()


def elsewhere(new: Proposed) -> None:
    propose(new.clone, new.stock, new.digest, env="production")


def without_lock(new: Proposed) -> None:
    new.amend({f"{STAGING}/dvc.lock": None})


def with_a_note(new: Proposed) -> None:
    new.amend({f"{STAGING}/note.md": "Hello.\n"})


def executable(new: Proposed) -> None:
    (new.clone.path / f"{STAGING}/dvc.lock").chmod(0o755)
    new.amend({})


def other_wording(new: Proposed) -> None:
    new.amend({RECORD: "# Mine.\n" + (new.clone.path / RECORD).read_text()})


def commit_of_the_merged_branch(new: Proposed) -> None:
    new.edit(commit=new.clone.sh("rev-parse", "feature"))


def commit_of_a_release(new: Proposed) -> None:
    new.edit(commit=new.clone.sh("rev-parse", "main^"))


def again(new: Proposed) -> None:
    """Propose the very same files on top of where main is, under a free id."""
    new.clone.pull()
    new.clone.sh("tag", "proposed", "branch")
    new.clone.sh("checkout", "--quiet", "-B", "branch", "main")
    new.clone.sh("rm", "-r", "--quiet", STAGING)
    new.clone.sh("checkout", "proposed", "--", STAGING)
    new.clone.commit("The same", {})
    new.edit(id="20130501-9")


def overtaken(new: Proposed) -> None:
    new.clone.sh("checkout", "--quiet", "main")
    new.clone.release(new.clone.source("3"), "3")
    again(new)


def held(new: Proposed) -> None:
    new.clone.sh("checkout", "--quiet", "main")
    new.clone.release(new.clone.sh("rev-parse", "main"), "not as good")
    new.clone.rollback()
    again(new)


def id_given(new: Proposed) -> None:
    new.edit(id="20130501-1")


def chart_edited(new: Proposed) -> None:
    new.amend({f"{STAGING}/chart/Chart.yaml": "name: mine\n"})


def chart_lacks(new: Proposed) -> None:
    new.amend({f"{STAGING}/chart/templates/app.yaml": None})


def metrics_edited(new: Proposed) -> None:
    new.amend({METRICS: (new.clone.path / METRICS).read_text().replace("0.7", "0.9")})


def record_boasts(new: Proposed) -> None:
    new.edit(metrics={"roc_auc": 0.99})


def no_metrics(new: Proposed) -> None:
    new.amend({METRICS: "{}\n"})


def other_repository(new: Proposed) -> None:
    image = parse((new.clone.path / RECORD).read_text()).image
    new.edit(image=image.model_copy(update={"repository": "registry.example.com/evil/model"}))


def digest_by_hand(new: Proposed) -> None:
    image = parse((new.clone.path / RECORD).read_text()).image
    new.edit(image=image.model_copy(update={"digest": f"sha256:{'0' * 64}"}))


def never_pushed(new: Proposed) -> None:
    del new.fake.tags["team/model"][hexed("2")]


def labelled(**other: str) -> Callable[[Proposed], None]:
    def change(new: Proposed) -> None:
        image = parse((new.clone.path / RECORD).read_text()).image
        new.edit(image=image.model_copy(update={"digest": push(new.fake, **other)}))

    change.__name__ = f"label_{next(iter(other))}"
    return change


CASES: list[tuple[str, Callable[[Proposed], None], str]] = [
    ("_first", elsewhere, r"production/release\.yaml: 20130501-2 never stood, and new releases go to staging alone"),
    ("_whole", without_lock, r"staging/dvc\.lock: is missing"),
    ("_whole", with_a_note, r"staging/note\.md: no release has such a file"),
    ("_written", executable, r"dvc\.lock: is no ordinary file \(mode 100755\)"),
    ("_written", other_wording, r"is not as `mlops release` writes it"),
    ("_on_main", commit_of_the_merged_branch, r"its commit \w{10} is not on the main branch's own line"),
    ("_source", commit_of_a_release, r"its commit \w{10} changes no source; \w{10} does"),
    ("_due", overtaken, r"staging has had 20130501-2 of the newer commit"),
    ("_due", held, r"staging is held: .*With `--force` it goes by a push alone"),
    ("_unused", id_given, r"another release has the id 20130501-1 by now"),
    ("_chart", chart_edited, r"chart/Chart\.yaml: is not deploy/chart/Chart\.yaml of \w{10}"),
    ("_chart", chart_lacks, r"chart/templates/app\.yaml: is not deploy/chart"),
    ("_metrics", metrics_edited, r"metrics\.json: its metrics are not those of release\.yaml"),
    ("_metrics", record_boasts, r"metrics\.json: its metrics are not those of release\.yaml"),
    ("_metrics", no_metrics, r"metrics\.json: no map under"),
    ("_repository", other_repository, r"its image is of 'registry\.example\.com/evil/model'; \[tool\.mlops\] names"),
    ("_image", digest_by_hand, r"its digest is sha256:0{64}, and the image of its identity is sha256:\w{64}"),
    ("_image", never_pushed, r"has no image of its identity"),
    ("_labels", labelled(identity="sha256:other"), r"its image has mlops\.identity='sha256:other'"),
    ("_labels", labelled(model="other"), r"its image has mlops\.model='other', and the record says"),
    ("_labels", labelled(contract="other"), r"its image has mlops\.contract='other'"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "change", "why"), CASES, ids=[row[1].__name__ for row in CASES])
def test_what_is_not_so_is_named_and_each_condition_is_needed(
    new: Proposed, part: str, change: Callable[[Proposed], None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(new)
    said = new.no()
    assert re.search(why, said), said
    mutant = tuple(tuple(one for one in step if one.__name__ != part) for step in module.STEPS)
    monkeypatch.setattr(module, "STEPS", mutant)
    assert not new.no()


def test_every_condition_has_a_case() -> None:
    assert {row[0] for row in CASES} == {one.__name__ for step in module.STEPS for one in step}


def test_a_commit_that_is_not_on_main_at_all(new: Proposed) -> None:
    new.edit(commit=hexed("nowhere")[:40])
    assert "is not on the main branch's own line" in new.no()


def test_an_edit_of_what_stands_is_told_as_such_even_where_the_image_exists(new: Proposed) -> None:
    new.clone.sh("checkout", "--quiet", "-B", "branch", "main")
    new.edit(image=parse((new.clone.path / RECORD).read_text()).image.model_copy(update={"digest": new.digest}))
    assert "its record 20130501-1 was edited: image" in new.no()


def test_mutant_that_takes_every_edit_for_a_new_release_still_asks_for_an_unused_id(
    new: Proposed, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module.given
    monkeypatch.setattr(module, "given", lambda git, base: [])
    new.edit(id="20130501-1")
    assert not new.no()
    monkeypatch.setattr(module, "given", real)
    assert new.no()


def test_a_registry_that_does_not_answer_is_no_answer(new: Proposed) -> None:
    new.fake.failing = 99
    with pytest.raises(MlopsError, match="answers 503") as caught:
        new.no()
    assert caught.value.exit_code == 2
    digest_by_hand(new)
    metrics_edited(new)
    assert "metrics.json" in new.no(), "what Git can tell needs no registry"


def test_a_registry_that_hides_the_repository_is_no_answer(new: Proposed) -> None:
    del new.fake.tags["team/model"]
    with pytest.raises(MlopsError, match=r"knows no repository .*docker login") as caught:
        new.no()
    assert caught.value.exit_code == 2


def test_the_local_target_counts_the_files_of_the_image(
    project: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, contract = tmp_path / "laid/bundle/model.onnx", tmp_path / "laid/bundle/contract.yaml"
    model.parent.mkdir(parents=True)
    model.write_text("model 2")
    contract.write_text("contract")
    project.write({".dvc/config": whole.CONFIG})
    stock = Folder(whole.settings(project))
    builder = LocalBuilder(tmp_path, stock.repository)
    digest = builder.build(f"sha256:{hexed('2')}", listing(tmp_path / "laid"))

    def no() -> str:
        return " ".join(f.no for f in check(Git(project.path), project.trunk.known(), rules=Rules(stock=stock)))

    for url, why in (("../../far/remote", "is not there. Is it mounted"), ("s3://b", "for this clone alone")):
        project.write({".dvc/config": whole.CONFIG.replace("../../remote", url)})
        with pytest.raises(MlopsError, match=why):
            stock.tagged("x")
    project.write({".dvc/config": whole.CONFIG})
    propose(project, stock, digest)
    assert not no()
    monkeypatch.setattr(commands, "find", lambda: stock.settings)
    commands.check(None)
    assert "staging: gets the new release 20130501-2" in capsys.readouterr().out
    with pytest.raises(Refused, match="new releases go to production alone"):
        commands.check(None, first="production")
    image = builder.path(digest)
    (image / "bundle/model.onnx").write_text("another model")
    assert "the image of its identity is sha256:" in no()
    shutil.rmtree(image)
    assert "has no image of its identity" in no()
