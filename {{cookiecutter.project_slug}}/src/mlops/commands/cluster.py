"""`mlops cluster up|bootstrap`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mlops.commands.words import say
from mlops.delivery import bootstrap as boot
from mlops.delivery import kind
from mlops.delivery.cluster import Cluster
from mlops.settings import Settings, find


def up(name: str) -> None:
    """Make a kind cluster with Argo CD, or find it, and say what comes next."""
    kind.up(name, say)
    say(f"next      `mlops cluster bootstrap` tells its Argo CD to follow this repository: context kind-{name}")
    say(f"look      `kubectl --context kind-{name} -n argocd get applications`, or `mlops status`")
    say(f"end it    `kind delete cluster --name {name}`")


def bootstrap() -> None:
    """Apply deploy/argocd and the credentials that the environment names to the current context's cluster."""
    settings = find()
    manifests = boot.manifests(settings.root, settings.slug, settings.branch, os.environ)
    cluster = Cluster()
    say(f"{'context':<10}{cluster.context} ({cluster.host})")
    cluster.check()
    for manifest in manifests:
        applied = cluster.apply(manifest, boot.manager(settings.slug))
        say(f"{applied.done:<10}{applied.kind} {applied.name}")
    for line in _missing(cluster, settings):
        say(f"{'note':<10}{line}")


def _missing(cluster: Cluster, settings: Settings) -> Iterator[str]:
    name = boot.repository_secret(settings.slug)
    if cluster.get("Secret", name) is None:
        yield (
            "no credential for the repository, so that everyone must be able to read it. For a private one set "
            "MLOPS_GIT_TOKEN (and MLOPS_GIT_USERNAME), or MLOPS_GIT_SSH_KEY_FILE, and run this again"
        )
    key = boot.status_key(settings.slug)
    if key not in ((cluster.get("Secret", boot.NOTIFIER) or {}).get("data") or {}):
        yield (
            "no token for commit statuses, so that the forge hears nothing. Set MLOPS_STATUS_TOKEN, one that may write "
            "commit statuses and nothing else, and run this again"
        )
