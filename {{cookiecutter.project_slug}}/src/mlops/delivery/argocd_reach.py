"""Where Argo CD is: what the environment says about its server, its login and the kubeconfig."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from mlops.contract.errors import MlopsError

NAMESPACE = "argocd"


def is_core(environ: Mapping[str, str]) -> bool:
    """Tell whether nothing names an Argo CD server, so that the cluster itself is to be asked."""
    named = ("--server", "--core", "--port-forward", "--argocd-context", "--config")
    given = [word.partition("=")[0] for word in options(environ)]
    return not (environ.get("ARGOCD_SERVER") or set(named) & set(given) or _logged_in(environ))


def options(environ: Mapping[str, str]) -> list[str]:
    """Split ARGOCD_OPTS into words."""
    try:
        return shlex.split(environ.get("ARGOCD_OPTS", ""))
    except ValueError as error:
        raise MlopsError(f"ARGOCD_OPTS cannot be read as words: {error}. Mend its quotes.") from None


def _logged_in(environ: Mapping[str, str]) -> bool:
    home = Path(environ.get("HOME", "/"))
    chosen = environ.get("ARGOCD_CONFIG_DIR")
    folders = [Path(chosen)] if chosen else [home / ".argocd", _xdg(environ, home) / "argocd"]
    return any((folder / "config").is_file() for folder in folders)


def _xdg(environ: Mapping[str, str], home: Path) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config")


@contextmanager
def kubeconfig(environ: Mapping[str, str], core: bool) -> Iterator[dict[str, str]]:
    """Name Argo CD's namespace for a run without a server, which would take the context's; no credential is copied."""
    context = current_context(environ) if core or "--core" in options(environ) else None
    if context is None or context["context"].get("namespace") == NAMESPACE:
        yield dict(environ)
        return
    here = {"name": context["name"], "context": {**context["context"], "namespace": NAMESPACE}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "context"
        path.write_text(yaml.safe_dump({"current-context": here["name"], "contexts": [here]}), encoding="utf-8")
        yield {**environ, "KUBECONFIG": os.pathsep.join([str(path), *map(str, _kubeconfigs(environ))])}


def current_context(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Find the kubeconfig's current context, as kubectl does: the first file that says something counts."""
    files = [_read(path) for path in _kubeconfigs(environ) if path.is_file()]
    name = next((file["current-context"] for file in files if file.get("current-context")), None)
    contexts = [context for file in files for context in file.get("contexts") or []]
    return next((context for context in contexts if context.get("name") == name), None)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, yaml.YAMLError):
        # The error would quote the file, which holds credentials.
        raise MlopsError(f"{path}: no readable kubeconfig. Mend it, or let KUBECONFIG name another one.") from None
    return found if isinstance(found, dict) else {}


def _kubeconfigs(environ: Mapping[str, str]) -> list[Path]:
    named = [Path(part) for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return named or [Path(environ.get("HOME", "/")) / ".kube" / "config"]
