"""A forge on loopback that speaks the few calls of GitHub's API that a delivery makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "s3cret-token"
REPOSITORY = "team/project"


@dataclass
class Forge:
    """What the forge holds, and how it answers."""

    url: str
    pulls: list[dict[str, Any]] = field(default_factory=list)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    merging: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
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
            return 200, {"url": self.url + base, "full_name": REPOSITORY, "name": "project", **allowed}
        if path == f"{base}/pulls":
            branch = query["head"][0].partition(":")[2]
            shown = [] if self.hidden_until_post else self.pulls
            return 200, [p for p in shown if p["state"] == query["state"][0] and p["head"]["ref"] == branch]
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
        if path == "/graphql" and self.merges:
            return 200, {"data": None, "errors": [{"type": "UNPROCESSABLE", "message": self.merges}]}
        if path == "/graphql":
            self.merging.append(body["variables"]["input"])
            return 200, {"data": {"enablePullRequestAutoMerge": {}}}
        return 404, {"message": "Not Found"}

    def _pull(self, number: int, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "url": f"{self.url}/repos/{REPOSITORY}/pulls/{number}", "number": number, "node_id": f"PR_{number}",
            "html_url": f"https://forge.example.com/{REPOSITORY}/pull/{number}", "state": "open",
            "title": body["title"], "body": body["body"], "head": {"ref": body["head"]}, "base": {"ref": body["base"]},
        }  # fmt: skip


@contextmanager
def serving() -> Iterator[Forge]:
    """Serve a forge until the test ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._answer(*(self._no() or forge.get(parts.path, parse_qs(parts.query))))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(*(self._no() or forge.post(self.path, body)))

        def _no(self) -> tuple[int, Any] | None:
            forge.asked.append(f"{self.command} {self.path}")
            if self.headers["Authorization"] != f"token {TOKEN}":
                return 401, {"message": "Bad credentials"}
            return (forge.fail[0], {"message": forge.fail[1]}) if forge.fail else None

        def _answer(self, status: int, body: Any) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forge = Forge(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
