"""The one door to a baked project: `bake(folder, **answers)`."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "{{cookiecutter.project_slug}}"


@dataclass(frozen=True)
class BakedProject:
    """A project as cookiecutter leaves it."""

    path: Path

    def files(self) -> list[str]:
        """List what the first commit holds."""
        return self.git("ls-files", "-z").rstrip("\0").split("\0")

    def read(self, name: str) -> str:
        """Read a file of the project."""
        return (self.path / name).read_text(encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Ask git; returns what it prints."""
        return self.run("git", *arguments).stdout

    def run(self, *command: str, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project, without a terminal."""
        return subprocess.run(
            command,
            cwd=self.path,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=check,
        )


def bake(folder: Path, *, overwrite: bool = False, **answers: str) -> BakedProject:
    """Bake a project into a folder.

    Args:
        folder: gets the project, and cookiecutter's own notes beside it.
        overwrite: as `cookiecutter --overwrite-if-exists`.
        answers: what differs from the defaults; cookiecutter evaluates Jinja in them, see `typed`.
    """
    notes = folder / ".cookiecutter"
    notes.mkdir(parents=True, exist_ok=True)
    config = notes / "config.yaml"
    config.write_text(f"replay_dir: {notes}\ncookiecutters_dir: {notes}\n", encoding="utf-8")
    path = cookiecutter(
        str(ROOT),
        no_input=True,
        extra_context=answers,
        overwrite_if_exists=overwrite,
        output_dir=str(folder),
        config_file=str(config),
    )
    return BakedProject(Path(path))


def typed(text: str) -> str:
    """Write an answer so that it arrives as if typed at a prompt, where cookiecutter does not evaluate it."""
    return "{% raw %}" + text + "{% endraw %}" if "{" in text else text
