"""`mlops local` and `mlops serve`: on this machine."""

from __future__ import annotations

import subprocess

from mlops.commands.words import say
from mlops.delivery import local
from mlops.delivery.image import BUNDLE
from mlops.environment import serving_python
from mlops.scoring import environment
from mlops.settings import find


def up(env: str, port: int, *, detach: bool) -> None:
    """Serve the release that Git names."""
    local.up(find(), env, port=port, detach=detach, say=say)


def down(env: str) -> None:
    """Stop what `up` started."""
    say(f"{env}: stopped" if local.down(find(), env) else f"{env}: nothing was running")


def serve(port: int) -> None:
    """Serve the bundle in build/ until interrupted."""
    settings = find()
    python = serving_python(settings.root / "requirements" / "serve.txt", settings.cache / "envs")
    bundle = settings.root / BUNDLE
    command = [str(python), "-m", "mlops.serving", "--bundle", str(bundle), "--port", str(port)]
    raise SystemExit(subprocess.run(command, env=environment(settings.root / "src"), check=False).returncode)
