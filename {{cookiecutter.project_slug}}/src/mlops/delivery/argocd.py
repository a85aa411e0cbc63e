"""What Argo CD knows of an application: a typed wrapper over the `argocd` binary and its JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from mlops.contract.errors import MlopsError
from mlops.delivery.argocd_app import App, Json, read
from mlops.delivery.argocd_run import Binary, Forbidden, NoSuchApplication
from mlops.delivery.kube_words import instant

__all__ = ["App", "Argocd", "Deployed", "read"]

ASK, RENDER = 30.0, 90.0  # seconds
MARGIN = 15.0  # seconds for the binary to say that its own time is over


@dataclass(frozen=True)
class Deployed:
    """A sync that succeeded: its number, its commit and when it ended."""

    id: int
    revision: str
    at: datetime


# Inside the class `list` is a method.
Deployments = list[Deployed]
Manifests = list[Json]


class Argocd:
    """Argo CD as the environment names it: ARGOCD_SERVER and ARGOCD_AUTH_TOKEN, ARGOCD_OPTS, or the kubeconfig.

    Every method raises MlopsError where Argo CD could not be asked; all but `get` and `list` also where there is no
    such application.
    """

    def __init__(self, binary: Binary | None = None, project: str = "") -> None:
        """Choose the program that is run, and the project whose applications are asked for; "" is any."""
        self._binary = binary or Binary()
        self._project = project or "*"

    def get(self, name: str, *, refresh: bool = False) -> App | None:
        """Look an application up; None where there is none.

        Args:
            name: Its name.
            refresh: Let Argo CD compare it with Git first.
        """
        try:
            return read(self._get(name, refresh=refresh))
        except NoSuchApplication:
            return None
        except Forbidden:
            if self._may_read(name):
                return None
            raise

    def list(self, project: str = "") -> list[App]:
        """List applications by name, of one project or of all."""
        chosen = ("--project", project) if project else ()
        found = self._json("app", "list", *chosen, "--output", "json")
        return sorted((read(app) for app in found or []), key=lambda app: app.name)

    def diff(self, name: str, revision: str | None = None) -> str:
        """Show how what runs would change, by default to the commit that Argo CD follows; "" if not at all."""
        wanted = ("--revision", revision) if revision else ()
        return self._binary.run("app", "diff", name, "--exit-code=false", *wanted, timeout=RENDER)

    def wait(self, name: str, *, timeout: float) -> App:
        """Wait until an application is synced and healthy and nothing is under way; then, or at the end, look it up.

        It returns early where a resource becomes Degraded. Whether it ran the right commit is for the caller to see.
        """
        self._until("app", "wait", name, "--sync", "--health", "--operation", timeout=timeout, again=True)
        return self._known(name)

    def history(self, name: str) -> Deployments:
        """List the syncs that succeeded, newest first."""
        entries = self._get(name)["status"].get("history") or []
        return [Deployed(int(e["id"]), e["revision"], instant(e["deployedAt"])) for e in reversed(entries)]

    def sync(self, name: str, *, timeout: float) -> App:
        """Let Argo CD apply the commit it follows, wait for the end, and look the application up."""
        self._until("app", "sync", name, "--prune", timeout=timeout, again=False)
        return self._known(name)

    def manifests(self, name: str, *, revision: str | None = None) -> Manifests:
        """Let Argo CD render the manifests of a commit, by default of the one it follows."""
        wanted = ("--revision", revision) if revision else ()
        text = self._binary.run("app", "manifests", name, *wanted, timeout=RENDER)
        return [document for document in yaml.safe_load_all(text) if document]

    def logs(self, name: str, *, lines: int = 100) -> str:
        """Give the last lines of each of the application's containers."""
        return self._binary.run("app", "logs", name, "--tail", str(lines), timeout=ASK)

    def _get(self, name: str, *, refresh: bool = False) -> Json:
        wanted = ("--refresh",) if refresh else ()
        found: Json = self._json("app", "get", name, *wanted, "--output", "json")
        return found

    def _may_read(self, name: str) -> bool:
        answer = self._binary.run("account", "can-i", "get", "applications", f"{self._project}/{name}", timeout=ASK)
        return answer.strip() == "yes"

    def _known(self, name: str) -> App:
        return read(self._get(name))

    def _until(self, *args: str, timeout: float, again: bool) -> None:
        """Run what waits. It also fails when time is over or a resource is Degraded: the application tells which."""
        seconds = max(1, round(timeout))
        try:
            self._binary.run(
                *args, "--timeout", str(seconds), "--output", "json", timeout=timeout + MARGIN, again=again
            )
        except NoSuchApplication:
            raise
        except MlopsError as error:
            if not any(words in str(error) for words in ("timed out (", "health state has transitioned", "phase:")):
                raise

    def _json(self, *args: str) -> Any:
        text = self._binary.run(*args, timeout=ASK)
        try:
            return json.loads(text)
        except ValueError:
            words = (
                f"`argocd {' '.join(args[:2])}` answered no JSON: {text[:80]!r}. Is it Argo CD's program, 3.0 or newer?"
            )
            raise MlopsError(words) from None
