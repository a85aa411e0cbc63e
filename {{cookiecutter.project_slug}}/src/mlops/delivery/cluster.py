"""The cluster as who runs Argo CD may write to it: objects of its namespace, placed by server-side apply."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.delivery.kube_words import brief, cluster_name, refusal, silent

Manifest = dict[str, Any]
NAMESPACE = "argocd"
SECONDS = (3.05, 20.0)  # to connect, to answer
PLACES = {
    "AppProject": "/apis/argoproj.io/v1alpha1/namespaces/{}/appprojects",
    "ApplicationSet": "/apis/argoproj.io/v1alpha1/namespaces/{}/applicationsets",
    "ConfigMap": "/api/v1/namespaces/{}/configmaps",
    "Secret": "/api/v1/namespaces/{}/secrets",
}
CRDS = ("applications", "applicationsets", "appprojects")
NO_ARGOCD = (
    "Install Argo CD 3.3 or newer in its namespace 'argocd' "
    "(https://argo-cd.readthedocs.io/en/stable/getting_started/), or `mlops cluster up` makes a cluster that has it."
)


@dataclass(frozen=True)
class Applied:
    """What applying an object came to: `done` is created, changed or unchanged."""

    kind: str
    name: str
    done: str


class Cluster:
    """The cluster of the kubeconfig's current context, as its user may write to it."""

    def __init__(self) -> None:
        """Read the kubeconfig; nothing is asked yet.

        Raises:
            MlopsError: There is none, or it names no context.
        """
        from kubernetes import client, config
        from yaml import YAMLError

        settings = client.Configuration()
        try:
            active = config.list_kube_config_contexts()[1]  # type: ignore[no-untyped-call]
            config.load_kube_config(client_configuration=settings)  # type: ignore[no-untyped-call]
        except (config.ConfigException, OSError, TypeError, YAMLError) as error:
            raise MlopsError(
                f"No cluster is configured: {brief(error)}. Choose one with `kubectl config use-context NAME`, or "
                "make one with `mlops cluster up`."
            ) from error
        settings.retries = False
        self.context, self.host = str(active["name"]), str(settings.host)
        self._api, self._trouble = client.ApiClient(settings), client.ApiException

    def check(self) -> None:
        """Make sure that the cluster answers and has Argo CD.

        Raises:
            MlopsError: It does not, or has not.
        """
        known = self._ask("GET", "/apis/argoproj.io/v1alpha1")
        names = {resource["name"] for resource in (known or {}).get("resources", ())}
        if missing := [name for name in CRDS if name not in names]:
            raise MlopsError(f"{self._who()} knows no {', '.join(missing)} of argoproj.io. {NO_ARGOCD}")
        if self._ask("GET", f"/api/v1/namespaces/{NAMESPACE}") is None:
            raise MlopsError(f"{self._who()} has no namespace {NAMESPACE!r}. {NO_ARGOCD}")

    def get(self, kind: str, name: str) -> Manifest | None:
        """Read an object of Argo CD's namespace; None where there is none."""
        return self._ask("GET", f"{PLACES[kind].format(NAMESPACE)}/{name}")

    def apply(self, manifest: Manifest, manager: str) -> Applied:
        """Make what a manifest says so, and leave alone what it does not speak of.

        Raises:
            MlopsError: The cluster does not answer or refuses.
        """
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        before = self.get(kind, name)
        path = f"{PLACES[kind].format(NAMESPACE)}/{name}"
        query = [("fieldManager", manager), ("force", "true"), ("fieldValidation", "Strict")]
        after = self._ask("PATCH", path, manifest, query)
        if after is None:
            raise MlopsError(f"{self._who()} has no place for {kind} {name!r}. {NO_ARGOCD}")
        done = "created" if before is None else "unchanged" if _version(before) == _version(after) else "changed"
        return Applied(kind, name, done)

    def _ask(
        self, verb: str, path: str, body: Manifest | None = None, query: list[tuple[str, str]] | None = None
    ) -> Manifest | None:
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", "Content-Type": "application/apply-patch+yaml"}
        text = None if body is None else json.dumps(body)
        try:
            request = self._api.param_serialize(
                verb, path, query_params=query or [], header_params=headers, body=text, auth_settings=["BearerToken"]
            )
            answer = self._api.call_api(*request, _request_timeout=SECONDS)
            said: bytes = answer.read()  # type: ignore[no-untyped-call]
        except (HTTPError, OSError, self._trouble) as error:
            raise MlopsError(silent(self._who(), error)) from error
        if answer.status == 404:
            return None
        if answer.status >= 300:
            raise MlopsError(self._refusal(verb, path, answer.status, said))
        found: Manifest = json.loads(said)
        return found

    def _refusal(self, verb: str, path: str, status: int, said: bytes) -> str:
        what = f"{'get' if verb == 'GET' else 'create and patch'} {path!r}"
        ask = (
            "to run this command, or for that right on appprojects, applicationsets, configmaps and secrets of "
            f"namespace {NAMESPACE!r}"
        )
        try:
            words = json.loads(said)["message"]
        except (ValueError, KeyError, TypeError):
            words = said[:200].decode("utf-8", "replace")
        old = " Its Argo CD is older than 3.3, which these files need." if "unknown field" in words else ""
        return refusal(self._who(), status, what=what, ask=ask, said=f"{words}{old}")

    def _who(self) -> str:
        return cluster_name(self.context, self.host)


def _version(manifest: Manifest) -> str:
    version: str = manifest["metadata"]["resourceVersion"]
    return version
