"""`mlops release|promote|check`."""

from __future__ import annotations

from typing import Any

from mlops.commands import image, landing
from mlops.commands.gate import judged
from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import builder, candidate, soak_wait
from mlops.delivery import champion as champions
from mlops.delivery import check as checks
from mlops.delivery import history as histories
from mlops.delivery import promote as promotes
from mlops.delivery import release as releases
from mlops.delivery.check_chart import Charts
from mlops.delivery.check_new import Rules
from mlops.delivery.dvc import Dvc
from mlops.delivery.git import Git
from mlops.delivery.image import identity
from mlops.delivery.layout import ENVS
from mlops.delivery.presence import Presence
from mlops.delivery.promote import Way
from mlops.delivery.release import Decision
from mlops.delivery.remote import link_remote
from mlops.delivery.soak_wait import Promotion
from mlops.delivery.stock import stock
from mlops.delivery.trunk import Trunk, trunk
from mlops.gates import anchor
from mlops.gates import report as reports
from mlops.gates import run as gates
from mlops.gates.reporting import card as cards
from mlops.settings import Settings, find


def release(env: str, *, force: bool, via: str) -> None:
    """Judge, build, push data and model, and commit the record."""
    settings = find()
    line = trunk(settings)
    land = landing.land(settings, line, via)
    Dvc(settings.root).require_reproduced()
    found = candidate.gather(settings, line.git, env, card=cards.require(settings))
    name = identity(settings)
    if not _goes(releases.check(line, env, found.commit, name, force=force)):
        return
    report = _judge(settings, line, found.commit, env, name)
    found = candidate.with_gain(found, line.git, settings.root / candidate.METRICS, anchor.gain(report))
    ref, built = builder.find_or_build(settings, push=True)
    if ref.identity != name:
        raise MlopsError("A file of the image changed while it was judged. Let other commands end, then run again.")
    say(f"image     {ref.repository}@{ref.digest[:19]}… {'built' if built else 'found: nothing to build'}")
    Dvc(settings.root).push()
    image.note(settings)
    say("data      batches, model and cached results are at the DVC remote")
    champion = _champion(report)
    there = stock(settings).has
    say(releases.release(line, env, found, ref, force=force, judged_against=champion, land=land, there=there).words)


def _judge(settings: Settings, line: Trunk, commit: str, env: str, name: str) -> dict[str, Any]:
    """Demand a passing verdict on this very model against what stands; judge now if there is none.

    The bar is that of the commit, which is on main already; the champion is what stands at main's tip.

    Returns:
        The gate's report.
    """
    report = _known(settings, line, commit, env, name) or judged(settings, commit, env, line.known())
    return _demand(report, env)


def _known(settings: Settings, line: Trunk, commit: str, env: str, name: str) -> dict[str, Any] | None:
    try:
        report = gates.last(settings.root)
    except MlopsError:
        return None
    tip = line.known()
    standing = histories.current(histories.history(line.git, env, tip))
    champion = (report["champion"] or {}).get("id")
    same = (report["env"], report["identity"], champion) == (env, name, standing.id if standing else None)
    # An override may have ended since.
    return report if same and report["base"] in (commit, tip) and not report["overrides"] else None


def check(base: str | None, *, first: str = "staging") -> None:
    """Check what the branch does to environments; exit 1 where only mlops may do that."""
    settings = find()
    git = Git(settings.root)
    dirty = [path for path in git.dirty() if path.startswith(f"{ENVS}/")]
    if dirty:
        raise MlopsError(f"Not committed: {', '.join(map(repr, dirty[:5]))}. Commits are checked: commit first.")
    rules = Rules(first, stock(settings))
    found = checks.check(git, base or trunk(settings).tip(), rules=rules, chart=Charts(settings))
    for finding in found:
        say(finding.words) if finding.words else None
    wrong = [finding.no for finding in found if finding.no]
    if wrong:
        raise Refused("\n".join(wrong))
    if not found:
        say("No environment changes.")


def promote(from_: str, to: str, *, force: bool, wait: bool, via: str) -> None:
    """Judge what one environment has run healthy against what another has, and copy it there."""
    settings = find()
    line, way = trunk(settings), Way(from_, to, via)
    land = landing.land(settings, line, via)
    look = Promotion(settings, line, way, force=force)
    found = soak_wait.wait(look, say=say) if wait else look()
    record = found.question.record
    if not _goes(found.verdict):
        return
    if record and (note := Presence(stock(settings)).require(from_, record)):
        say(f"image    {note}")
    report = _judge_elsewhere(settings, line, way)
    done = promotes.promote(line, way, force=force, judged=record, judged_against=_champion(report), land=land)
    say(done.words)


def _judge_elsewhere(settings: Settings, line: Trunk, way: Way) -> dict[str, Any]:
    """Demand a passing verdict on what an environment runs against what the other has, in a clone at its commit."""
    tip = line.known()
    fetched = champions.fetch(settings, line.git, tip, way.source)
    if fetched is None:
        raise MlopsError(f"{way.source} has no release any more. Run again.")
    had = histories.current(histories.history(line.git, way.target, tip))
    bar = f"against {had.id} of {way.target}" if had else f"by the floors alone: {way.target} has no release"
    say(f"judging   {fetched.record.id} of {way.source} {bar}")
    # Kept since another day, it may know an address or credentials of then.
    link_remote(fetched.root, settings.root)
    Dvc(fetched.root).pull()
    report = judged(find(fetched.root), fetched.record.commit, way.target, tip)
    say(f"report    {fetched.root / 'reports' / 'report.html'}")
    return _demand(report, way.target)


def _goes(verdict: Decision) -> bool:
    if verdict.kind == "held":
        raise Refused(verdict.words)
    if verdict.kind == "nothing":
        say(verdict.words)
    return verdict.kind == "go"


def _demand(report: dict[str, Any], env: str) -> dict[str, Any]:
    say(f"gate      {reports.verdict(report)}")
    if not report["passed"]:
        say(reports.text(report))
        raise Refused(f"{env} is not released: the model is refused.")
    return report


def _champion(report: dict[str, Any]) -> str | None:
    return None if report["champion"] is None else str(report["champion"]["id"])
