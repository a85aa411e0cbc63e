"""A forge on loopback that speaks the few calls of GitHub's API that a delivery makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from loopback import Quiet, listening

TOKEN = "s3cret-token"
REPOSITORY = "team/project"
PAGE = 100


@dataclass
class Forge:
    """What the forge holds, and how it answers."""

    url: str
    pulls: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    merging: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    dispatched: list[tuple[str, str]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    lists_by_workflow: bool = True
    asked: list[str] = field(default_factory=list)
    me: str = "release-bot"
    refusing: dict[str, tuple[int, str]] = field(default_factory=dict)
    fail: tuple[int, str] | None = None
    merges: str = ""
    squash: bool = True
    hidden_until_post: bool = False

    @property
    def environ(self) -> dict[str, str]:
        return {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": REPOSITORY}

    def get(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        base = f"/repos/{REPOSITORY}"
        if path == base:
            allowed = {"allow_squash_merge": self.squash, "allow_rebase_merge": self.squash, "allow_merge_commit": True}
            return 200, {"id": 7, "url": self.url + base, "full_name": REPOSITORY, "name": "project", **allowed}
        if path == f"{base}/pulls":
            branch = query["head"][0].partition(":")[2]
            shown = [] if self.hidden_until_post else self.pulls
            return 200, [p for p in shown if p["state"] == query["state"][0] and p["head"]["ref"] == branch]
        if path == f"{base}/actions/runs" or (self.lists_by_workflow and path.endswith("/runs")):
            return 200, {"workflow_runs": self.runs[::-1]}
        if path == "/user":
            return (
                (200, {"login": self.me}) if self.me else (403, {"message": "Resource not accessible by integration"})
            )
        if path.endswith("/comments"):
            number = int(path.split("/")[-2])
            return 200, [comment for comment in self.comments if comment["issue"] == number]
        if path.startswith(f"{base}/commits/") and path.endswith("/statuses"):
            return 200, self.statuses.get(path.split("/")[-2], [])
        return 404, {"message": "Not Found"}

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == f"/repos/{REPOSITORY}/pulls":
            self.hidden_until_post = False
            if any(p["head"]["ref"] == body["head"] and p["state"] == "open" for p in self.pulls):
                errors = [{"message": f"A pull request already exists for team:{body['head']}."}]
                return 422, {"message": "Validation Failed", "errors": errors}
            self.pulls.append(self._pull(len(self.pulls) + 1, body))
            return 201, self.pulls[-1]
        if path.startswith(f"/repos/{REPOSITORY}/statuses/"):
            self.statuses.setdefault(path.split("/")[-1], []).insert(0, body | {"updated_at": "2026-01-01T10:00:00Z"})
            return 201, body
        if path.endswith("/dispatches"):
            self.dispatched.append((path.split("/")[-2], body["ref"]))
            self.ran(path.split("/")[-2], body.get("inputs", {}), datetime.now(UTC))
            return 204, None
        if path.endswith("/comments"):
            self.comments.append(self._comment(int(path.split("/")[-2]), self.me, body["body"]))
            return 201, self.comments[-1]
        if path == "/graphql" and self.merges:
            return 200, {"data": None, "errors": [{"type": "UNPROCESSABLE", "message": self.merges}]}
        if path == "/graphql":
            self.merging.append(body["variables"]["input"])
            return 200, {"data": {"enablePullRequestAutoMerge": {}}}
        return 404, {"message": "Not Found"}

    def patch(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        kind, number = path.split("/")[-2:]
        held = {"pulls": self.pulls, "comments": self.comments}[kind]
        found = next((one for one in held if one[{"pulls": "number", "comments": "id"}[kind]] == int(number)), None)
        if found is None:
            return 404, {"message": "Not Found"}
        found.update(body)
        return 200, found

    def ran(self, workflow: str, inputs: dict[str, str], at: datetime, status: str = "queued") -> None:
        """Let a workflow run; its name is what `run-name` of retrain.yml says."""
        title = "Retrain (look)" if inputs.get("dry_run") == "true" else "Retrain"
        made = {"id": len(self.runs) + 1, "path": f"{workflow}@refs/heads/main", "head_branch": "main"}
        told = {"status": status, "created_at": at.isoformat(), "display_title": title, "inputs": inputs}
        self.runs.append(made | told)

    def said_by(self, login: str, number: int, text: str) -> None:
        """Let a person comment on a pull request."""
        self.comments.append(self._comment(number, login, text, "User"))

    def _comment(self, number: int, login: str, text: str, kind: str = "Bot") -> dict[str, Any]:
        """As Gitea has it: without an address of its own in the API."""
        here = len(self.comments) + 1
        address = f"https://forge.example.com/{REPOSITORY}/pull/{number}#issuecomment-{here}"
        return {"id": here, "issue": number, "html_url": address, "body": text, "user": {"login": login, "type": kind}}

    def _pull(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "url": f"{self.url}/repos/{REPOSITORY}/pulls/{number}", "number": number, "node_id": f"PR_{number}",
            "html_url": f"https://forge.example.com/{REPOSITORY}/pull/{number}", "state": "open",
            "title": body["title"], "body": body["body"], "head": {"ref": body["head"], "repo": {"id": 7}},
            "base": {"ref": body["base"], "repo": {"id": 7}},
        }  # fmt: skip


@contextmanager
def serving() -> Iterator[Forge]:
    """Serve a forge until the test ends."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            status, body = self._no() or forge.get(parts.path, query)
            page = int(query.get("page", ["1"])[0])
            more = isinstance(body, list) and len(body) > page * PAGE
            if isinstance(body, list):
                body = body[(page - 1) * PAGE : page * PAGE]
            self._answer(status, body, f'<{forge.url}{parts.path}?page={page + 1}>; rel="next"' if more else "")

        def do_POST(self) -> None:
            self._write(forge.post)

        def do_PATCH(self) -> None:
            self._write(forge.patch)

        def _write(self, change: Callable[[str, dict[str, Any]], tuple[int, Any]]) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*(self._no() or change(self.path, body)))

        def _no(self) -> tuple[int, Any] | None:
            forge.asked.append(f"{self.command} {self.path}")
            if self.headers["Authorization"] != f"token {TOKEN}":
                return 401, {"message": "Bad credentials"}
            part = next((part for part in forge.refusing if part in self.path), None)
            no = forge.refusing[part] if part else forge.fail
            return (no[0], {"message": no[1]}) if no else None

        def _answer(self, status: int, body: Any, link: str = "") -> None:
            text = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(text)

    with listening(Handler) as port:
        forge = Forge(f"http://127.0.0.1:{port}")
        yield forge
