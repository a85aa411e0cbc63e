"""Does what Git names run, and is it healthy? Decided from what others tell, asked again until they agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from mlops.contract.errors import MlopsError
from mlops.delivery.forge import Status
from mlops.delivery.git import Git
from mlops.delivery.history import Standing, history
from mlops.delivery.kube_words import sentence
from mlops.delivery.layout import require_environment
from mlops.delivery.live import Applied, Live
from mlops.delivery.records import Record
from mlops.delivery.status import difference
from mlops.delivery.trouble import reasons
from mlops.delivery.trunk import Trunk

POLL, FORGE_POLL = 2.0, 15.0  # seconds; a forge counts requests
STEADY = 15.0  # seconds for which a no must stand: a rollout that follows a failed one is called Degraded for a moment

Kind = Literal["yes", "no", "wait", "unasked", "replaced"]
Say = Callable[[str], None]
STATES: dict[str, Kind] = {"success": "yes", "failure": "no", "error": "no"}


@dataclass(frozen=True)
class Verdict:
    """What one look gave: it runs, it definitely does not, not yet, nobody was asked, or it is no longer wanted."""

    kind: Kind
    words: str
    pause: float = POLL


def of_local(record: Record, live: Live) -> Verdict:
    """Judge by what a server of this machine answers."""
    if not live.versions:
        return Verdict("unasked", "Nobody on this machine serves it: `mlops local up` does.")
    for where, answer in live.versions.items():
        if answer is None:
            return Verdict("unasked", " ".join(trouble.words for trouble in live.troubles))
        if wrong := difference(record, answer):
            return Verdict("wait", f"{where} answers {wrong}.")
    return Verdict("yes", f"{', '.join(live.versions)} answers as {record.id}.")


def of_app(record: Record, live: Live, compared: Applied | None) -> Verdict:
    """Judge by what Argo CD says, and by what the pods answer where they could be asked.

    Args:
        record: What Git names.
        live: What was seen.
        compared: What the commit names with which Argo CD compared the cluster last.
    """
    app = live.app
    if app is None:
        return Verdict("wait", "Argo CD has no application for it yet.")
    said = [sentence(trouble) for trouble in app.troubles]
    if compared is None or compared.record != record:
        where = f"commit {compared.commit[:10]}" if compared else "no commit"
        return Verdict("wait", " ".join([f"Argo CD is at {where}, not at this release yet.", *said]))
    at = f"{app.sync}, {app.health} at {app.revision[:10]}"
    why = " ".join(reasons(live.troubles) or said)
    if app.operation == "Running":
        return Verdict("wait", f"Argo CD: {at}; its sync is running.")
    if app.operation in ("Failed", "Error") and app.synced == app.revision:
        return Verdict("no", f"The sync of Argo CD is {app.operation} at {app.revision[:10]}: {sentence(app.message)}")
    if app.sync != "Synced" or app.health not in ("Healthy", "Degraded"):
        return Verdict("wait", f"Argo CD: {at}. {why}".rstrip())
    if app.health == "Degraded":
        return unless_untested(record, live, Verdict("no", f"Argo CD: {at}. {why}".rstrip()))
    return Verdict("yes", f"Argo CD: {at}.")


def of_statuses(statuses: Iterable[tuple[str, Status | None]], context: str) -> Verdict:
    """Judge by the newest commit that has a status, of those that carry the record."""
    for sha, status in statuses:
        if status is not None:
            said = f": {status.description.rstrip('.')}" if status.description else ""
            words = f"Commit status {context} of {sha[:10]} is {status.state}{said}."
            return Verdict(STATES.get(status.state, "wait"), words, FORGE_POLL)
    return Verdict("wait", f"No commit that carries it has a status {context} yet.", FORGE_POLL)


def and_pods(record: Record, live: Live, verdict: Verdict) -> Verdict:
    """Let a yes stand only where no pod that could be asked answers something else."""
    if verdict.kind != "yes":
        return verdict
    for where, answer in live.versions.items():
        if answer is not None and (wrong := difference(record, answer)):
            return Verdict("wait", f"Pod {where} still answers {wrong}.")
    return replace(verdict, words=f"{verdict.words} Each pod's /version is the record's.") if live.versions else verdict


def unless_untested(record: Record, live: Live, verdict: Verdict) -> Verdict:
    """Let a no stand unless each pod answers as the record and all that is wrong is a smoke test that could not ask."""
    jobs = {f"Job/{trouble.name}" for trouble in live.troubles if trouble.kind == "unasked"}
    alone = bool(jobs) and len(jobs) == len(live.troubles) and jobs.issuperset(live.app.ill if live.app else ())
    answers = [live.versions.get(pod.name) for pod in live.pods or ()]
    serves = bool(answers) and all(answer and not difference(record, answer) for answer in answers)
    if verdict.kind != "no" or not alone or not serves:
        return verdict
    why = " ".join(reasons(live.troubles))
    words = f"Each pod is ready and answers as the record, but the smoke test could not ask. {why} "
    return Verdict("unasked", f"{words}Mend that and delete the job: Argo CD makes it again.", verdict.pause)


def standing(git: Git, env: str, tip: str) -> Standing:
    """Find what stands in an environment.

    Raises:
        MlopsError: There is no such environment, nothing stands in it, or it is unreadable.
    """
    require_environment(git, tip, env)
    standings = history(git, env, tip)
    if not standings:
        raise MlopsError(
            f"{env} has had no release: there is nothing to verify. `mlops release --env {env}` makes one."
        )
    if standings[0].record is None:
        why = standings[0].problem or f"{standings[0].by} took its release away."
        raise MlopsError(f"{env} names no release: there is nothing to verify. {why}")
    return standings[0]


class Watched:
    """One environment of main: `begun` is what stood when main could first be asked."""

    def __init__(self, trunk: Trunk, env: str, look: Callable[[Record, Standing, str], Verdict]) -> None:
        """Ask nothing yet; `look` gets the record, who brought it, and the newest commit of main."""
        self._trunk, self._env, self._look = trunk, env, look
        self.begun: Record | None = None

    def __call__(self) -> Verdict:
        """Look at what runs, unless main names something else by now.

        Raises:
            MlopsError: There is nothing to verify.
        """
        try:
            tip = self._trunk.tip()
        except MlopsError as error:
            return Verdict("unasked", str(error))
        if self.begun is None:
            self.begun = standing(self._trunk.git, self._env, tip).record
        now = history(self._trunk.git, self._env, tip)[0]
        if now.record is None or now.record != self.begun:
            return Verdict("replaced", f"Git names {now.record.id if now.record else 'no release'} by now: {now.by}.")
        return self._look(now.record, now, tip)


def wait(
    look: Callable[[], Verdict],
    *,
    timeout: float,
    say: Say,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict:
    """Look again and again until the answer is definite, and say each change.

    A no must stand for a while; time is not over while it does.

    Returns:
        A definite verdict, or the last other one when `timeout` seconds have passed.
    """
    begun, heard, no_since = clock(), "", None
    while True:
        verdict, now = look(), clock()
        if verdict.words != heard:
            heard = verdict.words
            say(f"{now - begun:5.0f} s  {heard}")
        no_since = (now if no_since is None else no_since) if verdict.kind == "no" else None
        steady = no_since is not None and now - no_since >= STEADY
        over = no_since is None and now - begun >= timeout
        if verdict.kind in ("yes", "replaced") or steady or over:
            return verdict
        sleep(verdict.pause)
