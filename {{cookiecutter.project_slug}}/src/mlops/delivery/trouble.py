"""What keeps pods from serving, in one sentence each: read from what Kubernetes tells of a namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops.delivery.job_trouble import failure
from mlops.delivery.kube_words import instant, last_words, sentence
from mlops.delivery.pod_facts import EPOCH, Json, condition, containers, ended, is_ready, newest, owner, seen

MOST = 3  # reasons for a disagreement
IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"}
CONFIG = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}


@dataclass(frozen=True)
class Trouble:
    """Something that keeps `name` from serving, and since when; "unasked" is a job that could not find out."""

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
        if not is_ready(pod) and not owner(pod, "Job"):
            uid = pod["metadata"]["uid"]
            found.extend(_of_pod(pod, [one for one in events if one["involvedObject"].get("uid") == uid]))
    found.extend(_of_jobs(jobs, pods, events, alone=not found))
    return sorted(found, key=lambda trouble: (trouble.since or EPOCH, trouble.name), reverse=True)


def reasons(troubles: Sequence[Trouble]) -> tuple[str, ...]:
    """Choose the newest trouble of each kind, and say since when it is there."""
    chosen = {trouble.kind: trouble for trouble in reversed(troubles)}.values()
    return tuple(_dated(trouble) for trouble in troubles if trouble in chosen)[:MOST]


def _dated(trouble: Trouble) -> str:
    since = f" (since {trouble.since.astimezone():%Y-%m-%d %H:%M:%S})" if trouble.since else ""
    return f"{trouble.words.rstrip('.')}{since}."


def _of_pod(pod: Json, events: Sequence[Json]) -> Iterator[Trouble]:
    name = pod["metadata"]["name"]
    since = instant(condition(pod, "Ready").get("lastTransitionTime") or pod["metadata"].get("creationTimestamp"))
    kind, words = _unplaced(pod) or _waiting(pod) or _restarted(pod, events) or _newest_warning(events)
    if kind:
        yield Trouble(kind, name, f"Pod {name} {words}", since)


def _unplaced(pod: Json) -> tuple[str, str] | None:
    placed = condition(pod, "PodScheduled")
    words = f"finds no node: {sentence(placed.get('message'))}"
    return ("unschedulable", words) if placed.get("status") == "False" else None


def _waiting(pod: Json) -> tuple[str, str] | None:
    for container in containers(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, said = waiting.get("reason") or "", waiting.get("message")
        if reason in IMAGE:
            why = str(said or reason).rsplit(": ", 1)[-1]  # what stands before it names the image three times more
            return "image", f"cannot pull its image {sentence(container.get('image'))[:-1]!r}: {sentence(why)}"
        if reason in CONFIG:
            return "config", f"cannot start: {reason}: {sentence(said)}"
    return None


def _restarted(pod: Json, events: Sequence[Json]) -> tuple[str, str] | None:
    for container in containers(pod):
        end = ended(container)
        if end is None:
            continue
        times = _times(container)
        if any(event.get("reason") == "Killing" and "probe" in str(event.get("message")) for event in events):
            unhealthy = [event for event in events if event.get("reason") == "Unhealthy"]
            return "probe", f"was ended {times} because it failed a probe: {newest(unhealthy)}"
        reason = "" if end.get("reason") in (None, "Error") else f", {end['reason']}"
        last = f"exit code {end.get('exitCode')}{reason}; its last words: {last_words(end.get('message'))}"
        return "crash", f"ended {times}, the last time with {last}"
    return None


def _newest_warning(events: Sequence[Json]) -> tuple[str, str]:
    warnings = [event for event in events if event.get("type") == "Warning"]
    if not warnings:
        return "", ""
    probe = max(warnings, key=seen).get("reason") == "Unhealthy"
    return "probe" if probe else "event", f"is not ready: {newest(warnings)}"


def _of_replicasets(replicasets: Iterable[Json]) -> Iterator[Trouble]:
    for item in replicasets:
        failure = condition(item, "ReplicaFailure")
        if failure.get("status") == "True" and (item.get("spec") or {}).get("replicas", 1):
            name, words = item["metadata"]["name"], sentence(failure.get("message"))
            kind = "quota" if "exceeded quota" in words else "refused"
            since = instant(failure.get("lastTransitionTime"))
            yield Trouble(kind, name, f"No pods can be made for {name}: {words}", since)


def _of_jobs(jobs: Iterable[Json], pods: Sequence[Json], events: Sequence[Json], alone: bool) -> Iterator[Trouble]:
    """Say which jobs failed, and which cannot start where they are `alone` in that."""
    for job in jobs:
        name = job["metadata"]["name"]
        mine = [pod for pod in pods if owner(pod, "Job") == name]
        if failed := failure(job, mine, events):
            yield Trouble(failed[0], name, failed[1], instant(condition(job, "Failed").get("lastTransitionTime")))
        elif alone and not (job.get("status") or {}).get("succeeded"):
            for pod in mine:
                kind, words = _unplaced(pod) or _waiting(pod) or ("", "")
                if kind:
                    pod_name = pod["metadata"]["name"]
                    since = instant(pod["metadata"].get("creationTimestamp"))
                    yield Trouble(kind, pod_name, f"Pod {pod_name} of job {name} {words}", since)


def _times(container: Json) -> str:
    ends = int(container.get("restartCount") or 0) + bool((container.get("state") or {}).get("terminated"))
    return {0: "once", 1: "once", 2: "twice"}.get(ends, f"{ends} times")
