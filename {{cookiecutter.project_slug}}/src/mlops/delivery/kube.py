"""A small read-only adapter over the `kubernetes` client: the pods of an environment, and what ails them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.delivery.kube_words import brief, cluster_name, instant, refusal, silent
from mlops.delivery.pod_facts import is_ready
from mlops.delivery.trouble import Trouble, explain

SECONDS = (3.05, 10.0)  # to connect, to answer
PORT = 8000
SERVER = "server"  # the chart's name of the container; a mesh may add others
ENDED = ("Succeeded", "Failed")
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod that serves, or should: `digest` is the image's that really runs, None until one does."""

    name: str
    release: str | None
    digest: str | None
    ready: bool
    restarts: int
    started: datetime | None
    waiting: str = ""


class Kube:
    """The cluster that the current context of the kubeconfig names, or the one that this process is a pod of."""

    def __init__(self) -> None:
        """Read the configuration; nothing is asked yet.

        Raises:
            MlopsError: There is none.
        """
        from kubernetes import client

        self.context, settings = _configuration()
        settings.retries = False
        self._host = str(settings.host)
        self._api = client.ApiClient(settings)
        self._core, self._apps, self._batch = (
            client.CoreV1Api(self._api), client.AppsV1Api(self._api), client.BatchV1Api(self._api),
        )  # fmt: skip

    def pods(self, namespace: str, selector: str) -> list[Pod]:
        """List the pods that a label selector finds, oldest first, without jobs' and without those that are ending.

        Nor those that have ended, which no container runs in any more: an evicted pod stays listed for a long time.

        Raises:
            MlopsError: The cluster does not answer, or does not let us.
        """
        found = self._list("pods", namespace, self._core.list_namespaced_pod, label_selector=selector)
        return sorted((_pod(item) for item in found if _serves(item)), key=lambda pod: (str(pod.started), pod.name))

    def version(self, namespace: str, pod: str) -> dict[str, Any] | None:
        """Ask a pod for `/version` through the API server; None where the pod does not answer.

        Raises:
            MlopsError: The cluster does not answer, or does not let us.
        """
        from kubernetes.client import ApiException

        try:
            answer = self._ask(
                "pods/proxy",
                namespace,
                self._core.connect_get_namespaced_pod_proxy_with_path,
                f"{pod}:{PORT}",
                namespace,
                "version",
            )
        except MlopsError as error:
            cause = error.__cause__
            if isinstance(cause, ApiException) and cause.status not in (401, 403):
                return None
            raise
        return dict(answer) if isinstance(answer, dict) else None

    def troubles(self, namespace: str) -> list[Trouble]:
        """Say what keeps the pods of a namespace from serving, newest first.

        Raises:
            MlopsError: The cluster does not answer, or does not let us.
        """
        return explain(
            pods=self._list("pods", namespace, self._core.list_namespaced_pod),
            replicasets=self._list("replicasets", namespace, self._apps.list_namespaced_replica_set),
            jobs=self._list("jobs", namespace, self._batch.list_namespaced_job),
            events=self._list("events", namespace, self._core.list_namespaced_event),
        )

    def _list(self, what: str, namespace: str, method: Callable[..., Any], **options: str) -> list[Json]:
        answer = self._ask(what, namespace, method, namespace, **options)
        return list(answer.get("items") or []) if isinstance(answer, dict) else []

    def _ask(self, what: str, namespace: str, method: Callable[..., Any], *args: str, **options: str) -> Any:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            # The raw answer: the client turns what a pod says into Python's words, and JSON is all that we need.
            return json.loads(method(*args, **options, _preload_content=False, _request_timeout=SECONDS).data)
        except ApiException as error:
            who, read = cluster_name(self.context, self._host), f"read {what} in namespace {namespace!r}"
            words = refusal(who, error.status, what=read, ask="for that right", said=f"{error.reason}.")
            raise MlopsError(words) from error
        except (HTTPError, OSError) as error:
            raise MlopsError(silent(cluster_name(self.context, self._host), error)) from error
        except ValueError:
            return None


def _configuration() -> tuple[str, Any]:
    """Find the kubeconfig's current context; in a pod, the cluster it runs in."""
    from kubernetes import client
    from kubernetes import config as untyped
    from yaml import YAMLError

    config: Any = untyped
    settings = client.Configuration()
    try:
        # Named here, because the library looks at KUBECONFIG only once, when it is imported.
        file = os.environ.get("KUBECONFIG")
        _, active = config.list_kube_config_contexts(config_file=file)
        config.load_kube_config(config_file=file, client_configuration=settings)
        return str(active["name"]), settings
    except (config.ConfigException, OSError, TypeError, YAMLError) as error:
        try:
            config.load_incluster_config(client_configuration=settings)
        except config.ConfigException:
            raise MlopsError(
                f"No Kubernetes cluster is configured: {brief(error)}. Set KUBECONFIG, or choose a context: "
                "`kubectl config use-context NAME`."
            ) from error
        return "in-cluster", settings


def _serves(item: Json) -> bool:
    meta = item["metadata"]
    owners = {owner.get("kind") for owner in meta.get("ownerReferences") or ()}
    ended = (item.get("status") or {}).get("phase") in ENDED
    return "Job" not in owners and not meta.get("deletionTimestamp") and not ended


def _pod(item: Json) -> Pod:
    meta, status = item["metadata"], item.get("status") or {}
    containers: list[Json] = list(status.get("containerStatuses") or ())
    container = next((one for one in containers if one.get("name") == SERVER), next(iter(containers), {}))
    return Pod(
        name=str(meta["name"]),
        release=(meta.get("annotations") or {}).get("mlops/release"),
        digest=_digest(container.get("imageID") or ""),
        ready=is_ready(item),
        restarts=int(container.get("restartCount") or 0),
        started=instant(status.get("startTime") or meta.get("creationTimestamp")),
        waiting=str(((container.get("state") or {}).get("waiting") or {}).get("reason") or ""),
    )


def _digest(image_id: str) -> str | None:
    """Read `REPOSITORY@sha256:…`; a bare `sha256:…` is the name of a configuration, not of an image."""
    _, at, digest = image_id.rpartition("@")
    return digest if at else None
