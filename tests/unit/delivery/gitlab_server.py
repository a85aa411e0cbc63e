"""A GitLab on loopback that speaks the few calls of its API that a delivery makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from loopback import Quiet, listening

TOKEN = "s3cret-token"
PROJECT = "team/models/project"
TRIGGER = "s3cret-trigger"
NUMBER = 7
TIP = "c" * 40
NOON = "2026-01-01T12:00:00.000Z"
BOT = {"id": 1, "username": "project_7_bot"}


@dataclass
class Forge:
    """What the forge holds, and how it answers."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    merging: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    fail: tuple[int, Any] | None = None
    merge_answers: list[tuple[int, str]] = field(default_factory=list)
    green: bool = False
    hidden_until_post: bool = False

    @property
    def environ(self) -> dict[str, str]:
        return {"GITLAB_TOKEN": TOKEN, "CI_API_V4_URL": f"{self.url}/api/v4", "CI_PROJECT_PATH": PROJECT}

    def answer(self, verb: str, path: list[str], query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        match verb, path:
            case "GET", ["user"]:
                return 200, BOT
            case "GET", ["projects", which] if which in (PROJECT, str(NUMBER)):
                return 200, {"id": NUMBER, "path_with_namespace": PROJECT}
            case "GET", ["projects", _, "repository", "branches", name]:
                return 200, {"name": name, "commit": {"id": TIP}}
            case "GET", ["projects", _, "pipelines"]:
                return 200, [p for p in self.pipelines[::-1] if p["name"] == query["name"]]
            case "POST", ["projects", _, "trigger", "pipeline"] if body["token"] == TRIGGER:
                self.ran(body["inputs"], datetime.now(UTC))
                return 201, self.pipelines[-1]
            case "GET", ["projects", _, "merge_requests"]:
                shown = [] if self.hidden_until_post else self.requests
                return 200, [
                    r for r in shown if (r["source_branch"], r["state"]) == (query["source_branch"], query["state"])
                ]
            case "POST", ["projects", _, "merge_requests"]:
                return self._open(body)
            case "GET", ["projects", _, "merge_requests", number]:
                return 200, self._held(self.requests, "iid", number, {})
            case "PUT", ["projects", _, "merge_requests", number]:
                return 200, self._held(self.requests, "iid", number, body)
            case "PUT", ["projects", _, "merge_requests", number, "merge"]:
                return self._merge(number, body)
            case "GET", ["projects", _, "merge_requests", number, "notes"]:
                return 200, [n for n in self.notes if n["noteable_iid"] == int(number)]
            case "POST", ["projects", _, "merge_requests", number, "notes"]:
                return 201, self.note(int(number), BOT, body["body"])
            case "PUT", ["projects", _, "merge_requests", _, "notes", number]:
                return 200, self._held(self.notes, "id", number, body)
            case "GET", ["projects", _, "repository", "commits", sha, "statuses"]:
                return 200, [s for s in self.statuses if s["sha"] == sha and s["name"] == query["name"]]
            case "POST", ["projects", _, "statuses", sha]:
                self.status(sha, body["name"], body["state"], body["description"])
                return 201, self.statuses[-1]
        return 404, {"message": "404 Not Found"}

    def ran(self, inputs: dict[str, str], at: datetime, status: str = "pending") -> None:
        """Let a pipeline run; its name is what `workflow: name` of .gitlab-ci.yml says."""
        name = "Retrain (look)" if inputs["dry_run"] == "yes" else "Retrain"
        made = {"id": len(self.pipelines) + 1, "name": name, "status": status, "created_at": at.isoformat()}
        self.pipelines.append(made | {"inputs": inputs})

    def note(self, number: int, author: dict[str, Any], text: str) -> dict[str, Any]:
        """Let somebody write a note."""
        made = {"id": len(self.notes) + 1, "noteable_iid": number, "author": author, "body": text}
        self.notes.append(made)
        return made

    def status(self, sha: str, name: str, state: str, description: str, at: str = NOON) -> None:
        """Let somebody set a commit status."""
        times = {"created_at": NOON, "started_at": None, "finished_at": at}
        made = {"id": len(self.statuses) + 1, "sha": sha, "name": name, "status": state, "description": description}
        self.statuses.append(made | times)

    def _open(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.hidden_until_post = False
        if any(r["source_branch"] == body["source_branch"] and r["source_project_id"] == NUMBER for r in self.requests):
            return 409, {"message": ["Another open merge request already exists for this source branch: !1"]}
        number = len(self.requests) + 1
        address = f"https://forge.example.com/{PROJECT}/-/merge_requests/{number}"
        made = {"id": 100 + number, "iid": number, "project_id": NUMBER, "source_project_id": NUMBER, "state": "opened"}
        self.requests.append(made | {"web_url": address, "merge_when_pipeline_succeeds": False, "sha": TIP} | body)
        return 201, self.requests[-1]

    def _merge(self, number: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.merging.append(body)
        if self.merge_answers:
            code, message = self.merge_answers.pop(0)
            return code, {"message": message}
        return 200, self._held(self.requests, "iid", number, {"state": "merged"} if self.green else {})

    @staticmethod
    def _held(held: list[dict[str, Any]], key: str, number: str, change: dict[str, Any]) -> dict[str, Any]:
        found = next(one for one in held if one[key] == int(number))
        found.update(change)
        return found


@contextmanager
def serving() -> Iterator[Forge]:
    """Serve a forge until the test ends."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            self._serve()

        do_POST = do_PUT = do_GET

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            forge.asked.append(f"{self.command} {parts.path}")
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}")
            path = [unquote(part) for part in parts.path.removeprefix("/api/v4/").split("/")]
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            status, answer = self._no() or forge.answer(self.command, path, query, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _no(self) -> tuple[int, Any] | None:
            given = self.headers["PRIVATE-TOKEN"]
            # A token that may not write is refused even where another one would do.
            if given is not None if self.path.endswith("/trigger/pipeline") else given != TOKEN:
                return 401, {"message": "401 Unauthorized"}
            return (forge.fail[0], {"message": forge.fail[1]}) if forge.fail else None

    with listening(Handler) as port:
        forge = Forge(f"http://127.0.0.1:{port}")
        yield forge
