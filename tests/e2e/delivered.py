"""A baked project that a real cluster follows: releases go out by Git, and what runs is asked."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import yaml
from e2e.place import Place
from living import LivingProject

TICK = 0.1
ALIKE = 30  # For a second after a rollout an old pod may still answer.


@dataclass(frozen=True)
class DeliveredProject(LivingProject):
    """A living project with `target = "argocd"`; its origin is a repository that Argo CD reads."""

    place: Place
    slug: str

    def environment(self) -> dict[str, str]:
        """Give the variables of a command: the place's over a living project's, this Python still first."""
        ours = super().environment()
        return {
            **ours,
            **self.place.variables,
            "PATH": f"{ours['PATH'].split(':', 1)[0]}:{self.place.variables['PATH']}",
        }

    def namespace(self, env: str = "staging") -> str:
        """Name where an environment runs."""
        return f"{self.slug}-{env}"

    def change(self, message: str, **params: str) -> str:
        """Change numbers of the model, train, commit and push; returns the commit."""
        path = self.path / "params.yaml"
        document = path.read_text(encoding="utf-8")
        for name, value in params.items():
            old = next(line for line in document.splitlines() if line.strip().startswith(f"{name}:"))
            document = document.replace(old, f"{old.split(':')[0]}: {value}")
        path.write_text(document, encoding="utf-8")
        self.dvc("repro")
        return self.push(message)

    def push(self, message: str) -> str:
        """Commit everything and push it to main; returns the commit."""
        self.pull()
        sha = self.commit(message)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return sha

    def push_file(self, name: str, text: str) -> str:
        """Write a file, commit and push it; returns the commit."""
        (self.path / name).write_text(text, encoding="utf-8")
        return self.push(f"Write {name}")

    def pull(self) -> None:
        """Take over what others pushed to main."""
        self.git("pull", "--quiet", "--rebase", "--autostash", "origin", "main")

    def ship(self, message: str, **params: str) -> dict[str, Any]:
        """Change the model and release it to staging; returns the record."""
        self.change(message, **params)
        self.mlops("release", "--env", "staging")
        self.pull()
        return self.record()

    def revert(self, rev: str = "HEAD") -> str:
        """Revert a commit as any Git client does, and push; returns the commit."""
        self.pull()
        self.git("revert", "--no-edit", rev)
        self.git("push", "--quiet", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def app(self, env: str = "staging") -> dict[str, Any]:
        """Read the application's status; {} where there is none."""
        text = self.place.kubectl(
            "-n", "argocd", "get", "application", f"{self.slug}-{env}", "--ignore-not-found", "-o", "json"
        )
        status: dict[str, Any] = json.loads(text)["status"] if text.strip() else {}
        return status

    def state(self, env: str = "staging") -> tuple[str, str, str]:
        """Say how the application stands: sync, health, commit."""
        status = self.app(env)
        sync = status.get("sync", {})
        return sync.get("status", ""), status.get("health", {}).get("status", ""), sync.get("revision", "")

    def pods(self, env: str = "staging") -> list[dict[str, Any]]:
        """List the server's pods that are not ending."""
        labels = f"app.kubernetes.io/instance={self.slug},app.kubernetes.io/name=mlops"
        text = self.place.kubectl("-n", self.namespace(env), "get", "pods", "-l", labels, "-o", "json")
        return [pod for pod in json.loads(text)["items"] if "deletionTimestamp" not in pod["metadata"]]

    def digests(self, env: str = "staging") -> set[str]:
        """Collect the digests that really run."""
        return {pod["status"]["containerStatuses"][0]["imageID"].rpartition("@")[2] for pod in self.pods(env)}

    def address(self, env: str = "staging") -> tuple[str, int]:
        """Give host and port on which a client of this machine reaches the service."""
        text = self.place.kubectl("-n", self.namespace(env), "get", "service", self.slug, "-o", "json")
        return self.place.node, json.loads(text)["spec"]["ports"][0]["nodePort"]

    def version(self, env: str = "staging") -> dict[str, Any]:
        """Ask /version; {} where nothing answers."""
        try:
            return _asked(self.address(env), "/version")
        except (OSError, http.client.HTTPException, AssertionError, KeyError):
            return {}

    def serves(self, release: str, env: str = "staging") -> bool:
        """Tell whether one answer comes from a release."""
        return bool((self.version(env).get("release") or {}).get("id") == release)

    def serves_only(self, release: str, env: str = "staging") -> bool:
        """Tell whether every answer comes from a release."""
        return all(self.serves(release, env) for _ in range(ALIKE))

    def settled(self, sha: str, env: str = "staging") -> bool:
        """Tell whether the application is at a commit, synced and healthy."""
        return self.state(env) == ("Synced", "Healthy", sha)

    def await_serving(self, release: str, env: str = "staging", seconds: float = 120) -> float:
        """Wait until a release answers alone, and Argo CD calls main's newest commit healthy; returns the seconds."""
        began = time.monotonic()
        eventually(seconds, f"{release} serves {env}", lambda: self.serves(release, env), self.explain)
        took = time.monotonic() - began
        head = self.git("ls-remote", "origin", "refs/heads/main").split()[0]
        eventually(seconds, f"{env} is healthy at {head[:10]}", lambda: self.settled(head, env), self.explain)
        eventually(30, f"only {release} serves {env}", lambda: self.serves_only(release, env), self.explain)
        return took

    def explain(self) -> str:
        """Collect what helps when a wait was in vain."""
        where = self.namespace()
        events = self.place.kubectl("-n", where, "get", "events,pods,jobs", "--ignore-not-found", expect=None)
        return f"{self.state()} {self.app().get('operationState', {}).get('message', '')}\n{events}"

    def edit_record(self, env: str, **changes: Any) -> str:
        """Write other values into an environment's record, past every check, and push; returns the commit."""
        self.pull()
        path = self.path / "deploy" / "envs" / env / "release.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name, value in changes.items():
            document["release"][name] = value
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        return self.push(f"By hand: {', '.join(changes)}")

    @contextmanager
    def load(self, env: str = "staging") -> Iterator[Load]:
        """Ask for a prediction without a pause, a new connection each time, while the body runs."""
        examples = json.loads((self.path / "build/bundle/smoke.json").read_text(encoding="utf-8"))
        load = Load(self.address(env), json.dumps({"rows": examples["rows"][1:2]}))
        thread = threading.Thread(target=load.run, daemon=True)
        thread.start()
        try:
            yield load
        finally:
            load.stop.set()
            thread.join(10)


@dataclass
class Load:
    """Constant load: what was answered, what was lost, and what was refused and asked again at once."""

    address: tuple[str, int]
    body: str
    answered: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Ask until told to stop."""
        while not self.stop.is_set():
            try:
                self._ask()
                self.answered += 1
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.lost.append(f"{time.strftime('%T')} {error!r}")

    def _ask(self, again: int = 5) -> None:
        try:
            _asked(self.address, "/predict", self.body)
        except ConnectionRefusedError:
            if not again:
                raise
            self.refused += 1
            self._ask(again - 1)


def _asked(address: tuple[str, int], path: str, body: str | None = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection(*address, timeout=5)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, f"{answer.status}: {body[:200]!r}"
        document: dict[str, Any] = json.loads(body)
        return document
    finally:
        connection.close()


def eventually(seconds: float, what: str, true: Callable[[], bool], explain: Callable[[], str] = str) -> float:
    """Wait until something is true; returns the seconds.

    Raises:
        AssertionError: It was not in time.
    """
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not in {seconds:.0f} s: {what}. {explain()}")
        time.sleep(TICK)
    return time.monotonic() - began


def host_of(url: str) -> str:
    """Name host and port of a URL."""
    return urlsplit(url).netloc
