"""`mlops release|promote|rollback|history`."""

from __future__ import annotations

from typing import Any

from mlops.commands import image
from mlops.commands.gate import judged
from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import builder, candidate
from mlops.delivery import history as histories
from mlops.delivery import release as releases
from mlops.delivery import rollback as rollbacks
from mlops.delivery.dvc import Dvc
from mlops.delivery.image import identity
from mlops.delivery.layout import require_environment
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
    Dvc(settings.root).require_reproduced()
    found = candidate.gather(settings, line.git, env, card=cards.require(settings))
    name = identity(settings.root)
    verdict = releases.check(line, env, found.commit, name, force=force)
    if verdict.kind == "held":
        raise Refused(verdict.words)
    if verdict.kind == "nothing":
        say(verdict.words)
        return
    report = _judge(settings, line, found.commit, env, name)
    champion = None if report["champion"] is None else str(report["champion"]["id"])
    found = candidate.with_gain(found, line.git, settings.root / candidate.METRICS, anchor.gain(report))
    ref, built = builder.local_image(settings)
    if ref.identity != name:
        raise MlopsError("A file of the image changed while it was judged. Let other commands end, then run again.")
    say(f"image     {ref.repository}@{ref.digest[:19]}… {'built' if built else 'found: nothing to build'}")
    Dvc(settings.root).push()
    image.note(settings)
    say("data      batches, model and cached results are at the DVC remote")
    say(releases.release(line, env, found, ref, force=force, judged_against=champion).words)


def _judge(settings: Settings, line: Trunk, commit: str, env: str, name: str) -> dict[str, Any]:
    """Demand a passing verdict on this very model against what stands; judge now if there is none.

    The bar is that of the commit, which is on main already; the champion is what stands at main's tip.

    Returns:
        The gate's report.
    """
    report = _known(settings, line, commit, env, name) or judged(settings, commit, env, line.known())
    say(f"gate      {reports.verdict(report)}")
    if not report["passed"]:
        say(reports.text(report))
        raise Refused(f"{env} is not released: the model is refused.")
    return report


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


def rollback(env: str, to: str | None, *, via: str) -> None:
    """Restore what stood before."""
    say(rollbacks.rollback(trunk(find()), env, to).words)


def history(env: str, *, json: bool) -> None:
    """Print what stood in an environment."""
    line = trunk(find())
    tip = line.tip()
    require_environment(line.git, tip, env)
    standings = histories.history(line.git, env, tip)
    if not standings:
        say(f"{env} has had no release yet.")
    for standing in standings:
        record = standing.record
        what = f"{record.id:<12} {record.identity[7:19]}  {_metrics(record.metrics)}" if record else "no release"
        say(f"{standing.date:%Y-%m-%d %H:%M}  {standing.sha[:10]}  {what}  {standing.subject} ({standing.author})")


def _metrics(metrics: dict[str, float]) -> str:
    name, value = next(iter(metrics.items()), ("", 0.0))
    return f"{name} {value:.4f}" if name else "no metric"
