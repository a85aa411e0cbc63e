"""Back to a release whose image is gone: refused by name; where nobody can tell, the rollback goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from unit.delivery import project as whole
from unit.delivery.registry_server import FakeRegistry
from unit.delivery.test_image_registry import fake as fake
from unit.delivery.test_words import Judged
from unit.delivery.test_words import project as project
from unit.delivery.world import NOON, Clone, hexed, image, no_sleep

from mlops.commands import release as commands
from mlops.commands import rollback as back
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import presence as module
from mlops.delivery import rollback
from mlops.delivery.image import ImageRef
from mlops.delivery.presence import Presence
from mlops.delivery.publish import Draft, Land, Outcome
from mlops.delivery.records import Image
from mlops.delivery.release import release
from mlops.delivery.stock import Folder, Registry
from mlops.delivery.trunk import Trunk


class Shipped:
    """Three releases, their images at a registry."""

    def __init__(self, clone: Clone, fake: FakeRegistry) -> None:
        self.clone, self.fake = clone, fake
        self.stock = Registry(f"{fake.host}/team/model")
        for name in "123":
            clone.pull()
            ref = ImageRef(
                f"sha256:{hexed(name)}", self.stock.repository, fake.put("team/model", hexed(name), {}, name.encode())
            )
            release(clone.trunk, "staging", clone.candidate(clone.source(name), name), ref, now=NOON, sleep=no_sleep)

    def remove(self, name: str) -> None:
        self.fake.contents.pop(self.fake.tags["team/model"].pop(hexed(name)))

    def back(self, to: str | None = None) -> Outcome:
        return rollback.rollback(self.clone.trunk, "staging", to, sleep=no_sleep, presence=Presence(self.stock))


@pytest.fixture
def shipped(clone: Clone, fake: FakeRegistry) -> Shipped:
    return Shipped(clone, fake)


def test_an_image_that_is_there_is_gone_back_to(shipped: Shipped) -> None:
    outcome = shipped.back()
    assert outcome.kind == "done" and "Nobody" not in outcome.words
    assert shipped.clone.standing() == outcome.record


def test_an_image_that_is_gone_is_refused_and_what_is_left_named(shipped: Shipped) -> None:
    before = shipped.clone.trunk.tip()
    shipped.remove("2")
    with pytest.raises(Refused, match=r"image of 20130501-2 is gone.*`mlops gc`.*Still there: 20130501-1;") as caught:
        shipped.back()
    assert caught.value.exit_code == 1 and shipped.clone.trunk.tip() == before
    assert shipped.back("20130501-1").kind == "done"
    shipped.remove("3")
    with pytest.raises(
        Refused, match=r"20130501-3 is gone.*None of the others is known to be there.*mlops image build"
    ):
        shipped.remove("1")
        shipped.back("20130501-3")


@pytest.mark.parametrize("trouble", ["failing", "hidden", "denied"])
def test_where_nobody_can_tell_the_rollback_goes_on_with_a_note(shipped: Shipped, trouble: str) -> None:
    if trouble == "failing":
        shipped.fake.failing = 99
    elif trouble == "denied":
        shipped.fake.auth = "basic"
    else:
        shipped.fake.tags.clear()
    shipped.fake.asked.clear()
    outcome = shipped.back()
    assert outcome.kind == "done" and "Nobody could say whether its image is still there: " in outcome.words
    assert len(shipped.fake.asked) <= 4, "asked once: a rollback is in a hurry"


def test_mutants_that_take_either_answer_for_the_other(shipped: Shipped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops.delivery.stock._require_known", lambda _: None)
    shipped.fake.tags.clear()
    with pytest.raises(Refused, match="is gone"):
        shipped.back()
    monkeypatch.setattr(module.Presence, "require", lambda *_: "")
    assert shipped.back().kind == "done"


def test_a_release_looks_again_before_every_commit(shipped: Shipped) -> None:
    clone, stock = shipped.clone, shipped.stock
    clone.pull()
    made, before = clone.candidate(clone.source("1"), "1"), clone.trunk.tip()
    ref = ImageRef(f"sha256:{hexed('1')}", stock.repository, shipped.fake.tags["team/model"][hexed("1")])
    tries = []

    def late(trunk: Trunk, draft: Draft, commit: str, base: str) -> Outcome | None:
        tries.append(commit)
        shipped.remove("1")
        return None

    def bring(land: Land | None, there: Callable[[Image], bool] | None) -> Outcome:
        return release(clone.trunk, "staging", made, ref, now=NOON, sleep=no_sleep, land=land, there=there)

    with pytest.raises(MlopsError, match=r"team/model has no sha256:\w{12}… any more.*Run again") as caught:
        bring(late, stock.has)
    assert caught.value.exit_code == 2 and len(tries) == 1, "found at the first try, gone at the second"
    assert clone.trunk.tip() == before
    shipped.fake.failing = 99
    with pytest.raises(MlopsError, match="answers 503"):
        bring(None, stock.has)
    assert clone.trunk.tip() == before
    assert bring(None, None).kind == "done", "the mutant that asks nobody releases what no node can pull"


def test_the_command_that_releases_asks_again(project: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write({".dvc/config": whole.CONFIG})
    made, before = project.candidate(project.source("3"), "3"), project.trunk.tip()
    for part, given in {
        "Dvc": lambda _: SimpleNamespace(require_reproduced=lambda: None, push=lambda: None),
        "identity": lambda _: image("3").identity,
        "_judge": lambda *_: {"champion": {"id": "20130501-2"}},
    }.items():
        monkeypatch.setattr(commands, part, given)
    monkeypatch.setattr(commands.cards, "require", lambda _: b"")
    monkeypatch.setattr(commands.anchor, "gain", lambda _: None)
    monkeypatch.setattr(commands.candidate, "gather", lambda *_, **__: made)
    monkeypatch.setattr(commands.candidate, "with_gain", lambda *_: made)
    monkeypatch.setattr(commands.builder, "find_or_build", lambda *_, **__: (image("3"), False))
    place = project.path.parent / "images" / image("3").digest.removeprefix("sha256:")
    place.parent.mkdir()
    with pytest.raises(MlopsError, match=r"local/project has no .* any more"):
        commands.release("staging", force=False, via="push")
    assert project.trunk.tip() == before
    place.mkdir()
    commands.release("staging", force=False, via="push")
    assert project.trunk.tip() != before


def test_through_the_commands_with_images_of_this_machine(
    project: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write({".dvc/config": whole.CONFIG})
    record = project.standing()
    assert record
    with pytest.raises(Refused, match=r"image of 20130501-1 is gone: local/project has no"):
        back.rollback("staging", None, via="push")
    gate = Judged(project, monkeypatch, passed=True)
    with pytest.raises(Refused, match=r"image of 20130501-2 is gone"):
        commands.promote("staging", "production", force=True, wait=False, via="push")
    assert not gate.asked, "before anybody judges"
    stock = Folder(whole.settings(project))
    for content in "12":
        (tmp_path / "images" / image(content).digest.removeprefix("sha256:")).mkdir(parents=True)
    assert stock.has(record.image)
    commands.promote("staging", "production", force=True, wait=False, via="push")
    back.rollback("staging", None, via="push")
    assert "staging goes back to 20130501-1. Commit" in capsys.readouterr().out
