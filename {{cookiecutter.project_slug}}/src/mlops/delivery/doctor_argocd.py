"""The doctor's questions to Argo CD, for who has access to it: CI needs none."""

from __future__ import annotations

import json
from collections.abc import Callable

from mlops.contract.errors import MlopsError
from mlops.delivery import bootstrap
from mlops.delivery.argocd_run import Binary, LoggedOut
from mlops.delivery.cluster import Cluster, Manifest
from mlops.delivery.doctor import Finding, no, ok, unknown

SECONDS = 15.0
NEEDLESS = "CI needs no access to it; whoever runs Argo CD can look."
BOOTSTRAP = "Run `mlops cluster bootstrap`: docs/guides/cluster.md."
Get = Callable[[str, str], Manifest | None]


def findings(slug: str) -> list[Finding]:
    """Ask Argo CD, and the cluster of the kubeconfig, what is there for this project."""
    try:
        get: Get | MlopsError = Cluster().get
    except MlopsError as error:
        get = error
    return [applications(slug, Binary()), applicationset(slug, get), status_token(slug, get)]


def applications(slug: str, binary: Binary) -> Finding:
    """Ask which applications there are, with the credential of the environment."""
    try:
        text = binary.run("app", "list", "--project", slug, "--output", "json", timeout=SECONDS, again=False)
        names = [str(app["metadata"]["name"]) for app in json.loads(text) or []]
    except LoggedOut as error:
        if binary.environ.get("ARGOCD_AUTH_TOKEN"):
            return no("argo cd", "ARGOCD_AUTH_TOKEN is not accepted.", str(error))
        return unknown("argo cd", f"nobody is logged in: {error}", NEEDLESS)
    except MlopsError as error:
        return unknown("argo cd", f"it could not be asked: {error}", NEEDLESS)
    except (ValueError, LookupError, TypeError):
        return unknown("argo cd", "`argocd app list` answered no JSON.", "Is it Argo CD's program, 3.0 or newer?")
    return ok("argo cd", f"the credential is accepted; {', '.join(names) or 'no application before the first release'}")


def applicationset(slug: str, get: Get | MlopsError) -> Finding:
    """Ask whether Argo CD was told to follow this repository."""
    found = _get(get, "ApplicationSet", slug)
    if isinstance(found, MlopsError):
        return unknown("following", f"whether Argo CD follows this repository: {found}", NEEDLESS)
    if found is None:
        return no(
            "following", f"there is no ApplicationSet {slug!r}: Argo CD does not follow this repository.", BOOTSTRAP
        )
    return ok("following", f"ApplicationSet {slug!r} is there")


def status_token(slug: str, get: Get | MlopsError) -> Finding:
    """Ask whether Argo CD can tell the forge what it did; the token itself is never shown."""
    found = _get(get, "Secret", bootstrap.NOTIFIER)
    if isinstance(found, MlopsError):
        return unknown("notifications", f"whether Argo CD has a token for commit statuses: {found}", NEEDLESS)
    key = bootstrap.status_key(slug)
    if key not in ((found or {}).get("data") or {}):
        says = f"{bootstrap.NOTIFIER} has no key {key!r}: the forge hears nothing, and `mlops verify` waits in vain."
        return no("notifications", says, f"Set MLOPS_STATUS_TOKEN, which may write commit statuses. {BOOTSTRAP}")
    return ok("notifications", "Argo CD has a token for commit statuses")


def _get(get: Get | MlopsError, kind: str, name: str) -> Manifest | MlopsError | None:
    if isinstance(get, MlopsError):
        return get
    try:
        return get(kind, name)
    except MlopsError as error:
        return error
