"""What runs for an environment, as far as somebody answers: Argo CD, the cluster's pods, a server on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from mlops.contract.errors import MlopsError
from mlops.delivery import local
from mlops.delivery.argocd import App
from mlops.delivery.git import Git
from mlops.delivery.kube import Pod
from mlops.delivery.layout import RECORD, folder
from mlops.delivery.records import Record, parse
from mlops.delivery.trouble import Trouble
from mlops.settings import Settings

Told = Mapping[str, Any]


class Applications(Protocol):
    """Argo CD, as far as it is asked here."""

    def get(self, name: str) -> App | None:
        """Look an application up."""


class Cluster(Protocol):
    """The Kubernetes API, as far as it is asked here."""

    def pods(self, namespace: str, selector: str) -> list[Pod]:
        """List pods."""

    def version(self, namespace: str, pod: str) -> Told | None:
        """Ask a pod for `/version`."""

    def troubles(self, namespace: str) -> list[Trouble]:
        """Say what keeps pods from serving."""


@dataclass(frozen=True)
class Applied:
    """What a commit that Argo CD names holds for the environment; `known` is False where main has no such commit."""

    commit: str
    record: Record | None
    known: bool = True


@dataclass(frozen=True)
class Live:
    """What was seen of one environment.

    Args:
        app: What Argo CD says; None where there is no application.
        applied: What the commit names that Argo CD applied last.
        pods: The pods; None where they were not asked for.
        versions: What each server answers at /version, by pod or address; None where it does not answer.
        troubles: What keeps pods from serving, newest first.
        unasked: What could not be asked (argocd, pods, versions, troubles), and why.
    """

    target: str
    app: App | None = None
    applied: Applied | None = None
    pods: tuple[Pod, ...] | None = None
    versions: Mapping[str, Told | None] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    unasked: Mapping[str, str] = field(default_factory=dict)


def name_of(slug: str, env: str) -> str:
    """Name an environment's application, which is its namespace too."""
    return f"{slug}-{env}"


def on_this_machine(settings: Settings, env: str) -> Live:
    """Look at what `mlops local` serves for an environment."""
    there = local.running(settings, env)
    where = there.url if there else "this machine"
    try:
        answer = local.live(settings, env)
    except MlopsError as error:
        return Live("local", versions={where: None}, troubles=(Trouble("silent", where, str(error), None),))
    return Live("local", versions={} if answer is None else {where: answer})


def in_cluster(git: Git, slug: str, env: str, argocd: Callable[[], Applications], kube: Callable[[], Cluster]) -> Live:
    """Look at what Argo CD and the cluster say of an environment; who does not answer is named in `unasked`."""
    live = of_pods(slug, env, kube)
    try:
        app = argocd().get(name_of(slug, env))
    except MlopsError as error:
        return replace(live, unasked={"argocd": str(error), **live.unasked})
    return replace(live, app=app, applied=applied(git, env, last_applied(app)) if app else None)


def of_pods(slug: str, env: str, kube: Callable[[], Cluster]) -> Live:
    """Look at the pods of an environment alone."""
    namespace = name_of(slug, env)
    try:
        cluster = kube()
        pods = cluster.pods(namespace, f"app.kubernetes.io/instance={slug}")
    except MlopsError as error:
        return Live("argocd", unasked={"pods": str(error)})
    live = _with_versions(Live("argocd", pods=tuple(pods)), cluster, namespace)
    try:
        return replace(live, troubles=tuple(cluster.troubles(namespace)))
    except MlopsError as error:
        return replace(live, unasked={**live.unasked, "troubles": str(error)})


def told(answer: Told) -> Told:
    """Read what `/version` answers as flat facts, named as the record names them."""
    facts = answer.get("release") or {}
    digest = (facts.get("image") or {}).get("digest")
    return {**facts, "release": facts.get("id"), "digest": digest, "model_sha256": answer.get("model_sha256")}


def last_applied(app: App) -> str:
    """Name the commit whose manifests are in the cluster, as far as Argo CD got with it."""
    return app.revision if app.sync == "Synced" else app.synced


def applied(git: Git, env: str, commit: str) -> Applied | None:
    """Read the record of a commit; None where there is no commit."""
    if not commit:
        return None
    if git.attempt("cat-file", "-e", f"{commit}^{{commit}}").returncode:
        return Applied(commit, None, known=False)
    path = f"{folder(env)}/{RECORD}"
    text = git.show(commit, path)
    try:
        return Applied(commit, None if text is None else parse(text, path))
    except MlopsError:
        return Applied(commit, None)


def _with_versions(live: Live, cluster: Cluster, namespace: str) -> Live:
    versions: dict[str, Told | None] = {}
    for pod in live.pods or ():
        if pod.ready:
            try:
                answer = cluster.version(namespace, pod.name)
            except MlopsError as error:
                return replace(live, unasked={"versions": str(error)})
            versions[pod.name] = told(answer) if answer else None
    silent = [name for name, answer in versions.items() if answer is None]
    why = {"versions": f"{', '.join(silent)} did not answer /version through the API server."} if silent else {}
    return replace(live, versions=versions, unasked=why)
