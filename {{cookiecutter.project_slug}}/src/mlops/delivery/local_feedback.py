"""Feedback of the local target: one key for this machine, and a folder an environment."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from mlops.settings import Settings

KEY = "signing-key"
# A release whose server has no such module takes no feedback, and would not start with options that it does not know.
KNOWS = Path("src", "mlops", "serving", "feedback_setup.py")


def feedback_options(settings: Settings, env: str, image: Path) -> list[str]:
    """List the options with which the server of an image signs ids and keeps feedback."""
    if not (image / KNOWS).is_file():
        return []
    folder = settings.cache / "feedback" / env
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ["--signing-key", str(signing_key(settings)), "--feedback", str(folder)]


def signing_key(settings: Settings) -> Path:
    """Find the key of this machine, or make it; of two processes that make it at once one wins."""
    path = settings.cache / KEY
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{KEY}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
        with suppress(FileExistsError):
            os.link(fresh, path)  # unlike a rename it does not replace
        fresh.unlink()
    return path
