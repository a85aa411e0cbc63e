"""Single facts of the objects that the Kubernetes API gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mlops.delivery.kube_words import instant, sentence

Json = Mapping[str, Any]
EPOCH = datetime.fromtimestamp(0, UTC)


def condition(item: Json, kind: str) -> Json:
    """Give a condition; {} where there is none."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), {})


def is_ready(pod: Json) -> bool:
    """Tell whether a pod takes requests."""
    return str(condition(pod, "Ready").get("status")) == "True"


def containers(pod: Json) -> list[Json]:
    """List what is told of a pod's containers, those that run first in front."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def ended(container: Json) -> Json | None:
    """Give the end of a container that is not ready: the one of this moment, or the one before it started again."""
    states = (container.get("state") or {}, container.get("lastState") or {})
    return next((state["terminated"] for state in states if state.get("terminated")), None)


def owner(item: Json, kind: str) -> str:
    """Name the owner of a kind; "" where there is none."""
    owners = item["metadata"].get("ownerReferences") or ()
    return next((owner["name"] for owner in owners if owner.get("kind") == kind), "")


def seen(event: Json) -> datetime:
    """Tell when an event was seen last."""
    last = (event.get("series") or {}).get("lastObservedTime") or event.get("lastTimestamp")
    return instant(last or event.get("eventTime")) or EPOCH


def newest(events: Sequence[Json]) -> str:
    """Say what the newest event says."""
    event = max(events, key=seen, default={})
    return sentence(event.get("message") or event.get("reason"))
