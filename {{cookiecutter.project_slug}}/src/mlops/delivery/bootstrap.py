"""What tells Argo CD to follow this repository: the manifests of deploy/argocd, and credentials of the environment."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from mlops.contract.errors import MlopsError
from mlops.delivery.cluster import NAMESPACE, PLACES, Manifest

FOLDER = "deploy/argocd"
FILES = ("project", "notifications", "applicationset")
NOTIFIER = "argocd-notifications-secret"


def manager(slug: str) -> str:
    """Name the field manager that owns what this repository applies, and nothing else of a shared object."""
    return f"mlops-{slug}"


def manifests(root: Path, slug: str, branch: str, environ: Mapping[str, str]) -> list[Manifest]:
    """Read what to apply, in order: the project, secrets from the environment, notifications, applications.

    Raises:
        MlopsError: A file is missing or unreadable, a credential does not fit the repository's address, or another
            branch is followed than the one that is released.
    """
    project, notifications, applications = (_read(root / FOLDER / f"{name}.yaml") for name in FILES)
    url = applications["spec"]["generators"][0]["git"]["repoURL"]
    _require_branch(applications, branch)
    return [project, *_secrets(slug, url, environ), notifications, applications]


def _read(path: Path) -> Manifest:
    try:
        found: Manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
        if found["kind"] in PLACES and found["metadata"]["namespace"] == NAMESPACE:
            return found
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise MlopsError(f"{path}: no readable manifest: {error}. Restore it from Git.") from error
    raise MlopsError(f"{path}: {found['kind']} is none of {', '.join(PLACES)} in namespace {NAMESPACE!r}. Restore it.")


def _require_branch(applications: Manifest, branch: str) -> None:
    spec = applications["spec"]
    followed = {spec["generators"][0]["git"]["revision"], spec["template"]["spec"]["source"]["targetRevision"]}
    if followed != {branch}:
        raise MlopsError(
            f"{FOLDER}/applicationset.yaml follows {', '.join(map(repr, sorted(followed)))}, and `branch` in "
            f"pyproject.toml is {branch!r}: releases would never arrive. Write that as revision and targetRevision."
        )


def _secrets(slug: str, url: str, environ: Mapping[str, str]) -> Iterator[Manifest]:
    if login := credential(url, environ):
        labels = {"argocd.argoproj.io/secret-type": "repository"}
        yield _secret(repository_secret(slug), labels, {"type": "git", "url": url, **login})
    if token := environ.get("MLOPS_STATUS_TOKEN"):
        yield _secret(NOTIFIER, {}, {status_key(slug): token})


def repository_secret(slug: str) -> str:
    """Name the Secret that holds the repository's credential."""
    return f"{slug}-repository"


def status_key(slug: str) -> str:
    """Name the key under which Argo CD's notifications find the token for commit statuses."""
    return f"{slug}-status-token"


def credential(url: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Take the repository's credential from the environment; empty where it names none.

    Raises:
        MlopsError: It does not fit the address, or the key cannot be read.
    """
    token, key = environ.get("MLOPS_GIT_TOKEN", ""), environ.get("MLOPS_GIT_SSH_KEY_FILE", "")
    web = url.startswith(("https://", "http://"))
    if token and not web:
        raise MlopsError(f"MLOPS_GIT_TOKEN is set and {url!r} is read over SSH. Set MLOPS_GIT_SSH_KEY_FILE instead.")
    if key and web:
        raise MlopsError(f"MLOPS_GIT_SSH_KEY_FILE is set and {url!r} is read over HTTPS. Set MLOPS_GIT_TOKEN instead.")
    if token:
        return {"username": environ.get("MLOPS_GIT_USERNAME") or "git", "password": token}
    if not key:
        return {}
    try:
        return {"sshPrivateKey": Path(key).expanduser().read_text(encoding="utf-8")}
    except (OSError, UnicodeDecodeError) as error:
        raise MlopsError(f"MLOPS_GIT_SSH_KEY_FILE: {key!r} cannot be read: {error}.") from None


def _secret(name: str, labels: dict[str, str], values: dict[str, str]) -> Manifest:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    metadata = {"name": name, "namespace": NAMESPACE, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
