"""An image registry on loopback: the part of the OCI distribution protocol that pushing, looking up and gc speak."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from loopback import Quiet, listening

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
USER = base64.b64encode(b"ada:secret").decode()


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class FakeRegistry:
    """What it holds, and how it behaves.

    `auth` is none, basic or bearer; `failing` answers 503 so many times; `takes` is what it says
    to an upload, which goes on `elsewhere`.
    """

    host: str = ""
    auth: str = "none"
    failing: int = 0
    deletes: bool = True
    takes: int = 202
    elsewhere: str = ""
    immutable: bool = False
    page: int = 2
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, repository: str, tag: str, labels: dict[str, str] | None = None, *layers: bytes) -> str:
        """Put an image into a repository; returns its digest."""
        config = json.dumps({"os": "linux", "config": {"Labels": labels}}).encode()
        manifest = {"config": self._blob(config), "layers": [self._blob(layer) for layer in layers]}
        return self.put_manifest(repository, tag, json.dumps(manifest).encode())

    def put_manifest(self, repository: str, tag: str, manifest: bytes) -> str:
        digest = self._blob(manifest)["digest"]
        self.tags.setdefault(repository, {})[tag] = str(digest)
        return str(digest)

    def _blob(self, data: bytes) -> dict[str, str | int]:
        self.contents[sha256(data)] = data
        return {"digest": sha256(data), "size": len(data)}


@contextmanager
def serving() -> Iterator[FakeRegistry]:
    """Serve an empty registry until the end of the block."""
    registry = FakeRegistry()

    class Handler(_Handler):
        state = registry

    with listening(Handler) as port:
        registry.host = f"127.0.0.1:{port}"
        yield registry


class _Handler(Quiet):
    protocol_version = "HTTP/1.1"
    state: FakeRegistry

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        state, url = self.state, urlsplit(self.path)
        state.asked.append(f"{self.command} {url.path}")
        if url.path == "/token":
            good = self.headers.get("Authorization") == f"Basic {USER}"
            self.answer(200 if good else 401, json.dumps({"token": "good"} if good else {}).encode())
        elif not self._admitted():
            realm = f'Bearer realm="http://{state.host}/token",service="fake"'
            challenge = 'Basic realm="fake"' if state.auth == "basic" else realm
            self.answer(401, Www_Authenticate=challenge)
        elif state.failing:
            state.failing -= 1
            self.answer(503)
        elif url.path == "/v2/":
            self.answer(200)
        else:
            self._repository(url.path, parse_qs(url.query))

    do_HEAD = do_DELETE = do_PUT = do_POST = do_GET

    def _admitted(self) -> bool:
        wanted = {"basic": f"Basic {USER}", "bearer": "Bearer good"}.get(self.state.auth)
        return wanted is None or self.headers.get("Authorization") == wanted

    def _repository(self, path: str, query: dict[str, list[str]]) -> None:
        if "/blobs/uploads/" in path:
            return self._upload(path)
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags)/([^/]+)", path)
        assert match, path
        name, kind, reference = match.groups()
        tags = self.state.tags.get(name)
        if self.command == "PUT":
            self._put(name, kind, reference)
        elif tags is None:
            self.answer(404)
        elif kind == "tags":
            self._list(sorted(tags), query.get("last", [""])[0], path)
        elif self.command == "DELETE":
            self._delete(tags, reference)
        else:
            self._content(tags.get(reference, reference))

    def _upload(self, path: str) -> None:
        """Begin an upload, or give it up."""
        if self.command == "POST" and self.state.takes == 202:
            self.answer(202, Location=self.state.elsewhere or f"http://{self.state.host}{path}1?state=begun")
        elif self.command == "POST":
            self.answer(self.state.takes)
        else:
            self.answer(204)

    def _put(self, name: str, kind: str, reference: str) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if kind == "blobs":
            self.state._blob(body)
        elif self.state.immutable and reference in self.state.tags.get(name, {}):
            return self.answer(409)
        else:
            self.state.put_manifest(name, reference, body)
        self.answer(201)

    def _list(self, names: list[str], last: str, path: str) -> None:
        left = [name for name in names if name > last]
        shown = left[: self.state.page]
        more = {"Link": f'<{path}?last={shown[-1]}>; rel="next"'} if len(left) > len(shown) else {}
        self.answer(200, json.dumps({"tags": shown or None}).encode(), **more)

    def _delete(self, tags: dict[str, str], digest: str) -> None:
        if not self.state.deletes:
            return self.answer(405)
        for tag in [tag for tag, found in tags.items() if found == digest]:
            del tags[tag]
        self.answer(202 if self.state.contents.pop(digest, None) else 404)

    def _content(self, digest: str) -> None:
        body = self.state.contents.get(digest)
        if body is None:
            return self.answer(404)
        kind = INDEX if b'"manifests"' in body else MANIFEST
        self.answer(200, body, Docker_Content_Digest=digest, Content_Type=kind)
