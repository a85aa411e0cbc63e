"""What a person does and sees in a forge's web pages: pull requests, runs and their logs, comments, statuses."""

from __future__ import annotations

import http.client
import io
import json
import re
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from forge.place import Place

T = TypeVar("T")
TICK = 0.5
STAMP = re.compile(r"^\S+Z ", re.MULTILINE)
PATIENCE = 1800.0  # seconds: a job may wait for others of this machine


@dataclass(frozen=True)
class Answer:
    """What the forge said."""

    status: int
    body: Any

    def __bool__(self) -> bool:
        return self.status < 300


@dataclass
class Repository:
    """One repository on the forge; `user` is who asks."""

    place: Place
    name: str
    owner: str = ""
    user: str = "dev"

    def __post_init__(self) -> None:
        self.owner = self.owner or self.place.names[self.user]

    @property
    def path(self) -> str:
        """Name it in the API."""
        return f"/repos/{self.owner}/{self.name}"

    @property
    def clone_url(self) -> str:
        """Give the address that git uses."""
        return f"{self.place.url}/{self.owner}/{self.name}.git"

    def ask(self, method: str, path: str, body: object = None, user: str = "") -> Answer:
        """Make a call; a path without a leading slash lies in the repository."""
        status, said = self._send(method, path, body, user)
        return Answer(status, _read(said))

    def download(self, path: str) -> bytes:
        """Read a file that the forge keeps."""
        status, said = self._send("GET", path, None, "")
        assert status == 200, f"{path}: {status} {said[:200]!r}"
        return said

    def _send(self, method: str, path: str, body: object, user: str) -> tuple[int, bytes]:
        request = urllib.request.Request(
            self.place.api + (path if path.startswith("/") else f"{self.path}/{path}".rstrip("/")),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"token {self.place.tokens[user or self.user]}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            if method == "GET" and error.code >= 500:  # so busy that `until` should ask again
                raise
            return error.code, error.read()

    def get(self, path: str) -> Any:
        """Ask for something that must be there."""
        answer = self.ask("GET", path)
        assert answer, f"{path}: {answer}"
        return answer.body

    def must(self, method: str, path: str, body: object = None) -> Any:
        """Make a call that must be accepted."""
        answer = self.ask(method, path, body)
        assert answer, f"{method} {path} {body}: {answer}"
        return answer.body

    def runs(self, workflow: str = "", **want: str) -> list[dict[str, Any]]:
        """List runs, newest first, of a workflow's file, whose fields begin so: `pull_request` or its `_sync`."""

        def wanted(run: dict[str, Any]) -> bool:
            return all(str(run[name]).startswith(value) for name, value in {"path": workflow, **want}.items())

        return list(filter(wanted, self.get("actions/runs?limit=50")["workflow_runs"] or []))

    def jobs(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """List the jobs of a run."""
        return self.get(f"actions/runs/{run['id']}/jobs")["jobs"] or []

    def over(self, run: dict[str, Any]) -> bool:
        """Tell whether every job ended; a run counts as completed as soon as one fails, so its jobs are asked."""
        jobs = self.jobs(run)
        return bool(jobs) and all(job["status"] == "completed" for job in jobs)

    def finished(self, workflow: str, after: int = 0, **want: str) -> Run:
        """Wait for the end of the newest run of a workflow with these fields, younger than the run `after`."""

        def newest() -> dict[str, Any] | None:
            found = [run for run in self.runs(workflow, **want) if run["id"] > after]
            return found[0] if found and self.over(found[0]) else None

        run = until(f"the end of {workflow} {want}", newest, lambda: str(self.runs()[:3]))
        return Run(self, run, {job["name"]: job for job in self.jobs(run)})

    def again(self, run: dict[str, Any]) -> Run:
        """Start a run that has ended once more, and wait for its end."""
        before = {job["id"]: job["run_attempt"] for job in self.jobs(run)}
        self.must("POST", f"actions/runs/{run['id']}/rerun")

        def ended() -> bool:
            started = any(job["run_attempt"] > before.get(job["id"], 0) for job in self.jobs(run))
            return started and self.over(run)

        until("the end of the run that was started again", ended)
        return Run(self, self.get(f"actions/runs/{run['id']}"), {job["name"]: job for job in self.jobs(run)})

    def newest_run(self) -> int:
        """Give the number of the newest run, to wait for younger ones."""
        return max((run["id"] for run in self.runs()), default=0)

    def pull(self, branch: str, title: str, body: str = "", base: str = "main") -> int:
        """Open a pull request; gives its number."""
        number: int = self.must("POST", "pulls", {"head": branch, "base": base, "title": title, "body": body})["number"]
        return number

    def merge(self, number: int, how: str = "squash", user: str = "") -> Answer:
        """Merge a pull request by `merge`, `rebase` or `squash`."""
        # The forge works out in the background whether it can be merged: until then it asks to try again.
        before = time.monotonic()
        while True:
            answer = self.ask("POST", f"pulls/{number}/merge", {"Do": how}, user)
            if "try again" not in str(answer.body) or time.monotonic() - before > 60:
                return answer
            time.sleep(TICK)

    def comments(self, number: int) -> list[dict[str, Any]]:
        """List the comments of a pull request."""
        found: list[dict[str, Any]] = self.get(f"issues/{number}/comments")
        return found

    def statuses(self, sha: str) -> dict[str, dict[str, Any]]:
        """Give the newest status of every context of a commit."""
        found = self.get(f"commits/{sha}/statuses?limit=50&sort=oldest")
        return {status["context"]: status for status in sorted(found, key=lambda status: status["id"])}

    def dispatch(self, workflow: str, ref: str = "main", **inputs: str) -> int:
        """Press a workflow's button; gives the newest run before."""
        before = self.newest_run()
        self.must("POST", f"actions/workflows/{quote(workflow)}/dispatches", {"ref": ref, "inputs": inputs})
        return before


@dataclass(frozen=True)
class Run:
    """A run of a workflow that has ended."""

    repository: Repository
    document: dict[str, Any]
    jobs: dict[str, dict[str, Any]]

    @property
    def results(self) -> dict[str, str]:
        """Give how each job ended."""
        return {name: job["conclusion"] for name, job in self.jobs.items()}

    @property
    def seconds(self) -> dict[str, float]:
        """Give how long each job ran."""
        return {name: _seconds(job) for name, job in self.jobs.items() if job["conclusion"] != "skipped"}

    def steps(self, job: str) -> dict[str, float]:
        """Give how long each step of a job ran."""
        return {step["name"]: _seconds(step) for step in self.jobs[job]["steps"] or []}

    def log(self, job: str) -> str:
        """Read what a job printed."""
        text = str(self.repository.get(f"actions/jobs/{self.jobs[job]['id']}/logs"))
        return STAMP.sub("", text)

    def artifact(self, name: str) -> dict[str, str]:
        """Read the text files of what a run kept under a name."""
        kept = self.repository.get(f"actions/runs/{self.document['id']}/artifacts")["artifacts"]
        (number,) = [artifact["id"] for artifact in kept if artifact["name"] == name]
        with zipfile.ZipFile(io.BytesIO(self.repository.download(f"actions/artifacts/{number}/zip"))) as archive:
            return {file: archive.read(file).decode(errors="replace") for file in archive.namelist()}

    def expect(self, **results: str) -> Run:
        """See that jobs ended as said and no other one ran; where one did not, tell what it printed."""
        others = {name: "skipped" for name in self.results if name not in results}
        if self.results != results | others:
            tails = [f"--- {name}\n{self.log(name)[-3000:]}" for name in self.wrong(results)]
            raise AssertionError(f"{self.results}, not {results}\n" + "\n".join(tails))
        return self

    def wrong(self, results: dict[str, str]) -> list[str]:
        """Name the jobs that ended otherwise, and ran."""
        return [name for name in self.seconds if results.get(name) != self.results[name] != "cancelled"]


def until(what: str, get: Callable[[], T | None], explain: Callable[[], str] = str, seconds: float = PATIENCE) -> T:
    """Wait until there is an answer.

    Raises:
        AssertionError: There was none in time.
    """
    began = time.monotonic()
    while True:
        try:
            if found := get():
                return found
        except (OSError, http.client.HTTPException):  # the forge is busy
            pass
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not in {seconds:.0f} s: {what}. {explain()}")
        time.sleep(TICK)


def _seconds(job: dict[str, Any]) -> float:
    began, ended = (datetime.fromisoformat(job[name]) for name in ("started_at", "completed_at"))
    return (ended - began).total_seconds()


def _read(text: bytes) -> Any:
    try:
        return json.loads(text or b"null")
    except ValueError:
        return text.decode(errors="replace")
