"""`mlops retrain`: when it proposes, what, and with which words; training and judging are told here, not done."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from unit.delivery.forge_server import Forge, serving
from unit.delivery.project import CONFIG
from unit.delivery.world import Clone, copied, found, hexed
from unit.gates.reporting import report

from mlops.commands import retrain as module
from mlops.commands import retrain_words as words
from mlops.commands.retrain import retrain
from mlops.commands.retrain_words import News
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import proposal as proposals
from mlops.delivery.history import held, history, order_of
from mlops.delivery.proposal import BRANCH, Proposal

PYPROJECT = '[project]\nname = "p"\n[tool.mlops]\npackage = "p"\nfeatures = "p.f"\nmodel = "p.m"\n'
FILES = {
    "pyproject.toml": PYPROJECT,
    ".dvc/config": CONFIG,
    ".gitignore": "/.mlops/\n/reports/\n/.dvc/config.local\n",
    "dvc.lock": "old\n",
}
POINTER = "data/raw/0002-b.csv.dvc"
BATCHES = [{"name": "0001-a.csv", "sha256": "", "rows": 10}, {"name": "0002-b.csv", "sha256": "", "rows": 1200}]
REPORT = report(batches=BATCHES)
NEWS = News("drift", "a" * 40, "sha256:1", ["0002-b.csv"], None, None)


@dataclass
class Trained:
    """A project whose pipeline is told what comes out: files by path, the identity, and each command's exit code."""

    clone: Clone
    files: dict[str, str] = field(
        default_factory=lambda: {POINTER: "outs:\n- md5: 2\n  path: 0002-b.csv\n", "dvc.lock": "new\n"}
    )
    identity: str = f"sha256:{hexed('2')}"
    codes: dict[str, int] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def run(self, command: list[str], root: Path) -> int:
        self.ran.append(command[3])
        out = self.files if command[3] == "reproduce" else {}
        if command[3] == "gate":
            out = {"reports/gate.json": json.dumps(REPORT), "reports/metrics.json": "{}"}
        Clone(root).write(out)
        return self.codes.get(command[3], 0)

    def tip(self) -> str | None:
        return self.clone.trunk.branch_tip(BRANCH)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    clone = found(folder).clone("ada")
    clone.commit("Project", FILES)
    clone.push()
    clone.ship("1")
    return folder


@pytest.fixture
def trained(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    clone = copied(template, tmp_path)
    made = Trained(clone)

    class NoDvc:
        def __init__(self, root: Path) -> None:
            assert root != clone.path

        def run(self, *args: str) -> None:
            made.ran.append(args[0])

        def push(self) -> None:
            made.ran.append("push")

    monkeypatch.setattr(module, "run", made.run)
    monkeypatch.setattr(module, "Dvc", NoDvc)
    monkeypatch.setattr(module, "identity", lambda _: made.identity)
    monkeypatch.chdir(clone.path)
    return made


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as there:
        for name, value in there.environ.items():
            monkeypatch.setenv(name, value)
        yield there


def test_a_better_model_becomes_one_commit_and_one_pull_request(trained: Trained, forge: Forge) -> None:
    (trained.clone.path / "README.md").write_text("A person is at work here.\n")
    retrain("drift", dry_run=False)
    assert trained.ran == ["pull", "reproduce", "gate", "push"], "data are there before the branch is"
    clone, tip = trained.clone, trained.tip()
    assert tip and clone.sh("rev-parse", f"{tip}^") == clone.trunk.tip()
    assert clone.sh("diff", "--name-only", f"{tip}^", tip).splitlines() == [POINTER, "dvc.lock"]
    (pull,) = forge.pulls
    assert (pull["title"], pull["head"]["ref"], pull["base"]["ref"]) == ("Retrain: 0002-b", BRANCH, "main")
    assert clone.sh("status", "--porcelain") == "M README.md" and not list((clone.path / ".mlops").glob("work-*"))


def test_the_same_again_is_left_alone_whatever_was_released_meanwhile(trained: Trained, forge: Forge) -> None:
    retrain("drift", dry_run=False)
    tip, asked = trained.tip(), len(forge.asked)
    trained.clone.pull()
    trained.clone.commit("Scale", {"deploy/envs/staging/values.yaml": "replicas: 3\n"})
    trained.clone.push()
    trained.ran.clear()
    retrain("a schedule", dry_run=False)
    assert trained.tip() == tip and len(forge.asked) == asked and "push" not in trained.ran


def test_other_data_or_a_newer_main_replace_it_in_the_same_pull_request(trained: Trained, forge: Forge) -> None:
    retrain("drift", dry_run=False)
    before = trained.tip()
    trained.files[POINTER.replace("2-b", "3-c")] = "outs:\n- md5: 3\n  path: 0003-c.csv\n"
    retrain("drift", dry_run=False)
    second = trained.tip()
    trained.clone.source("newer")
    retrain("drift", dry_run=False)
    assert len({before, second, trained.tip()}) == 3
    (pull,) = forge.pulls
    assert pull["title"] == "Retrain: 0003-c"


def test_mutant_without_the_look_at_main_a_proposal_on_old_code_stays(
    trained: Trained, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrain("drift", dry_run=False)
    before = trained.tip()
    trained.clone.source("newer")
    monkeypatch.setattr(proposals, "same", lambda *_: True)
    retrain("drift", dry_run=False)
    assert trained.tip() == before


@pytest.mark.parametrize(
    ("command", "code", "error"), [("gate", 1, Refused), ("gate", 2, MlopsError), ("reproduce", 2, MlopsError)]
)
def test_where_the_gate_says_no_or_cannot_say_nothing_leaves(
    trained: Trained, forge: Forge, command: str, code: int, error: type[MlopsError]
) -> None:
    trained.codes = {command: code}
    with pytest.raises(error, match="Nothing is proposed") as caught:
        retrain("drift", dry_run=False)
    assert caught.value.exit_code == code
    assert trained.tip() is None and not forge.pulls and "push" not in trained.ran
    assert (trained.clone.path / ".mlops" / "retrain" / "gate.json").is_file() == (command == "gate")


def test_mutant_a_gate_that_is_not_heard_proposes(
    trained: Trained, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained.codes = {"gate": 1}
    monkeypatch.setattr(module, "_run", lambda root, *command: trained.run(["", "", "", *command], root) and None)
    retrain("drift", dry_run=False)
    assert forge.pulls


def test_a_dry_run_needs_no_forge_and_leaves_nothing(trained: Trained) -> None:
    retrain("drift", dry_run=True)
    assert "gate" in trained.ran and "push" not in trained.ran and trained.tip() is None
    trained.codes = {"gate": 1}
    with pytest.raises(Refused):
        retrain("drift", dry_run=True)


def test_a_run_that_is_told_to_end_leaves_no_clone(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "run", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="143"):
        retrain("drift", dry_run=True)
    assert not list((trained.clone.path / ".mlops").glob("work-*")) and signal.getsignal(signal.SIGTERM) is before


def test_without_a_token_nothing_is_trained(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MlopsError, match="token"):
        retrain("drift", dry_run=False)
    assert not trained.ran


def stands_already(trained: Trained) -> None:
    """The pipeline gives what staging has."""
    record = trained.clone.standing()
    assert record
    trained.identity = record.identity


def was_taken_back(trained: Trained) -> None:
    """The pipeline gives what somebody rolled back."""
    second = trained.clone.ship("2").record
    assert second
    trained.identity = second.identity
    trained.clone.rollback()


def is_on_main(trained: Trained) -> None:
    """The pipeline changes no file."""
    trained.files = {}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (stands_already, "nothing   is new: staging has this very model, as 20130501-1"),
        (was_taken_back, "nothing   is proposed: this is 20130501-2 again, which mlops"),
        (is_on_main, "nothing   to propose: main has all of this already"),
    ],
)
def test_what_is_not_new_is_not_proposed(
    trained: Trained, forge: Forge, capsys: pytest.CaptureFixture[str], case: Callable[[Trained], None], said: str
) -> None:
    case(trained)
    retrain("drift", dry_run=False)
    assert said in capsys.readouterr().out
    assert trained.tip() is None and not forge.asked


def test_a_pull_request_that_could_not_be_opened_is_proposed_again(trained: Trained, forge: Forge) -> None:
    forge.fail = (403, "Resource not accessible by integration")
    with pytest.raises(MlopsError, match="403"):
        retrain("drift", dry_run=False)
    assert trained.tip() is None, "the branch would pass for a proposal that was made"
    forge.fail = None
    retrain("drift", dry_run=False)
    first = trained.tip()
    assert first and len(forge.pulls) == 1
    trained.files["dvc.lock"] = "newer\n"
    forge.fail = (403, "Resource not accessible by integration")
    with pytest.raises(MlopsError, match="403"):
        retrain("drift", dry_run=False)
    assert trained.tip() == first


def test_a_branch_that_moves_at_the_same_time_is_left_to_the_other(trained: Trained) -> None:
    trunk, tip = trained.clone.trunk, trained.clone.trunk.tip()

    class Slow(type(trunk)):  # type: ignore[misc]
        def branch_tip(self, name: str) -> None:
            trunk.put_branch(name, tip, None)

    other = Slow(trunk.git, trunk.branch, trunk.remote)
    with pytest.raises(MlopsError, match="at the same time"):
        proposals.propose(other, None, Proposal(tip, {}, "Retrain: x\n", ""))  # type: ignore[arg-type]
    assert trained.tip() == tip


HOSTILE = (
    "@everyone </details>\n\n# YES\n/merge\n> out ![x](http://e.example/x) <!-- fixes #1 GH-12 [skip ci] `@all` $(id)"
)


def test_a_hostile_cause_is_one_quoted_line_without_effect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(tmp_path)
    first, rest = words.body(replace(NEWS, cause=HOSTILE), tmp_path).split("\n", 1)
    assert first.startswith("> ") and "merge" in first and "everyone" not in rest
    assert acts(HOSTILE) and not acts(first)
    monkeypatch.setattr(words, "prose", str)
    assert acts(words.body(replace(NEWS, cause=HOSTILE), tmp_path)), "mutant: as it came"


def told(root: Path) -> None:
    """The gate has run."""
    Clone(root).write({"reports/gate.json": json.dumps(REPORT)})


def acts(text: str) -> list[str]:
    """What a forge would take for a mention, a reference, HTML, an image or a command."""
    return re.findall(r"@\w+|</?details|(?<!&)#\d|!\[|<!--|GH-\d|^/merge|^# ", text, re.M)


@pytest.mark.parametrize(
    ("cause", "added", "title"),
    [
        (HOSTILE, [], "everyone details YES merge out x http e example x fixes 1 GH"),
        ("x" * 99, [], f"Retrain: {'x' * 59}…"),
        ("[skip ci]\nskip-checks: true", [], "Retrain: skip ci skip-checks true"),
        ("  \n", [], "Retrain: no cause given"),
        ("a person", ["0001-a.csv", "0002-2013-04.parquet"], "Retrain: 0002-2013-04"),
        ("", ["0002-fixes #3 @me.csv"], "Retrain: 0002-fixes 3 me"),
        ("", ["0002-GH-12.csv"], "Retrain: 0002-GH 12"),
    ],
)
def test_title_and_message_hold_nothing_that_a_forge_acts_on(cause: str, added: list[str], title: str) -> None:
    news = News(cause, "a" * 40, "sha256:1", added, None, None)
    assert title[:50] in words.title(news) and words.title(news).startswith("Retrain: ")
    message = words.message(news)
    assert message.split("\n\n")[0] == words.title(news)
    assert not re.search(r"[@#\[\]]|GH-\d", message)


def test_the_text_fits_and_says_what_is_new(tmp_path: Path) -> None:
    told(tmp_path)
    text = words.body(NEWS, tmp_path)
    assert "- `0002-b.csv`: 1,200 rows" in text and "0001-a.csv" not in text and "mlops-gate" not in text
    many = News("@" * 5000, "a" * 40, "sha256:1", [f"{n:04d}-{'#' * 80}.csv" for n in range(500)], None, None)
    assert len(words.body(many, tmp_path)) <= words.markdown.LIMIT


def test_a_held_environment_is_named(trained: Trained) -> None:
    clone = trained.clone
    clone.ship("2")
    clone.rollback()
    standings = history(clone.git, "staging", clone.trunk.tip())
    hold = held(standings, order_of(clone.git, clone.trunk.tip(), standings))
    assert "`20130501-2` was taken back by mlops" in words._held(hold) and words._held(None) == ""
