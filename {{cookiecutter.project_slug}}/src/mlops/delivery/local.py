"""The `local` target: run the release that Git names on this machine, for a laptop and for tests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.delivery import local_state
from mlops.delivery.layout import require_environment
from mlops.delivery.local_detach import detached
from mlops.delivery.local_follow import follow
from mlops.delivery.local_reconciler import Say, version
from mlops.delivery.local_state import Running
from mlops.delivery.trunk import trunk
from mlops.settings import Settings

STOP_SECONDS = 60.0


def up(
    settings: Settings, env: str, *, port: int = 8000, poll: float = 1.0, detach: bool = False, say: Say = print
) -> None:
    """Follow an environment's release in Git and serve it until SIGTERM or SIGINT.

    The socket is held here and lent to each server, so that no request is refused while one follows another.

    Args:
        settings: The project.
        env: The environment.
        port: Port on 127.0.0.1; 0 takes a free one.
        poll: Seconds between two looks at the remote.
        detach: Run in a process of its own, and return once the first release is served or cannot be.
        say: Gets one line per event.

    Raises:
        MlopsError: No such environment, it is up already, or the port is taken.
    """
    main = trunk(settings)
    require_environment(main.git, main.tip(), env)
    (detached if detach else follow)(settings, env, port, poll, say)


def down(settings: Settings, env: str) -> bool:
    """Stop the reconciler of an environment and its server.

    Returns:
        Whether one was running.

    Raises:
        MlopsError: It does not end.
    """
    deadline, asked = time.monotonic() + STOP_SECONDS, False
    while local_state.held(settings, env):
        there = local_state.read(settings, env)
        # Without a file it has only just started; a moment later it says who it is.
        if there is not None and not asked:
            with suppress(ProcessLookupError):
                os.kill(there.pid, signal.SIGTERM)
            asked = True
        if time.monotonic() > deadline:
            raise MlopsError(f"the process that serves {env!r} did not end in {STOP_SECONDS:g} s: {there}.")
        time.sleep(0.05)
    return asked


def running(settings: Settings, env: str) -> Running | None:
    """Say what runs for an environment on this machine; None where nothing does."""
    return local_state.read(settings, env)


def live(settings: Settings, env: str) -> Mapping[str, Any] | None:
    """Ask the environment's server what it is, as `mlops status` compares it; None where none is up.

    Raises:
        MlopsError: One should be up but does not answer.
    """
    there = running(settings, env)
    if there is None or there.release is None:
        return None
    answer = version(there.port)
    if answer is None:
        raise MlopsError(f"{there.url} does not answer. See {there.log!r}.")
    facts = answer.get("release") or {}
    digest = facts.get("image", {}).get("digest")
    return {**facts, "release": facts.get("id"), "digest": digest, "model_sha256": answer.get("model_sha256")}
