"""What became of the jobs of a namespace: a wrong answer, or none because a job could not ask."""

from __future__ import annotations

from collections.abc import Sequence

from mlops.delivery.kube_words import last_words, sentence
from mlops.delivery.pod_facts import Json, condition, containers, ended, newest

WRONG, COULD_NOT_ASK = 1, 2  # exit codes of mlops.serving.smoke: a wrong answer, and nobody who answered
NEVER_RAN = {"StartError", "ContainerCannotRun"}
OWN = {"DeadlineExceeded", "BackoffLimitExceeded"}  # events in which a job says what its condition says


def failure(job: Json, pods: Sequence[Json], events: Sequence[Json]) -> tuple[str, str] | None:
    """Say why a job failed for good; None where it has not.

    Kubernetes deletes the pods of a job whose deadline has passed: what kept them from starting, only events say then.

    Args:
        job: The job, as the API gives it; so the others.
        pods: Its pods.
        events: Those of the namespace.

    Returns:
        The kind, "job" or "unasked", and a sentence. "unasked": its container never ran to an end, or ended with the
        exit code for a service that could not be reached. Where nobody knows, it is "job".
    """
    failed, name = condition(job, "Failed"), job["metadata"]["name"]
    if failed.get("status") != "True":
        return None
    ends = [end for pod in pods for container in containers(pod) if (end := ended(container))]
    last = max(ends, key=lambda end: str(end.get("finishedAt")), default={})
    reason, code = failed.get("reason") or "no reason given", last.get("exitCode")
    how = reason if code is None else f"{reason}, exit code {code}"
    said = last_words(last["message"]) if last.get("message") else _why(name, failed, events)
    return _kind(reason, last, pods), f"Job {name} failed ({how}): {said}"


def _kind(reason: str, last: Json, pods: Sequence[Json]) -> str:
    code = last.get("exitCode")
    if reason == "DeadlineExceeded":
        return "job" if code == WRONG else "unasked"
    if not last:
        return "unasked" if pods else "job"
    return "unasked" if code == COULD_NOT_ASK or last.get("reason") in NEVER_RAN else "job"


def _why(name: str, failed: Json, events: Sequence[Json]) -> str:
    mine = [one for one in events if one.get("type") == "Warning" and _of(name, one) and one.get("reason") not in OWN]
    own = sentence(failed.get("message"))
    return f"{own} {newest(mine)}" if mine else own


def _of(name: str, event: Json) -> bool:
    about = event["involvedObject"]
    own = about.get("kind") == "Job" and about.get("name") == name
    return own or (about.get("kind") == "Pod" and str(about.get("name")).startswith(f"{name}-"))
