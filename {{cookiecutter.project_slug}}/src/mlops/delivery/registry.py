"""Ask an image registry what a repository holds, and delete from it."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.delivery.registry_client import Client

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
ACCEPT = {"Accept": ", ".join((*MANIFESTS, *INDEXES))}
PAGE = 1000


def lookup(repository: str, reference: str, *, patient: bool = True) -> str | None:
    """Find the digest of a tag (or of a digest); None where the repository has none such.

    Args:
        repository: `REGISTRY/NAME`.
        reference: The tag or digest.
        patient: Try again, and wait long; else ask once and wait for seconds.

    Raises:
        MlopsError: The registry cannot be reached, refuses, or answers with an error.
    """
    return _digest(Client(repository, patient=patient), reference)


def known(repository: str) -> bool:
    """Tell whether the registry knows a repository, and lets us see it."""
    return bool(Client(repository, patient=False).ask("GET", "tags/list?n=1").status_code == 200)


def labels(repository: str, digest: str) -> dict[str, str]:
    """Read the labels of an image.

    Raises:
        MlopsError: As `lookup`, or there is no such image.
    """
    client = Client(repository)
    manifest = _manifest(client, digest)
    # An index may also list what a builder attests, which runs nowhere.
    parts = [part for part in manifest.get("manifests", []) if part.get("platform", {}).get("os") != "unknown"]
    config = (_manifest(client, parts[0]["digest"]) if parts else manifest).get("config", {})
    found: dict[str, str] | None = _json(client, f"blobs/{config.get('digest')}").get("config", {}).get("Labels")
    return found or {}


def tags(repository: str) -> dict[str, str]:
    """List every tag with its digest; none where there is no such repository."""
    client = Client(repository)
    names: list[str] = []
    path: str | None = f"tags/list?n={PAGE}"
    while path:
        answer = client.ask("GET", path)
        if answer.status_code == 404:
            break
        names += answer.json().get("tags") or []
        path = _next(answer)
    with ThreadPoolExecutor(8) as pool:
        digests = list(pool.map(lambda name: _digest(client, name), names))
    return {name: digest for name, digest in sorted(zip(names, digests, strict=True)) if digest}


def delete(repository: str, digest: str) -> None:
    """Delete an image with all its tags; one that is gone already is well.

    Raises:
        MlopsError: As `lookup`, or the registry deletes nothing at all.
    """
    answer = Client(repository).ask("DELETE", f"manifests/{digest}")
    if answer.status_code == 405:
        raise MlopsError(
            f"The registry of {repository!r} deletes nothing (405). Allow deletion there, or delete {digest} by its "
            "own means."
        )


def size(repository: str, digest: str) -> int:
    """Sum up the bytes of an image: its layers and its configuration, as the registry stores them."""
    return sum(blobs(repository, digest).values())


def blobs(repository: str, digest: str) -> dict[str, int]:
    """List what an image consists of, by digest, in bytes: images of one base share most of it."""
    client = Client(repository)
    return _blobs(client, _manifest(client, digest))


def _blobs(client: Client, manifest: dict[str, Any]) -> dict[str, int]:
    if "manifests" in manifest:
        inner = (_manifest(client, part["digest"]) for part in manifest["manifests"])
        return {key: value for part in inner for key, value in _blobs(client, part).items()}
    return {part["digest"]: part["size"] for part in (manifest["config"], *manifest["layers"])}


def _digest(client: Client, reference: str) -> str | None:
    answer = client.ask("HEAD", f"manifests/{reference}", ACCEPT)
    if answer.status_code == 404:
        return None
    told: str | None = answer.headers.get("Docker-Content-Digest")
    if told:
        return told
    return "sha256:" + hashlib.sha256(client.ask("GET", f"manifests/{reference}", ACCEPT).content).hexdigest()


def _manifest(client: Client, digest: str) -> dict[str, Any]:
    return _json(client, f"manifests/{digest}", ACCEPT)


def _json(client: Client, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = client.ask("GET", path, headers)
    if answer.status_code == 404:
        raise MlopsError(f"{client.repository!r} has no {path}. Somebody deleted it.")
    found: dict[str, Any] = answer.json()
    return found


def _next(answer: Any) -> str | None:
    url: str | None = answer.links.get("next", {}).get("url")
    return url and "/v2/" + url.partition("/v2/")[2]
