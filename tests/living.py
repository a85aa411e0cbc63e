"""A baked project that is used: commands run in it with this environment's Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

IDENTITY = {
    f"GIT_{who}_{what}": v for who in ("AUTHOR", "COMMITTER") for what, v in (("NAME", "Test"), ("EMAIL", "t@t"))
}


@dataclass(frozen=True)
class LivingProject:
    """A project in a folder of its own; its DVC remote lies beside it."""

    path: Path
    envs: Path

    def mlops(self, *arguments: str, expect: int = 0, **env: str) -> str:
        """Run `mlops`; returns all that it prints."""
        return self.run(sys.executable, "-m", "mlops", *arguments, expect=expect, **env)

    def dvc(self, *arguments: str, expect: int = 0, **env: str) -> str:
        """Run `dvc`; returns all that it prints."""
        return self.run(sys.executable, "-m", "dvc", *arguments, expect=expect, **env)

    def stage(self, name: str, expect: int = 0, **env: str) -> str:
        """Run one stage without DVC."""
        return self.run(sys.executable, "-m", f"mlops.pipeline.{name}", expect=expect, **env)

    def git(self, *arguments: str, expect: int = 0) -> str:
        """Run git; returns all that it prints."""
        return self.run("git", *arguments, expect=expect).strip()

    def run(self, *command: str, expect: int = 0, **env: str) -> str:
        """Run a command and see that it ends as expected, without a traceback."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self.environment() | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == expect, f"{command} ended with {done.returncode}:\n{done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def environment(self) -> dict[str, str]:
        """Give the variables of a command: this Python first, the project's own code, no lab notebook."""
        return {
            **os.environ,
            **IDENTITY,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(self.path / "src"),
            "MLOPS_ENVS": os.environ.get("MLOPS_ENVS", str(self.envs)),
            "MLOPS_NOTEBOOK": "off",
        }

    def commit(self, message: str) -> str:
        """Commit everything; returns the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def publish(self, origin: Path) -> None:
        """Give the project a bare origin, and push main there."""
        self.git("init", "--quiet", "--bare", "--initial-branch", "main", str(origin))
        self.git("remote", "add", "origin", str(origin))
        self.git("push", "--quiet", "--set-upstream", "origin", "main")

    def copy(self, folder: Path) -> LivingProject:
        """Copy the project, its DVC remote and its origin to another folder."""
        for path in self.path.parent.iterdir():
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
        there = LivingProject(folder / self.path.name, self.envs)
        if "origin" in there.git("remote"):
            there.git("remote", "set-url", "origin", str(folder / "origin.git"))
        return there

    def record(self, env: str = "staging", rev: str = "origin/main") -> dict[str, Any]:
        """Read what an environment should run by a revision."""
        document: dict[str, Any] = yaml.safe_load(self.git("show", f"{rev}:deploy/envs/{env}/release.yaml"))
        return document["release"]  # type: ignore[no-any-return]

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a piece of a file that is there exactly once."""
        path = self.path / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {name}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def living(path: Path, envs: Path) -> LivingProject:
    """Begin to use a baked project."""
    return LivingProject(path, envs)
