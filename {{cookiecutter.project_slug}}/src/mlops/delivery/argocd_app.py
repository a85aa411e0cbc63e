"""An application as Argo CD's API describes it, read into what delivery needs to know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops.delivery.kube_words import instant

Json = dict[str, Any]
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
WELL = ("Healthy", "Progressing", "Suspended")


@dataclass(frozen=True)
class App:
    """An application as Argo CD last saw it.

    Args:
        name: Its name.
        namespace: The namespace of its resources.
        sync: Synced, OutOfSync or Unknown.
        health: Healthy, Progressing, Degraded, Suspended, Missing or Unknown.
        revision: The commit it was last compared with; "" where its manifests could not be rendered.
        synced: The commit of the last finished or running sync; "" if there was none.
        since: Since when its health is what it is.
        operation: Running, Succeeded, Failed or Error; "" if there was none.
        message: What the operation says.
        release: The application's annotation; it can be ahead of `synced`.
        images: The images of what runs.
        troubles: Conditions and unhealthy resources, each in words.
        ill: The unhealthy resources, as Kind/name; empty too where Argo CD does not tell them.
    """

    name: str
    namespace: str
    sync: str
    health: str
    revision: str
    synced: str
    since: datetime | None
    operation: str
    message: str
    release: str
    images: tuple[str, ...]
    troubles: tuple[str, ...]
    ill: tuple[str, ...] = ()


def read(app: Json) -> App:
    """Read an application as Argo CD's API gives it."""
    status: Json = app.get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    operation: Json = status.get("operationState") or {}
    history = status.get("history") or []
    last = (operation.get("syncResult") or {}).get("revision") or (history[-1]["revision"] if history else "")
    since = health.get("lastTransitionTime")
    return App(
        name=app["metadata"]["name"],
        namespace=app["spec"]["destination"].get("namespace", ""),
        sync=sync.get("status", "Unknown"),
        health=health.get("status", "Unknown"),
        revision=_commit(sync.get("revision", "")),
        synced=last,
        since=instant(since),
        operation="Running" if app.get("operation") else _phase(operation),
        message=operation.get("message", ""),
        release=(app["metadata"].get("annotations") or {}).get("release", ""),
        images=tuple(sorted((status.get("summary") or {}).get("images") or [])),
        troubles=tuple(_troubles(status)),
        ill=tuple(f"{one['kind']}/{one['name']}" for one in _ill(status)),
    )


def _commit(revision: str) -> str:
    """Argo CD names the branch while it has no commit to speak of."""
    return revision if COMMIT.fullmatch(revision) else ""


def _phase(operation: Json) -> str:
    phase: str = operation.get("phase", "")
    return "Running" if phase == "Terminating" else phase


def _troubles(status: Json) -> Iterator[str]:
    for condition in status.get("conditions") or []:
        yield f"{condition['type']}: {condition['message']}"
    result = (status.get("operationState") or {}).get("syncResult") or {}
    for resource in result.get("resources") or []:
        if resource.get("status") == "SyncFailed" or resource.get("hookPhase") in ("Failed", "Error"):
            yield _words(resource, resource.get("status") or resource["hookPhase"], resource.get("message", ""))
    for resource in _ill(status):
        yield _words(resource, resource["health"]["status"], resource["health"].get("message", ""))


def _ill(status: Json) -> Iterator[Json]:
    if (status.get("health") or {}).get("status") == "Healthy":
        return
    for resource in status.get("resources") or []:
        if (resource.get("health") or {}).get("status", "Healthy") not in WELL:
            yield resource


def _words(resource: Json, state: str, message: str) -> str:
    return f"{resource['kind']} {resource['name']} {state}" + (f": {message}" if message else "")
