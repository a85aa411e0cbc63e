"""`mlops retrain`: when it proposes, what, and with which words; training and judging are told here, not done."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from unit.delivery import forge_server, gitlab_server
from unit.delivery.forge_server import Forge, serving
from unit.delivery.project import CONFIG
from unit.delivery.world import Clone, copied, found, hexed
from unit.gates.reporting import report

from mlops.commands import retrain as module
from mlops.commands import retrain_look
from mlops.commands import retrain_words as words
from mlops.commands.retrain import retrain
from mlops.commands.retrain_decide import Age, Decision, Drift, Evidence, answers, decide
from mlops.commands.retrain_look import Look, newest_of
from mlops.commands.retrain_words import News
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import proposal as proposals
from mlops.delivery.history import held, history, order_of
from mlops.delivery.proposal import BRANCH, Proposal
from mlops.monitoring.judge import Finding
from mlops.serving.receiver_act import Actor
from mlops.serving.receiver_alerts import Wish
from mlops.serving.receiver_cause import note
from mlops.serving.receiver_forge import Place
from mlops.serving.receiver_github import GitHub
from mlops.serving.receiver_gitlab import GitLab

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
TODAY = date(2013, 5, 20)
AGE = Age(date(2013, 5, 1), timedelta(days=45))
NEWS = News("drift", "a" * 40, "sha256:1", ["0002-b.csv"], None, None)


def seen(*answers: str, drift: Drift | None = None, age: Age | None = AGE, today: date = TODAY) -> Evidence:
    return Evidence(answers, drift or Drift("0002-b.csv"), age, today)


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
    evidence: Evidence = field(default_factory=lambda: seen("better"))

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
    monkeypatch.setattr(module, "evidence_of", lambda *_: made.evidence)
    monkeypatch.setattr(module, "age_of", lambda *_: AGE)
    monkeypatch.setattr(module, "today", lambda: made.evidence.today)
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
    tip = trained.tip()
    trained.clone.pull()
    trained.clone.commit("Scale", {"deploy/envs/staging/values.yaml": "replicas: 3\n"})
    trained.clone.push()
    trained.ran.clear()
    retrain("a schedule", dry_run=False)
    assert trained.tip() == tip and len(forge.pulls) == 1 and "push" not in trained.ran
    assert note_on(trained, forge).startswith("a schedule | 2013-05-20")


def note_on(trained: Trained, forge: Forge) -> str:
    """Give what was said on main's tip."""
    (status,) = forge.statuses[trained.clone.trunk.tip()]
    assert (status["context"], status["state"]) == ("mlops/retrain", "success")
    return str(status["description"])


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
    assert trained.tip() is None and not forge.pulls and said[10:20] in note_on(trained, forge)


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


def finding(column: str = "distance", effect: float = 0.4, **more: str) -> Finding:
    where = {"kind": "input", "slice": "", "rule": "distribution", **more}
    return Finding(
        column=column, rows=1200, reference=900, evidence=80.0, critical=30.0, effect=effect, least=0.01, **where
    )  # type: ignore[arg-type]


SHOWN = Drift("0002-b.csv", (finding(),))
OLD = {"today": date(2013, 6, 16)}
TABLE = {
    "no champion": (Evidence((), None, None, TODAY), True, "no release yet"),
    "better": (seen("better"), True, "better"),
    "better by both bars": (seen("better", "better"), True, "better"),
    "better by one bar of two": (seen("better", "not worse"), False, "not better"),
    "not worse alone": (seen("not worse"), False, "no drift is shown, and the champion is 19 of 45 days old"),
    "cannot tell alone": (seen("cannot tell"), False, "not better"),
    "not worse, with drift": (seen("not worse", drift=SHOWN), True, "0002-b.csv drifted"),
    "cannot tell, with drift": (seen("cannot tell", drift=SHOWN), True, "drifted"),
    "not worse, with age": (seen("not worse", **OLD), True, "46 days old"),
    "on the last day": (seen("not worse", today=date(2013, 6, 15)), False, "45 of 45 days"),
    "better, with drift and age": (seen("better", drift=SHOWN, **OLD), True, "better than the champion and 0002-b.csv"),
    "worse, with drift and age": (seen("worse", drift=SHOWN, **OLD), False, "worse"),
    "worse by one bar": (seen("better", "worse", drift=SHOWN), False, "worse"),
    "not compared": (seen(), False, "not better"),
    "not compared, with drift": (seen(drift=SHOWN), True, "drifted"),
    "an older release": (seen("not worse", drift=Drift("b", unknown="no profile")), False, "not known: no profile"),
    "an older release, too old": (seen("not worse", drift=Drift("b", unknown="no profile"), **OLD), True, "46 days"),
}


@pytest.mark.parametrize("case", TABLE)
def test_what_is_proposed(case: str) -> None:
    evidence, propose, why = TABLE[case]
    decision = decide(evidence)
    assert decision.propose is propose and why in decision.why


@pytest.mark.parametrize(
    "mutant",
    [
        lambda e: Decision(True, ""),
        lambda e: Decision(False, ""),
        lambda e: decide(replace(e, answers=tuple(a for a in e.answers if a != "worse"))),
        lambda e: decide(replace(e, answers=e.answers[:1])),
        lambda e: decide(replace(e, drift=e.drift and replace(e.drift, found=()))),
        lambda e: decide(replace(e, today=TODAY)),
        lambda e: decide(replace(e, today=e.today + timedelta(days=1))),
        lambda e: decide(replace(e, answers=("better",))),
    ],
)
def test_mutants_of_the_decision_are_caught(mutant: Callable[[Evidence], Decision]) -> None:
    assert any(mutant(evidence).propose is not propose for evidence, propose, _ in TABLE.values())


def test_the_answers_are_the_gates() -> None:
    assert answers(REPORT) == ("better",)
    worse, equal = ({"comparison": {"low": low, "answer": said}} for low, said in ((-0.1, "worse"), (0, "not worse")))
    assert answers({"judgements": [worse, equal, {"comparison": None}]}) == ("worse", "not worse")


def test_what_is_not_worth_it_is_looked_at_once_until_there_are_new_data(
    trained: Trained, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    trained.clone.pull()
    trained.clone.commit("Data", {POINTER: "outs:\n- md5: 2\n  path: 0002-b.csv\n"})
    trained.clone.push()
    trained.evidence = seen("not worse")
    retrain("drift", dry_run=False)
    assert "nothing   is proposed: the gate passes, but it is not better" in capsys.readouterr().out
    assert note_on(trained, forge).startswith("drift | 2013-05-20 | 0002-b | it is not better")
    trained.ran.clear()
    retrain("drift", dry_run=False)
    assert "silenced until new data" in capsys.readouterr().out
    assert not trained.ran and not forge.pulls, "neither pulled nor trained"
    trained.evidence = seen("better")
    retrain("another cause", dry_run=False)
    assert len(forge.pulls) == 1


def test_a_dry_run_leaves_no_note_and_says_what_would_be(
    trained: Trained, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    for evidence, said in ((seen("better"), "it would be proposed"), (seen("not worse"), "it is not better")):
        trained.evidence = evidence
        retrain("drift", dry_run=True)
        assert said in capsys.readouterr().out
    assert not forge.asked and trained.tip() is None


def test_a_look_leaves_a_note_that_silences_looks_and_no_proposal(
    trained: Trained, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    retrain("drift", dry_run=True, note=True)
    assert "it would be proposed" in capsys.readouterr().out and not forge.pulls
    assert note_on(trained, forge) == (
        "drift | 2013-05-20 (look) | no batch | worth a proposal: it is better than the champion"
    )
    trained.ran.clear()
    retrain("drift", dry_run=True, note=True)
    assert "silenced until new data" in capsys.readouterr().out and not trained.ran
    retrain("drift", dry_run=False)
    assert len(forge.pulls) == 1


def test_mutant_a_look_without_its_mark_silences_the_proposal(
    trained: Trained, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrain_look, "note", lambda *told, look: note(*told))
    retrain("drift", dry_run=True, note=True)
    retrain("drift", dry_run=False)
    assert not forge.pulls


def test_a_look_is_told_and_not_noted_where_no_forge_is_known(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    retrain("drift", dry_run=True, note=True)
    said = capsys.readouterr().out
    assert "look      is not written down: No token" in said and "it would be proposed" in said


@pytest.mark.parametrize("server", [forge_server, gitlab_server])
def test_the_receiver_starts_a_look_that_was_noted_no_second_time_that_day(trained: Trained, server: Any) -> None:
    """What the one adapter of a forge writes down, the other one reads."""

    def act(wish: Wish, day: date = TODAY) -> str:
        now = datetime.combine(day, time(12), UTC)
        return Actor(reader, timedelta(hours=6), lambda: now, lambda _: None).act(wish).reason

    with server.serving() as there:
        if server is forge_server:
            place, tip, ci = Place(there.url, forge_server.REPOSITORY, "main", "retrain.yml"), "main", "github"
            reader: Any = GitHub(place, lambda: forge_server.TOKEN)
        else:
            place, tip, ci = (
                Place(f"{there.url}/api/v4", gitlab_server.PROJECT, "main", ""),
                gitlab_server.TIP,
                "gitlab",
            )
            reader = GitLab(place, lambda: gitlab_server.TOKEN, lambda: gitlab_server.TRIGGER)
        look = Look(module.connect(trained.clone.trunk, ci, there.environ), tip, "drift", dry=True)
        look.leave("0002-b", TODAY, "no")
        assert look.silenced("0002-b", AGE, TODAY) and not replace(look, dry=False).silenced("0002-b", AGE, TODAY)
        assert act(Wish("drift", look=True)) == "silenced"
        assert act(Wish("drift", look=False)) == "propose", "a look keeps nobody from proposing"
        (there.runs if server is forge_server else there.pipelines).clear()
        assert act(Wish("drift of another column", look=True)) == "look"
        (there.runs if server is forge_server else there.pipelines).clear()
        assert act(Wish("drift", look=True), TODAY + timedelta(days=1)) == "look", "data may be new by now"


@pytest.mark.parametrize(
    ("command", "why"), [("gate", "the gate refuses the model"), ("reproduce", "the pipeline refuses the data")]
)
@pytest.mark.parametrize("look", [False, True])
def test_a_refusal_is_looked_at_once(trained: Trained, forge: Forge, command: str, why: str, look: bool) -> None:
    trained.codes = {command: 1}
    with pytest.raises(Refused):
        retrain("drift", dry_run=look, note=look)
    assert note_on(trained, forge).endswith(why)
    trained.ran.clear()
    retrain("drift", dry_run=look, note=look)
    assert not trained.ran


def test_what_could_not_be_answered_is_asked_again(trained: Trained, forge: Forge) -> None:
    trained.codes = {"reproduce": 2}
    with pytest.raises(MlopsError):
        retrain("drift", dry_run=False)
    assert not forge.statuses


def test_a_forge_that_takes_no_notes_changes_no_answer(
    trained: Trained, forge: Forge, capsys: pytest.CaptureFixture[str]
) -> None:
    forge.refusing = {"/statuses": (403, "Resource not accessible by integration")}
    trained.evidence = seen("not worse")
    retrain("drift", dry_run=False)
    said = capsys.readouterr().out
    assert "look      whether there was one before is not known" in said and "look      not written down" in said
    trained.evidence = seen("better")
    retrain("drift", dry_run=False)
    assert len(forge.pulls) == 1


def test_a_champion_that_grew_too_old_is_looked_at_again(forge: Forge, trained: Trained) -> None:
    tip = trained.clone.trunk.tip()
    forge.statuses[tip] = [status("drift", TODAY, "0002-b")]
    look = Look(module.connect(trained.clone.trunk), tip, "drift")
    assert look.silenced("0002-b", AGE, TODAY) == look.silenced("0002-b", None, date(2013, 9, 1)) == "2013-05-20"
    assert look.silenced("0002-b", AGE, date(2013, 6, 16)) == look.silenced("0003-c", AGE, TODAY) == ""
    forge.statuses[tip].append(status("drift", date(2013, 6, 17), "0002-b"))
    assert look.silenced("0002-b", AGE, date(2013, 6, 18)) == "2013-06-17"


def status(cause: str, day: date, newest: str) -> dict[str, str]:
    told = {"context": "mlops/retrain", "state": "success", "description": note(cause, day, newest, "no")}
    return told | {"updated_at": "2026-01-01T10:00:00Z"}


def test_a_batch_of_feedback_is_named_by_its_content(tmp_path: Path) -> None:
    assert newest_of(tmp_path) == ""
    made = Clone(tmp_path)
    made.write({"data/raw/0001-a.csv.dvc": "outs:\n- md5: 1\n"})
    assert newest_of(tmp_path) == "0001-a"
    made.write({"data/raw/0002-feedback-20130501T000000Z.parquet.dvc": "outs:\n- md5: abcdef0123456789\n  size: 1\n"})
    assert newest_of(tmp_path) == "feedback abcdef01"


def test_the_text_tells_why_with_which_numbers_and_what_drifted(tmp_path: Path) -> None:
    told(tmp_path)
    Clone(tmp_path).write({"params.yaml": PARAMS, "docs/model-card.md": "# Card\n"})
    found = (
        finding("@everyone | x", 1.25),
        finding("y", 0.3, rule="nulls", slice="a=`b`"),
        finding("y", kind="prediction"),
    )
    news = replace(NEWS, because="it is better", evidence=seen("better", drift=Drift("0002-b.csv", found)))
    text = words.body(news, tmp_path)
    for part in ("because it is better", "window `expanding`", "`4`", "docs/model-card.md", "2013-05-01", "45 days"):
        assert part in text, text
    rows = [line for line in text.splitlines() if line.startswith("|") and "1,200" in line]
    assert len(rows) == 3 and "1.250" in rows[0] and "nulls" in rows[1] and "(prediction)" in rows[2]
    assert all(row.count("|") == 5 for row in rows) and "@everyone" not in text
    unknown = replace(news, evidence=seen("better", drift=Drift("b", unknown="release 1 is older")))
    assert "is not known: release 1 is older" in words.body(unknown, tmp_path)
    many = replace(news, evidence=seen("better", drift=Drift("b", tuple(finding(f"c{n}") for n in range(50)))))
    assert "and 30 more" in words.body(many, tmp_path)


PARAMS = "task: binary\nsplit: {method: random}\nmodel: {max_leaf_nodes: 4, name: '`@x`'}\n"


def test_two_receivers_that_race_end_in_one_pull_request(trained: Trained, forge: Forge) -> None:
    """Both read the forge before either starts a run; the runs come one after the other, as their group has it."""
    place = Place(forge.url, "team/project", "main", "retrain.yml")
    barrier = Barrier(2)

    class Racing(GitHub):
        def start(self, wish: Wish) -> None:
            barrier.wait(300)
            super().start(wish)

    actors = [Actor(Racing(place, lambda: "s3cret-token"), timedelta(hours=6)) for _ in range(2)]
    threads = [Thread(target=actor.act, args=[Wish("drift", look=False)]) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [run["inputs"]["cause"] for run in forge.runs] == ["drift", "drift"]
    for run in forge.runs:
        retrain(run["inputs"]["cause"], dry_run=False)
    assert len(forge.pulls) == 1 and trained.ran.count("gate") == 1
