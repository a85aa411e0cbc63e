"""`mlops image|release|rollback|history|status`."""

from __future__ import annotations

from typing import Any

from mlops.commands.gate import judged
from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import builder, candidate, local
from mlops.delivery import history as histories
from mlops.delivery import release as releases
from mlops.delivery import rollback as rollbacks
from mlops.delivery import status as statuses
from mlops.delivery.dvc import Dvc
from mlops.delivery.image import identity
from mlops.delivery.layout import environments, require_environment
from mlops.delivery.remote import storage
from mlops.delivery.trunk import Trunk, trunk
from mlops.gates import anchor
from mlops.gates import report as reports
from mlops.gates import run as gates
from mlops.gates.reporting import card as cards
from mlops.settings import Settings, find


def image_build(name: str) -> None:
    """Build the image of the working tree, or find it."""
    if name != "local":
        raise MlopsError(f"builder {name!r} is not one of this version. Use `local`.")
    settings = find()
    image, built = builder.local_image(settings)
    _note(settings)
    say(f"{'built' if built else 'found'}  {image.identity}")
    say(f"{image.repository}@{image.digest}")


def release(env: str, *, force: bool) -> None:
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
    image, built = builder.local_image(settings)
    if image.identity != name:
        raise MlopsError("A file of the image changed while it was judged. Let other commands end, then run again.")
    say(f"image     {image.repository}@{image.digest[:19]}… {'built' if built else 'found: nothing to build'}")
    Dvc(settings.root).push()
    _note(settings)
    say("data      batches, model and cached results are at the DVC remote")
    say(releases.release(line, env, found, image, force=force, judged_against=champion).words)


def _note(settings: Settings) -> None:
    note = storage(settings).note
    if note:
        say(f"note      {note}")


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


def rollback(env: str, to: str | None) -> None:
    """Restore what stood before."""
    say(rollbacks.rollback(trunk(find()), env, to).words)


def history(env: str) -> None:
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


def status() -> None:
    """Print what each environment should run and what answers; exit 1 where they disagree."""
    settings = find()
    line = trunk(settings)
    tip = line.tip()
    rows = statuses.rows(line.git, environments(line.git, tip), tip, lambda env: local.live(settings, env))
    for row in rows:
        say(f"{row.env:<12} {_named(row):<40} {_answers(row)}")
        for trouble in filter(None, (row.held, row.problem, row.disagrees)):
            say(f"{'':<12} {trouble}")
    if any(row.disagrees or row.problem for row in rows):
        raise Refused("Git and what runs disagree.")


def _named(row: statuses.Row) -> str:
    return (
        f"{row.record.id} {row.record.identity[7:19]} (commit {row.record.commit[:10]})" if row.record else "no release"
    )


def _answers(row: statuses.Row) -> str:
    return "nothing runs here" if row.live is None else f"answers {row.live.get('release')}"
