"""What each environment should run by Git, and where what runs disagrees: a join of what others have told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops.delivery.git import Git
from mlops.delivery.history import Standing, held, history, order_of
from mlops.delivery.kube import Pod
from mlops.delivery.kube_words import sentence
from mlops.delivery.live import Live, Told
from mlops.delivery.records import Record
from mlops.delivery.release import held_words
from mlops.delivery.trouble import reasons

MOST = 3  # reasons for one disagreement


@dataclass(frozen=True)
class Named:
    """What Git names for an environment: `record`, since when and by whom (`since`), and whether it is held.

    `before` is the release that was taken away where Git names none any more; `problem` says why it is unreadable.
    """

    env: str
    record: Record | None = None
    since: Standing | None = None
    held: str = ""
    problem: str = ""
    before: Record | None = None


@dataclass(frozen=True)
class Disagreement:
    """One way in which what runs is not what Git names, since when, and what explains it."""

    words: str
    since: datetime | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One environment."""

    named: Named
    live: Live
    disagreements: tuple[Disagreement, ...]

    @property
    def env(self) -> str:
        """The environment's name."""
        return self.named.env


@dataclass(frozen=True)
class Asked:
    """All environments as of a commit of main; `unasked` says why main itself could not be asked."""

    tip: str
    rows: Sequence[Row]
    unasked: str = ""


def named(git: Git, env: str, rev: str) -> Named:
    """Read what Git names for an environment as of a commit of the main branch."""
    standings = history(git, env, rev)
    if not standings:
        return Named(env)
    since, hold = standings[0], held(standings, order_of(git, rev, standings))
    return Named(
        env,
        since.record,
        since,
        held=held_words(env, standings, hold) if hold and not hold.by.problem else "",
        problem=since.problem,
        before=next((s.record for s in standings if s.record), None) if since.record is None else None,
    )


def rows(names: Sequence[Named], lives: Mapping[str, Live]) -> list[Row]:
    """Join what Git names with what was seen."""
    return [Row(name, lives[name.env], tuple(_disagreements(name, lives[name.env]))) for name in names]


def difference(record: Record, answer: Told) -> str:
    """Say in which facts an answer of `/version` is not the record's; "" if in none. Another release says it all."""
    wanted = {
        "release": record.id,
        "identity": record.identity,
        "digest": record.image.digest,
        "commit": record.commit,
        "model_sha256": record.model.sha256,
    }
    wrong = {key: want for key, want in wanted.items() if answer.get(key) != want}
    told = [f"{key} {_short(answer.get(key))} instead of {_short(want)}" for key, want in wrong.items()]
    return ", ".join(told[:1] if "release" in wrong else told)


def _short(value: object) -> str:
    return str(value).removeprefix("sha256:")[:12]


def _disagreements(name: Named, live: Live) -> Iterator[Disagreement]:
    since = name.since.date if name.since else None
    if name.problem:
        yield Disagreement(name.problem, since)
    elif name.record is None:
        yield from _left(name, live)
    else:
        if live.target == "argocd" and "argocd" not in live.unasked:
            yield from _of_argocd(name.record, since, live)
        yield from _of_pods(name.record, since, live)
        yield from _of_versions(name.record, since, live)


def _left(name: Named, live: Live) -> Iterator[Disagreement]:
    """Say that something still serves although Git names nothing."""
    serving = [where for where, answer in live.versions.items() if answer]
    serving = serving or [pod.name for pod in live.pods or () if pod.ready]
    if live.pods is None and live.app:
        serving = serving or list(live.app.images)
    if not serving:
        return
    gone = f"Git names no release any more, but {name.before.id}" if name.before else "Git names no release, but one"
    back = f" `git revert {name.since.sha[:10]}` brings it back." if name.since else ""
    end = "delete the namespace" if live.target == "argocd" else "`mlops local down`"
    words = f"{gone} still serves ({', '.join(serving)}).{back} To end it: {end}."
    yield Disagreement(words, name.since.date if name.since else None)


def _of_argocd(record: Record, since: datetime | None, live: Live) -> Iterator[Disagreement]:
    app, at = live.app, live.applied
    if app is None:
        yield Disagreement("Argo CD has no application for it. Is it told to follow: `mlops cluster bootstrap`?", since)
        return
    said = tuple(sentence(trouble) for trouble in app.troubles[:MOST])
    if app.operation not in ("", "Succeeded"):
        said = (f"Its sync is {app.operation}: {sentence(app.message)}", *said)[:MOST]
    if at is None or at.record != record:
        words = f"Git names {record.id}, but Argo CD has synced {_applied(live)}."
        yield Disagreement(words, since, said)
    elif app.sync != "Synced":
        yield Disagreement(f"Argo CD calls it {app.sync}.", None, said)
    elif app.operation in ("Failed", "Error"):
        yield Disagreement(f"The last sync of Argo CD is {app.operation}: {sentence(app.message)}")
    if app.health != "Healthy":
        yield Disagreement(f"Argo CD calls it {app.health}.", app.since, reasons(live.troubles) or said)


def _applied(live: Live) -> str:
    at = live.applied
    if at is None:
        return "nothing yet"
    if not at.known:
        return f"commit {at.commit[:10]}, which main does not hold"
    return f"{at.record.id if at.record else 'no readable release'} (commit {at.commit[:10]})"


def _of_pods(record: Record, since: datetime | None, live: Live) -> Iterator[Disagreement]:
    if live.pods is None:
        return
    why = reasons(live.troubles)
    if not live.pods:
        yield Disagreement("No pod runs.", None, why)
    for other in dict.fromkeys(kind for pod in live.pods if (kind := _other(record, pod))):
        pods = [pod for pod in live.pods if _other(record, pod) == other]
        first = _later(since, min((pod.started for pod in pods if pod.started), default=None))
        count = f"{len(pods)} of {len(live.pods)} pods {'runs' if len(pods) == 1 else 'run'}"
        yield Disagreement(f"{count} {other}.", first, why)
    waiting = [pod for pod in live.pods if not pod.ready and not _other(record, pod)]
    if waiting and (live.app is None or live.app.health == "Healthy"):
        yield Disagreement(f"{len(waiting)} of {len(live.pods)} pods of {record.id} are not ready.", None, why)


def _later(*times: datetime | None) -> datetime | None:
    """Nothing disagrees before both are there: what Git names, and what runs."""
    return max((time for time in times if time), default=None)


def _other(record: Record, pod: Pod) -> str:
    """Say what a pod runs instead of the record; "" where it is the record's."""
    if pod.digest and pod.digest != record.image.digest:
        return f"{_short(pod.digest)} (release {pod.release}) instead of {_short(record.image.digest)}"
    return f"release {pod.release} instead of {record.id}" if pod.release != record.id else ""


def _of_versions(record: Record, since: datetime | None, live: Live) -> Iterator[Disagreement]:
    pods = {pod.name: pod for pod in live.pods or ()}
    for where, answer in live.versions.items():
        pod = pods.get(where)
        if answer is None and live.target == "local":
            yield Disagreement(" ".join(trouble.words for trouble in live.troubles))
        elif answer is not None and (wrong := difference(record, answer)):
            yield Disagreement(f"{where} answers {wrong}.", _later(since, pod.started if pod else None))
