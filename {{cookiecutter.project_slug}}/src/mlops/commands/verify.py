"""`mlops verify`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from mlops.commands.landing import land
from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import live
from mlops.delivery import verify as verifying
from mlops.delivery.argocd import Argocd
from mlops.delivery.commit_status import Reports, Statuses, holders
from mlops.delivery.forge import connect
from mlops.delivery.history import Standing
from mlops.delivery.kube import Kube
from mlops.delivery.layout import folder
from mlops.delivery.patience import PATIENCE, patience
from mlops.delivery.presence import Presence
from mlops.delivery.publish import Land
from mlops.delivery.records import Record
from mlops.delivery.rollback import rollback
from mlops.delivery.stock import stock
from mlops.delivery.trunk import Trunk, trunk
from mlops.delivery.verify import Verdict
from mlops.settings import Settings, find

Look = Callable[[Record, Standing, str], Verdict]


@dataclass(frozen=True)
class Heal:
    """How a release is taken back: by a push or a pull request, and who tells whether an image is still there."""

    land: Land
    presence: Presence | None = None


def verify(env: str, *, timeout: float | None, revert: bool, via: str) -> None:
    """Wait for an answer; take the release back where it is a definite no and that was asked for."""
    settings = find()
    line = trunk(settings)
    heal = Heal(land(settings, line, via), Presence(stock(settings))) if revert else None
    argocd = cache(lambda: Argocd(project=settings.slug))
    look = looker(settings, line, env, argocd, cache(Kube), cache(lambda: connect(line, settings.ci)))
    watched = verifying.Watched(line, env, look)
    if timeout is None:
        timeout = _patience(settings, line, env)
        say(f"{timeout:5.0f} s  at most, as the values of {env} have it")
    verdict = verifying.wait(watched, timeout=timeout, say=say)
    conclude(line, env, watched.begun, verdict, timeout=timeout, heal=heal)


def conclude(
    line: Trunk,
    env: str,
    begun: Record | None,
    verdict: Verdict,
    *,
    timeout: float,
    heal: Heal | None,
) -> None:
    """End as the answer is; a definite no takes the release back where `heal` says how.

    Raises:
        Refused: It definitely does not run.
        MlopsError: Nobody knows.
    """
    name = begun.id if begun else "what Git names"
    if verdict.kind == "yes":
        say(f"{env} runs {name} and is healthy.")
    elif verdict.kind == "replaced":
        say(f"{name} need not be verified any more.")
    elif verdict.kind == "no" and begun:
        by_hand = f"`mlops rollback --env {env}` takes it back."
        back = _take_back(line, env, begun, verdict, heal) if heal else by_hand
        raise Refused(f"{env} does not run {name}. {verdict.words} {back}")
    else:
        unknown = "could not be asked" if verdict.kind == "unasked" else "is not known yet"
        raise MlopsError(
            f"Whether {env} runs {name} {unknown} after {timeout:g} s. {verdict.words} Nothing is changed."
        )


def looker(
    settings: Settings,
    line: Trunk,
    env: str,
    argocd: Callable[[], live.Applications],
    kube: Callable[[], live.Cluster],
    forge: Callable[[], Statuses],
) -> Look:
    """Choose whom to ask: this machine's server, or Argo CD and where that cannot be asked the forge; then the pods."""
    reports = Reports(forge, f"mlops/{env}")
    if settings.target == "local":
        return lambda record, now, tip: verifying.of_local(record, live.on_this_machine(settings, env))

    def look(record: Record, now: Standing, tip: str) -> Verdict:
        seen = live.in_cluster(line.git, settings.slug, env, argocd, kube)
        if "argocd" not in seen.unasked:
            compared = live.applied(line.git, env, seen.app.revision) if seen.app else None
            return verifying.and_pods(record, seen, verifying.of_app(record, seen, compared))
        try:
            told = verifying.of_statuses(reports.of(holders(line.git, now, tip)), f"mlops/{env}")
            return verifying.and_pods(record, seen, verifying.unless_untested(record, seen, told))
        except MlopsError as error:
            return Verdict("unasked", f"Argo CD was not asked: {seen.unasked['argocd']} Nor the forge: {error}")

    return look


def _patience(settings: Settings, line: Trunk, env: str) -> float:
    if settings.target == "local":  # which reads no values
        return PATIENCE
    try:
        return patience(line.git, env, line.tip())
    except MlopsError:  # asked again, until time is over
        return PATIENCE


def _take_back(line: Trunk, env: str, record: Record, verdict: Verdict, heal: Heal) -> str:
    """Take the release back once, if main still names it, and say what stands after that."""
    try:
        if changed := _changed_since(line, env, record):
            return (
                f"It is not taken back: {changed[:10]} changed values.yaml after it came, and either may be why. "
                f"`git revert {changed[:10]}` or `mlops rollback --env {env}`."
            )
        outcome = rollback(line, env, why=verdict.words, only=record, land=heal.land, presence=heal.presence)
    except Refused as error:
        return f"It is not taken back: {error}"
    except MlopsError as error:
        return f"It could not be taken back: {error}"
    if outcome.kind == "asked":
        return f"Main still names it; a pull request would take it back. {outcome.words}"
    return f"{outcome.words} Automatic releases to {env} are held." if outcome.kind == "done" else outcome.words


def _changed_since(line: Trunk, env: str, record: Record) -> str:
    """Name the newest commit that changed values.yaml while the release stands; "" if none did."""
    tip = line.tip()
    now = verifying.standing(line.git, env, tip)
    if now.record != record:
        return ""
    spec = f":(top,literal){folder(env)}/values.yaml"
    return line.git.text("rev-list", "--first-parent", "--max-count=1", f"{now.sha}..{tip}", "--", spec)
