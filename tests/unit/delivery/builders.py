"""Stand-ins for `buildah` and `docker` on the path: they keep images in a folder and push to a real loopback registry.

What they were told, and what they were given to build from, is kept in `calls.json` lines.
"""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = """#!{python}
import hashlib, json, os, pathlib, sys, urllib.request
store = pathlib.Path({store!r})
tool, words = pathlib.Path(sys.argv[0]).name, sys.argv[1:]
after = lambda flag: [words[i + 1] for i, word in enumerate(words) if word == flag]
name = lambda reference: store / tool / hashlib.sha256(reference.encode()).hexdigest()

def note(**facts):
    with (store / "calls.json").open("a") as file:
        file.write(json.dumps({{"tool": tool, "words": words, **facts}}) + "\\n")

def build():
    context = pathlib.Path(words[-1])
    files = {{path.relative_to(context).as_posix(): [oct(path.stat().st_mode), path.stat().st_mtime]
             for path in context.rglob("*")}}
    kept = {{key: value for key, value in os.environ.items() if key in ("SOURCE_DATE_EPOCH", "BUILDAH_ISOLATION")}}
    note(files=files, dockerfile=pathlib.Path(after("--file")[0]).read_text(), environment=kept)
    print("STEP 1: FROM base")
    if (store / "fail").exists():
        sys.exit("no space left on device")
    labels = dict(label.split("=", 1) for label in after("--label"))
    name(after("--tag")[0]).write_text(json.dumps(labels))

def send(method, url, data):
    urllib.request.urlopen(urllib.request.Request(url, data=data, method=method)).read()

def push():
    note()
    reference = words[-1]
    repository, _, tag = reference.rpartition(":")
    host, _, path = repository.partition("/")
    config = json.dumps({{"os": "linux", "config": {{"Labels": json.loads(name(reference).read_text())}}}}).encode()
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    send("PUT", f"http://{{host}}/v2/{{path}}/blobs/{{digest}}", config)
    manifest = {{"config": {{"digest": digest, "size": len(config)}}, "layers": [], "by": os.getpid()}}
    send("PUT", f"http://{{host}}/v2/{{path}}/manifests/{{tag}}", json.dumps(manifest).encode())

def inspect():
    held = name(words[-1])
    if not held.exists():
        sys.exit("no such image")
    labels = json.loads(held.read_text())
    form = after("--format")[0]
    print(labels.get("mlops.identity", "") if "Labels" in form else "sha256:" + held.name)

{{"build": build, "push": push}}.get(words[0], inspect)()
"""


@dataclass(frozen=True)
class Builders:
    """The stand-ins and what they did."""

    store: Path

    @property
    def calls(self) -> list[dict[str, Any]]:
        path = self.store / "calls.json"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def did(self) -> list[str]:
        """Name the commands that changed something, in order."""
        return [call["words"][0] for call in self.calls]


def install(folder: Path, *tools: str) -> Builders:
    """Put stand-ins into a folder, to be set on the path."""
    store = folder / "store"
    for tool in tools:
        (store / tool).mkdir(parents=True)
        path = folder / "bin" / tool
        path.parent.mkdir(exist_ok=True)
        path.write_text(SCRIPT.format(python=sys.executable, store=str(store)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (folder / "bin").mkdir(exist_ok=True)
    return Builders(store)
