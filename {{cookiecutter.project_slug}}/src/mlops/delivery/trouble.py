"""What keeps pods from serving, in one sentence each: read from what Kubernetes tells of a namespace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]
LONGEST, MOST = 400, 3  # letters of a reason, reasons for a disagreement
DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
EPOCH = datetime.fromtimestamp(0, UTC)
IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}


@dataclass(frozen=True)
class Trouble:
    """Something that keeps `name` from serving, and since when."""

    kind: str
    name: str
    words: str
    since: datetime | None


def explain(
    pods: Iterable[Json], replicasets: Iterable[Json], jobs: Iterable[Json], events: Sequence[Json]
) -> list[Trouble]:
    """Find what is wrong, newest first.

    Args:
        pods: The pods of a namespace, as the API gives them; so the others.
        replicasets: Say when pods cannot even be made: a quota, a policy.
        jobs: Say what failed for good.
        events: Say what a pod's state leaves out: a failing probe, a volume that cannot be mounted.
    """
    pods = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    found = list(_of_replicasets(replicasets))
    for pod in pods:
        if not is_ready(pod) and not _owner(pod, "Job"):
            uid = pod["metadata"]["uid"]
            found.extend(_of_pod(pod, [one for one in events if one["involvedObject"].get("uid") == uid]))
    found.extend(_of_jobs(jobs, pods, alone=not found))
    return sorted(found, key=lambda trouble: (trouble.since or EPOCH, trouble.name), reverse=True)


def reasons(troubles: Sequence[Trouble]) -> tuple[str, ...]:
    """Choose the newest trouble of each kind, and say since when it is there."""
    newest = {trouble.kind: trouble for trouble in reversed(troubles)}.values()
    return tuple(_dated(trouble) for trouble in troubles if trouble in newest)[:MOST]


def is_ready(pod: Json) -> bool:
    """Tell whether a pod takes requests."""
    return str(_condition(pod, "Ready").get("status")) == "True"


def instant(text: str | None) -> datetime | None:
    """Read a time of the API."""
    return datetime.fromisoformat(text) if text else None


def _dated(trouble: Trouble) -> str:
    since = f" (since {trouble.since.astimezone():%Y-%m-%d %H:%M:%S})" if trouble.since else ""
    return f"{trouble.words.rstrip('.')}{since}."


def _of_pod(pod: Json, events: Sequence[Json]) -> Iterator[Trouble]:
    name = pod["metadata"]["name"]
    since = instant(_condition(pod, "Ready").get("lastTransitionTime") or pod["metadata"].get("creationTimestamp"))
    kind, words = _unplaced(pod) or _waiting(pod) or _restarted(pod, events) or _newest_warning(events)
    if kind:
        yield Trouble(kind, name, f"Pod {name} {words}", since)


def _unplaced(pod: Json) -> tuple[str, str] | None:
    placed = _condition(pod, "PodScheduled")
    words = f"finds no node: {sentence(placed.get('message'))}"
    return ("unschedulable", words) if placed.get("status") == "False" else None


def _waiting(pod: Json) -> tuple[str, str] | None:
    for container in _containers(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, said = waiting.get("reason") or "", waiting.get("message")
        if reason in IMAGE:
            why = str(said or reason).rsplit(": ", 1)[-1]  # what stands before it names the image three times more
            return "image", f"cannot pull its image {sentence(container.get('image'))[:-1]!r}: {sentence(why)}"
        if reason in CONFIG:
            return "config", f"cannot start: {reason}: {sentence(said)}"
    return None


def _restarted(pod: Json, events: Sequence[Json]) -> tuple[str, str] | None:
    for container in _containers(pod):
        ended = _ended(container)
        if ended is None:
            continue
        times = _times(container)
        if any(event.get("reason") == "Killing" and "probe" in str(event.get("message")) for event in events):
            unhealthy = [event for event in events if event.get("reason") == "Unhealthy"]
            return "probe", f"was ended {times} because it failed a probe: {_newest(unhealthy)}"
        reason = "" if ended.get("reason") in (None, "Error") else f", {ended['reason']}"
        last = f"exit code {ended.get('exitCode')}{reason}; its last words: {_last_words(ended.get('message'))}"
        return "crash", f"ended {times}, the last time with {last}"
    return None


def _ended(container: Json) -> Json | None:
    """Give the end of a container that is not ready: the one of this moment, or the one before it started again."""
    states = (container.get("state") or {}, container.get("lastState") or {})
    return next((state["terminated"] for state in states if state.get("terminated")), None)


def _newest_warning(events: Sequence[Json]) -> tuple[str, str]:
    warnings = [event for event in events if event.get("type") == "Warning"]
    if not warnings:
        return "", ""
    probe = max(warnings, key=_seen).get("reason") == "Unhealthy"
    return "probe" if probe else "event", f"is not ready: {_newest(warnings)}"


def _newest(events: Sequence[Json]) -> str:
    event = max(events, key=_seen, default={})
    return sentence(event.get("message") or event.get("reason"))


def _of_replicasets(replicasets: Iterable[Json]) -> Iterator[Trouble]:
    for item in replicasets:
        failure = _condition(item, "ReplicaFailure")
        if failure.get("status") == "True" and (item.get("spec") or {}).get("replicas", 1):
            name, words = item["metadata"]["name"], sentence(failure.get("message"))
            kind = "quota" if "exceeded quota" in words else "refused"
            since = instant(failure.get("lastTransitionTime"))
            yield Trouble(kind, name, f"No pods can be made for {name}: {words}", since)


def _of_jobs(jobs: Iterable[Json], pods: Sequence[Json], alone: bool) -> Iterator[Trouble]:
    """Say which jobs failed, and which cannot start where they are `alone` in that."""
    for job in jobs:
        failed, name = _condition(job, "Failed"), job["metadata"]["name"]
        mine = [pod for pod in pods if _owner(pod, "Job") == name]
        if failed.get("status") == "True":
            ends = [end for pod in mine for container in _containers(pod) if (end := _ended(container))]
            last = max(ends, key=lambda end: str(end.get("finishedAt")), default={})
            said = _last_words(last.get("message")) if last.get("message") else sentence(failed.get("message"))
            yield Trouble("job", name, f"Job {name} failed: {said}", instant(failed.get("lastTransitionTime")))
        elif alone and not (job.get("status") or {}).get("succeeded"):
            for pod in mine:
                kind, words = _unplaced(pod) or _waiting(pod) or ("", "")
                if kind:
                    pod_name = pod["metadata"]["name"]
                    since = instant(pod["metadata"].get("creationTimestamp"))
                    yield Trouble(kind, pod_name, f"Pod {pod_name} of job {name} {words}", since)


def _condition(item: Json, kind: str) -> Json:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), {})


def _containers(pod: Json) -> list[Json]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _owner(item: Json, kind: str) -> str:
    owners = item["metadata"].get("ownerReferences") or ()
    return next((owner["name"] for owner in owners if owner.get("kind") == kind), "")


def _seen(event: Json) -> datetime:
    last = (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp")
    return instant(last or event.get("eventTime")) or EPOCH


def _times(container: Json) -> str:
    ends = int(container.get("restartCount") or 0) + bool((container.get("state") or {}).get("terminated"))
    return {0: "once", 1: "once", 2: "twice"}.get(ends, f"{ends} times")


def sentence(text: str | None) -> str:
    """Put what a component said on one line that ends; of a long text the beginning and, as it says most, the end."""
    words = _printable(DIGEST.sub(r"\1…", " ".join(str(text or "no reason given").split())))
    short = words if len(words) <= LONGEST else f"{words[: LONGEST // 4]} … {words[-LONGEST * 3 // 4 :]}"
    return f"{short.rstrip('. ')}."


def _last_words(text: str | None) -> str:
    """Join the last lines: output and errors of a container arrive in no fixed order."""
    lines = [line for line in str(text or "").splitlines() if line.strip()]
    return sentence("; ".join(lines[-2:]) or "none")


def _printable(text: str) -> str:
    """Keep what a program said from steering the terminal that shows it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
