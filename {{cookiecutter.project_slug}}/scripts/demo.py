"""Tell the whole loop on real data: train, gate, release, serve, refuse, improve, roll back.

Everything happens in a temporary folder: a bare `origin`, a DVC remote, a clone of this project. It stays there to
explore.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
SLUG = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
LIKELY_LATE = {
    "scheduled_departure": "2013-03-08T19:00:00",
    "scheduled_arrival_hour": 22,
    "origin": "EWR",
    "destination": "ATL",
    "carrier": "EV",
    "distance": 746.0,
    "temperature": 33.1,
    "dew_point": 32.0,
    "wind_speed": 21.9,
    "precipitation": 0.06,
    "visibility": 0.5,
}
FIRST = {"learning_rate": "0.1", "max_iter": "40", "max_leaf_nodes": "15"}
WORSE = {"learning_rate": "0.1", "max_iter": "2", "max_leaf_nodes": "4"}
BETTER = {"learning_rate": "0.1", "max_iter": "80", "max_leaf_nodes": "15"}


class Demo:
    """The folder, the clone in it, and what has been seen so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / SLUG
        self.start = time.monotonic()
        self.seen: list[tuple[str, str, str, str]] = []
        # This environment's programs, on the clone's code.
        self.env = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PYTHONPATH": str(self.work / "src"),
        }

    def step(self, title: str) -> None:
        """Begin a chapter."""
        print(f"\n[{time.monotonic() - self.start:4.0f} s] {title}", flush=True)

    def run(self, *command: str, shows: tuple[str, ...] = (), expect: int = 0) -> str:
        """Run a command in the clone; print it and the lines of its output that begin with one of `shows`."""
        print(f"  $ {' '.join(command)}", flush=True)
        program = [sys.executable, "-m", command[0]] if command[0] in ("mlops", "dvc") else [command[0]]
        done = subprocess.run(
            [*program, *command[1:]],
            cwd=self.work,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != expect:
            sys.exit(
                f"{done.stdout}\nThis should have ended with {expect}, not {done.returncode}. It is in {self.folder}."
            )
        for line in done.stdout.splitlines():
            if line.strip().startswith(shows or ("\0",)):
                print(f"    {line.strip()}", flush=True)
        return done.stdout

    def git(self, *arguments: str) -> str:
        """Run git in the clone without a word."""
        return subprocess.run(
            ["git", *arguments], cwd=self.work, env=self.env, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, message: str) -> None:
        """Commit everything and say so."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        print(f"  commit {self.git('rev-parse', '--short=10', 'HEAD')}  {message}", flush=True)

    def get(self, path: str, body: Any = None) -> dict[str, Any]:
        """Ask the server."""
        port = json.loads((self.work / ".mlops" / "local" / "staging.json").read_text(encoding="utf-8"))["port"]
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            content: dict[str, Any] = json.load(answer)
        return content

    def until(self, release: str, ask: Callable[[], dict[str, Any]], key: str) -> dict[str, Any]:
        """Ask until a release answers: for a moment after a switch the one before does, too."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            found = ask()
            if found[key] == release:
                return found
            time.sleep(0.2)
        sys.exit(f"staging did not come to {release} in five minutes. See {self.work / '.mlops' / 'local'}.")

    def served(self, release: str) -> dict[str, Any]:
        """Wait until the server answers with a release."""
        facts: dict[str, Any] = self.until(release, lambda: self.get("/version")["release"], "id")
        return facts

    def answers(self, what: str, facts: dict[str, Any]) -> None:
        """Say which model answers now, and what."""
        answer = self.until(facts["id"], lambda: self.get("/predict", {"rows": [LIKELY_LATE]}), "release")
        said = answer["predictions"][0]
        probability = f"{said['probability']:.3f}"
        print(f"  {facts['id']} answers: late {str(said['prediction']).lower()}, probability {probability}", flush=True)
        self.seen.append((what, facts["id"], facts["identity"][7:19], probability))


def params(demo: Demo, numbers: dict[str, str]) -> None:
    """Write the model's numbers into params.yaml, and leave the rest as it is."""
    path = demo.work / "params.yaml"
    text = path.read_text(encoding="utf-8")
    for name, value in numbers.items():
        text = re.sub(rf"^  {name}: .*$", f"  {name}: {value}", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    # At once: of the same length and the second of the switch, Git would take it for unchanged after DVC's own staging.
    demo.git("add", "params.yaml")


def record(demo: Demo) -> dict[str, Any]:
    """Read what main says staging should run."""
    import yaml

    document: dict[str, Any] = yaml.safe_load(demo.git("show", "origin/main:deploy/envs/staging/release.yaml"))
    return document["release"]  # type: ignore[no-any-return]


def prepare(demo: Demo) -> None:
    """Make an origin, a DVC remote and a clone of this project as it was before its first data."""
    origin = demo.folder / "origin.git"
    demo.work.mkdir()
    files = subprocess.run(["git", "archive", "HEAD"], cwd=PROJECT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "--extract"], cwd=demo.work, input=files, check=True)
    for path in [*demo.work.glob("data/raw/*.dvc"), demo.work / "dvc.lock"]:
        path.unlink(missing_ok=True)
    for path in demo.work.glob("deploy/envs/*/*"):
        if path.name != "values.yaml":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    demo.git("init", "--quiet", "--initial-branch", "main")
    demo.git("config", "user.name", "Demo")
    demo.git("config", "user.email", "demo@localhost")
    demo.git("init", "--quiet", "--bare", "--initial-branch", "main", str(origin))
    demo.git("remote", "add", "origin", str(origin))
    demo.commit("Start from a copy of the project")
    demo.git("push", "--quiet", "--set-upstream", "origin", "main")
    print(f"  {origin}: a bare repository, in the place of GitHub or GitLab")
    print(f"  {demo.work}: a clone, which is you and CI in turn")


def tell(demo: Demo) -> None:
    """Go once round the loop, and back."""
    demo.step("A repository, a DVC remote, a clone")
    prepare(demo)

    demo.step("Data: January to March 2013, one file a month")
    demo.run("mlops", "data", "next", "--initial", shows=("data/raw/",))

    demo.step("The first model: validate, prepare, train, evaluate")
    params(demo, FIRST)
    demo.run("dvc", "repro", shows=("validate:", "prepare:", "train:", "evaluate:"))
    demo.commit("Bring three months of flights and a first model")
    demo.git("push", "--quiet", "origin", "main")

    demo.step("Main judges it and releases it: a commit that touches only deploy/envs/staging")
    demo.run("mlops", "release", "--env", "staging", shows=("gate", "image", "Released", "commit"))
    first = record(demo)

    demo.step("This machine serves what Git says")
    demo.run("mlops", "local", "up", "--env", "staging", "--port", "0", "--detach", shows=("staging",))
    before = demo.served(first["id"])
    demo.answers("first release", before)

    demo.step("A pull request that makes the model worse: fewer, smaller trees")
    demo.git("switch", "--quiet", "--create", "worse")
    params(demo, WORSE)
    demo.run("dvc", "repro", shows=("evaluate:",))
    demo.commit("Train less")
    demo.run("mlops", "gate", "--base", "origin/main", shows=("NO", "BLOCK", "mlops:"), expect=1)
    demo.seen.append(("worse, a pull request", "refused", "", ""))

    demo.step("A pull request that makes it better: more trees")
    demo.git("switch", "--quiet", "main")
    demo.git("switch", "--quiet", "--create", "better")
    params(demo, BETTER)
    demo.run("dvc", "repro", shows=("evaluate:",))
    demo.commit("Train twice as many trees")
    demo.run("mlops", "gate", "--base", "origin/main", shows=("YES", "pass   champion"))
    demo.git("switch", "--quiet", "main")
    demo.git("merge", "--quiet", "--no-ff", "--message", "Merge pull request: train twice as many trees", "better")
    demo.git("push", "--quiet", "origin", "main")
    demo.run("mlops", "release", "--env", "staging", shows=("gate", "image", "Released", "commit"))
    demo.answers("better, merged", demo.served(record(demo)["id"]))

    demo.step("Take it back: git revert, and nothing else")
    newest = demo.git("rev-parse", "--short=10", "HEAD")
    demo.run("git", "revert", "--no-edit", newest)
    demo.run("git", "push", "--quiet", "origin", "main")
    pushed = time.monotonic()
    after = demo.served(first["id"])
    print(f"  {first['id']} serves again {time.monotonic() - pushed:.1f} s after the push", flush=True)
    demo.answers("reverted", after)
    if after != before:
        sys.exit(f"/version is not what it was:\n{before}\n{after}")
    print("  /version is what it was: identity, image digest, model, data and metrics", flush=True)

    demo.step("Nothing brings the better one back behind the person who took it back")
    demo.run("mlops", "release", "--env", "staging", shows=("mlops: staging is held",), expect=1)
    demo.run("mlops", "history", "--env", "staging", shows=("20",))


def summary(demo: Demo) -> None:
    """Print the table and how to go on."""
    print(f"\n{'what':<24}{'release':<14}{'identity':<14}{'probability of late':<20}")
    for what, release, identity, probability in demo.seen:
        print(f"{what:<24}{release:<14}{identity:<14}{probability:<20}".rstrip())
    print(f"\n{time.monotonic() - demo.start:.0f} s. The project is there to explore:")
    print(f"  cd {demo.work}")
    print(f'  export PATH="{Path(sys.executable).parent}:$PATH" PYTHONPATH="$PWD/src"')
    print("  git log --oneline            # what ran, and who took it back")
    print("  mlops report                 # what the gate saw; reports/report.html has plots")
    print("  mlops local up --env staging # serve it again, on http://127.0.0.1:8000/docs")
    print("  mlops try                    # change params.yaml or features.py first")


def main() -> None:
    """Run the demo, and stop the server at the end."""
    demo = Demo(Path(tempfile.mkdtemp(prefix=f"{SLUG}-demo-")).resolve())
    try:
        tell(demo)
    finally:
        if (demo.work / ".mlops" / "local" / "staging.json").exists():
            demo.run("mlops", "local", "down", "--env", "staging")
    summary(demo)


if __name__ == "__main__":
    main()
