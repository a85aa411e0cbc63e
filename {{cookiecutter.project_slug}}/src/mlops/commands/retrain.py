"""`mlops retrain`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mlops.commands import retrain_words as words
from mlops.commands.data import counted
from mlops.commands.reproduce import run
from mlops.commands.retrain_decide import Decision, decide
from mlops.commands.retrain_evidence import age_of, evidence_of, today
from mlops.commands.retrain_look import Look, newest_of
from mlops.commands.retrain_words import News
from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.data import batches, feedback
from mlops.delivery import proposal as proposals
from mlops.delivery.clones import workplace
from mlops.delivery.commit import Changes
from mlops.delivery.dvc import Dvc
from mlops.delivery.forge import Forge, connect
from mlops.delivery.history import Standing, current, held, history, order_of, taken_back
from mlops.delivery.image import identity
from mlops.delivery.layout import FIRST
from mlops.delivery.proposal import BRANCH, Proposal
from mlops.delivery.records import Record
from mlops.delivery.trunk import Trunk, trunk
from mlops.gates.reporting.card import CARD
from mlops.gates.reporting.write import REPORTS
from mlops.settings import Settings, find

KEPT = "retrain"


def retrain(cause: str, *, dry_run: bool, note: bool = False) -> None:
    """Train main's newest commit with new data, judge, and propose what is worth it; all of it in a clone.

    Args:
        cause: Why it is started.
        dry_run: Propose nothing.
        note: Say on main what came of a dry run, too.
    """
    settings = find()
    line = trunk(settings)
    forge = _forge(line, settings.ci, dry_run=dry_run, note=note)
    tip = line.tip()
    look, standings = Look(forge, tip, cause, dry_run), history(line.git, FIRST, tip)
    champion = current(standings)
    say(f"retrain   main at {tip[:10]}, against {champion.id if champion else 'nothing: no release yet'}")
    with workplace(settings, line.git, tip) as root:
        work = find(root)
        _bring(work, settings)
        newest = newest_of(root)
        if day := look.silenced(newest, age_of(work, champion), today()):
            say(f"nothing   is new since {day}, when somebody looked for this cause: silenced until new data")
            return
        Dvc(root).run("pull", "--recursive", "data/raw")
        with look.refusals(newest, today(), "the pipeline refuses the data"):
            _run(root, "reproduce")
        name = identity(work)
        why = _nothing_new(name, champion, standings)
        made = {} if why or dry_run else _made(line, root)
        if why := why or ("" if dry_run else _proposed(line, made, tip)):
            say(f"nothing   {why}")
            look.leave(newest, today(), why)
            return
        with look.refusals(newest, today(), "the gate refuses the model"):
            _judge(settings, root, tip)
        evidence = evidence_of(work, champion, tip)
        decision = decide(evidence)
        if dry_run or forge is None or not decision.propose:
            say(f"{'dry run ' if decision.propose else 'nothing '}  {_outcome(decision)}")
            look.leave(newest, today(), f"{'worth a proposal: ' if decision.propose else ''}{decision.why}")
            return
        hold = held(standings, order_of(line.git, tip, standings))
        news = News(cause, tip, name, _added(line, root, champion), champion, hold, decision.why, evidence)
        Dvc(root).push()
        proposal = Proposal(tip, made, words.message(news), words.body(news, root))
        say(f"proposed  {proposals.propose(line, forge, proposal)}")
        say(f"because   {decision.why}")


def _forge(line: Trunk, ci: str, *, dry_run: bool, note: bool) -> Forge | None:
    """Reach the forge; a dry run wants it for its note alone, and does its work without it, too."""
    if dry_run and not note:
        return None
    try:
        return connect(line, ci)
    except MlopsError as error:
        if not dry_run:
            raise
        say(f"look      is not written down: {error}")
        return None


def _outcome(decision: Decision) -> str:
    if decision.propose:
        return f"the gate passes, and it would be proposed, because {decision.why}"
    return f"is proposed: the gate passes, but {decision.why}"


def _bring(work: Settings, settings: Settings) -> None:
    """Bring the next batch where the project has a source with one left, and that of feedback where it is kept."""
    found: list[batches.BatchFile] = []
    if work.source is None:
        say("data      as on main: the project has no source of batches")
    else:
        try:
            found = batches.arrive(work)
        except batches.Exhausted as error:
            say(f"data      {error}")
    for batch in [*found, *_feedback(work, settings)]:
        say(f"data      data/raw/{batch.path.name} is new")


def _feedback(work: Settings, settings: Settings) -> list[batches.BatchFile]:
    """Bring the batch of feedback; one that breaks the contract is told, and holds up no other new data."""
    folder = feedback.folder_of(settings)
    if not folder.is_dir():
        return []
    Dvc(work.root).run("pull", "--recursive", "data/raw")
    try:
        told = feedback.arrive(work, datetime.now(UTC), folder, counted)
    except Refused as error:
        say(f"data      feedback stays where it is: {error}")
        return []
    say(f"data      feedback from {folder.name}/" if told else "data      feedback has nothing new")
    return told


def _run(root: Path, *command: str) -> None:
    """Run one of the project's own commands in the clone, with the clone's code."""
    code = run([sys.executable, "-m", "mlops", *command], root)
    if code == Refused.exit_code:
        raise Refused(f"`mlops {command[0]}` says no. Nothing is proposed.")
    if code:
        raise MlopsError(f"`mlops {command[0]}` did not end; what stopped it stands above. Nothing is proposed.")


def _nothing_new(name: str, champion: Record | None, standings: Sequence[Standing]) -> str:
    """Say why there is nothing to propose: the model stands already, or somebody took this very one back."""
    if champion and champion.identity == name:
        return f"is new: {FIRST} has this very model, as {champion.id}"
    ended = taken_back(standings)
    back = next((s for s in standings if s.sha in ended and s.record and s.record.identity == name), None)
    if back is None or back.record is None:
        return ""
    return f"is proposed: this is {back.record.id} again, which {ended[back.sha].by} took back from {FIRST}"


def _judge(settings: Settings, root: Path, tip: str) -> None:
    """Judge as a pull request is judged; the reports stay, whatever the answer."""
    kept = settings.cache / KEPT
    shutil.rmtree(kept, ignore_errors=True)
    try:
        _run(root, "gate", "--base", tip, "--env", FIRST)
    finally:
        if (root / REPORTS / "gate.json").is_file():
            shutil.copytree(root / REPORTS, kept)
            say(f"report    {(kept / 'report.html').relative_to(settings.root)}")


def _added(line: Trunk, root: Path, champion: Record | None) -> list[str]:
    """List the batches that the champion has not seen."""
    seen = line.git.ls(champion.commit, "data/raw") if champion else {}
    here = sorted((root / "data" / "raw").glob("*.dvc"))
    return [path.stem for path in here if path.name not in seen]


def _made(line: Trunk, root: Path) -> Changes:
    """Write the card, where the project keeps one, and list what changed."""
    if (root / CARD).is_file():
        _run(root, "card")
    return proposals.changes(line.git, root)


def _proposed(line: Trunk, made: Changes, tip: str) -> str:
    """Say where these changes are already."""
    if not made:
        return "to propose: main has all of this already, and its own run releases the model"
    if proposals.stands(line, made, tip):
        return f"changed: the branch {BRANCH} holds this already. Delete the branch to have it proposed again"
    return ""
