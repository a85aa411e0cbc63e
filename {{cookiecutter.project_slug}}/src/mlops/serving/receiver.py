"""Turn alerts into retrainings: `python -m mlops.serving.receiver --port N`, the webhook of Alertmanager."""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, Counter, generate_latest

from mlops.contract.errors import MlopsError
from mlops.serving.asgi import Receive, Scope, Send, read_body
from mlops.serving.body import Refusal
from mlops.serving.log import event, take_over
from mlops.serving.receiver_act import REASONS, Actor, Done
from mlops.serving.receiver_alerts import LOOK, PROPOSE, Unreadable, wish_of
from mlops.serving.receiver_forge import Forge, Place
from mlops.serving.receiver_github import GitHub
from mlops.serving.receiver_gitlab import GitLab

PREFIX = "MLOPS_RECEIVER_"
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
APIS = {"github": "https://api.github.com", "gitlab": "https://gitlab.com/api/v4"}
PLAIN, METRICS = b"application/json", b"text/plain; version=0.0.4; charset=utf-8"


class NoToken(MlopsError):
    """A file has no token; the text names the file, so it is for the log alone."""


class App:
    """The ASGI application: `/alerts`, `/livez`, `/readyz`, `/metrics`.

    Args:
        actor: What is done for a message.
        bearer: Gives what Alertmanager has to send, anew each time.
    """

    def __init__(self, actor: Actor, bearer: Callable[[], str]) -> None:
        self._actor, self._bearer = actor, bearer
        self._registry = CollectorRegistry()
        told = "Messages of Alertmanager, by what came of them."
        self._counted = Counter("mlops_receiver_messages", told, ["result", "reason"], registry=self._registry)
        outcomes = [("started" if word in (PROPOSE, LOOK) else "nothing", word) for word in REASONS]
        failures = [("refused", "bearer"), ("refused", "body"), ("failed", "token"), ("failed", "forge")]
        for result, reason in (*outcomes, *failures):
            self._counted.labels(result, reason)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        way = f"{scope['method']} {scope['path']}"
        if way in ("GET /livez", "GET /readyz"):
            await _answer(send, 200, b'{"status": "ok"}')
        elif way == "GET /metrics":
            await _answer(send, 200, generate_latest(self._registry), METRICS)
        elif way == "POST /alerts":
            status, told = await self._alerts(scope, receive)
            await _answer(send, status, json.dumps(told).encode())
        else:
            await _answer(send, 404, b'{"detail": "POST the webhook of Alertmanager to /alerts"}')

    async def _alerts(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, str]]:
        try:
            if not self._known(scope):
                return self._told(401, "refused", "bearer", "the bearer token is missing or wrong")
            wish = wish_of(await read_body(scope, receive))
            done: Done = await asyncio.to_thread(self._actor.act, wish)
        except (Unreadable, Refusal) as error:
            status, why = (error.status, str(error.detail)) if isinstance(error, Refusal) else (400, str(error))
            return self._told(status, "refused", "body", why)
        except ConnectionError:
            return self._told(400, "refused", "body", "the client left")
        except NoToken as error:
            event("token", "error", reason=str(error))
            return self._told(503, "failed", "token", "the receiver cannot read one of its tokens; its log says which")
        except Exception as error:
            # Alertmanager sends it again after a 5xx, and only then.
            why = str(error) if isinstance(error, MlopsError) else f"the receiver failed ({type(error).__name__})"
            return self._told(503, "failed", "forge", why)
        return self._told(200, done.result, done.reason, done.words, wish.cause if wish else "")

    def _known(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        return len(given) == 1 and hmac.compare_digest(given[0], f"Bearer {self._bearer()}".encode())

    def _told(self, status: int, result: str, reason: str, words: str, cause: str = "") -> tuple[int, dict[str, str]]:
        self._counted.labels(result, reason).inc()
        told = {"result": result, "reason": reason, "detail": words, **({"cause": cause} if cause else {})}
        event("alerts", "info" if status == 200 else "warning", status=status, **told)
        return status, told


async def _answer(send: Send, status: int, body: bytes, kind: bytes = PLAIN) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def application(environ: Mapping[str, str]) -> App:
    """Make the application that the environment describes.

    Raises:
        MlopsError: A variable is missing or wrong; the message names each, and nothing of a token.
    """
    kind = environ.get(f"{PREFIX}FORGE", "github")
    files = {"TOKEN_FILE", "FORGE_TOKEN_FILE", *(["TRIGGER_TOKEN_FILE"] if kind == "gitlab" else [])}
    wrong = [f"{PREFIX}FORGE is {kind!r} and must be 'github' or 'gitlab'"] if kind not in APIS else []
    wrong += [f"{PREFIX}{name} is not set" for name in sorted({*files, "REPOSITORY"}) if not environ.get(PREFIX + name)]
    cooldown = re.fullmatch(r"([0-9]{1,6})([smhd])", environ.get(f"{PREFIX}COOLDOWN", "6h"))
    wrong += [] if cooldown else [f"{PREFIX}COOLDOWN must be a number and s, m, h or d, such as '6h'"]
    if wrong or cooldown is None:
        raise MlopsError(f"{'; '.join(wrong)}. See docs/guides/retraining.md.")
    secrets = {name: _secret(Path(environ[PREFIX + name])) for name in files}
    for read in secrets.values():
        read()
    forge = _forge(kind, environ, secrets)
    return App(Actor(forge, timedelta(**{UNITS[cooldown[2]]: int(cooldown[1])})), secrets["TOKEN_FILE"])


def _forge(kind: str, environ: Mapping[str, str], secrets: Mapping[str, Callable[[], str]]) -> Forge:
    api = environ.get(f"{PREFIX}API") or APIS[kind]
    branch, workflow = (environ.get(PREFIX + name) for name in ("BRANCH", "WORKFLOW"))
    place = Place(api, environ[f"{PREFIX}REPOSITORY"], branch or "main", workflow or "retrain.yml")
    if kind == "gitlab":
        return GitLab(place, secrets["FORGE_TOKEN_FILE"], secrets["TRIGGER_TOKEN_FILE"])
    return GitHub(place, secrets["FORGE_TOKEN_FILE"])


def _secret(path: Path) -> Callable[[], str]:
    """Give what reads a token's file anew: a secret of a cluster is replaced while its pods run."""

    def read() -> str:
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise NoToken(f"{path}: not readable ({type(error).__name__}). Put the token there.") from None
        if not re.fullmatch(r"[!-~]{8,}", text):
            raise NoToken(f"{path}: holds no token: one line of 8 letters or more. Put it there.")
        return text

    return read


class Server(uvicorn.Server):
    """Uvicorn whose exit code stays 0 after a signal."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, end at the second; no signal is raised again."""
        self.force_exit = self.should_exit
        self.should_exit = True


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise MlopsError(f"cannot listen on {host}:{port}: {error}. Choose another --port.") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Receive until SIGTERM or SIGINT; the exit code is 2 where the environment says too little."""
    parser = argparse.ArgumentParser(prog="python -m mlops.serving.receiver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one, which the start line names")
    options = parser.parse_args(arguments)
    take_over()
    try:
        app: Any = application(os.environ)
        listener = _listener(options.host, options.port)
    except MlopsError as error:
        event("stop", "error", reason=str(error))
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return error.exit_code
    event("start", address="{}:{}".format(*listener.getsockname()[:2]))
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False}
    Server(uvicorn.Config(app, lifespan="off", timeout_graceful_shutdown=20, **quiet)).run([listener])
    event("stop", reason="drained")
    return 0


if __name__ == "__main__":
    sys.exit(main())
