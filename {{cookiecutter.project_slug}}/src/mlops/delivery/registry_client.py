"""Speak HTTP with an image registry: its address, what `docker login` left for it, and what its refusals mean."""

from __future__ import annotations

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError

ATTEMPTS = 4
PAUSE = 0.5
SECONDS = 30
HURRIED = 5
REPOSITORY = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")
PASSING = frozenset({429, 500, 502, 503, 504})
DENIED = frozenset({401, 403})
HUB = "docker.io"


class Denied(MlopsError):
    """The registry answers, and refuses: nobody is logged in, or who is may not."""


class Client:
    """One repository of a registry; made anew for each task, since a token is good for one task and some minutes."""

    def __init__(self, repository: str, *, patient: bool = True) -> None:
        self._attempts, self._seconds = (ATTEMPTS, SECONDS) if patient else (1, HURRIED)
        self.repository = require_repository(repository)
        self.host, _, self.name = repository.partition("/")
        self._url = f"{'http' if plain(repository) else 'https'}://{_server(self.host)}"
        self._session: Any = None

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> Any:
        """Send a request about the repository; 404 is an answer.

        Args:
            method: GET, HEAD, POST without a body, or DELETE.
            path: What follows the repository's name, for example `tags/list`; or a whole path from `/v2/` on.
            headers: Further headers.

        Returns:
            A `requests.Response`.

        Raises:
            Denied: The registry refuses.
            MlopsError: It cannot be reached, or answers with an error.
        """
        url = self._url + (path if path.startswith("/") else f"/v2/{self.name}/{path}")
        self._session = self._session or self._open()
        answer = self._send(lambda: _bare(self._session, url, method, dict(headers or {})))
        if answer.status_code in DENIED:
            raise self._refused(f"it answers {answer.status_code} to {method}")
        if answer.status_code >= 400 and answer.status_code not in (404, 405):
            raise MlopsError(
                f"{self.host} answers {answer.status_code} {answer.reason} to {method} {url}. Try again later."
            )
        return answer

    def _open(self) -> Any:
        from oras.provider import Registry

        client = Registry(hostname=self.host, insecure=plain(self.repository))
        _limit(client.session, self._seconds, local=plain(self.repository))
        hello = self._send(lambda: client.session.get(f"{self._url}/v2/"))
        basic = hello.headers.get("Www-Authenticate", "").lower().startswith("basic")
        if basic:
            session = client.session
            client = Registry(hostname=self.host, insecure=plain(self.repository), auth_backend="basic")
            client.session = client.auth.session = session
        if not _log_in(client, self.repository) and basic:
            raise self._refused("nobody is logged in")
        return client

    def _send(self, request: Any) -> Any:
        from requests import ConnectionError as Unreachable
        from requests import RequestException, Timeout
        from requests.exceptions import SSLError
        from tenacity import Retrying, retry_if_exception, retry_if_result, stop_after_attempt, wait_exponential_jitter

        def worth_it(error: BaseException) -> bool:
            return isinstance(error, Unreachable | Timeout) and not isinstance(error, SSLError)

        retrying = Retrying(
            retry=retry_if_exception(worth_it) | retry_if_result(lambda answer: answer.status_code in PASSING),
            stop=stop_after_attempt(self._attempts),
            wait=wait_exponential_jitter(multiplier=PAUSE, jitter=PAUSE),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        try:
            return retrying(request)
        except RequestException as error:
            raise MlopsError(
                f"{self.host} cannot be reached: {_reason(error)}. "
                f"Check the network, and whether {self.repository!r} is the right repository."
            ) from error
        except (ValueError, AttributeError) as error:
            # What oras raises when nothing it has answers the registry's challenge.
            raise self._refused("it takes none of the credentials") from error

    def _refused(self, why: str) -> Denied:
        return Denied(
            f"{self.host} refuses access to {self.name!r}: {why}. Log in with `docker login {self.host}` or "
            f"`buildah login {self.host}`, as somebody who may."
        )


def require_repository(repository: str) -> str:
    """Check the name of a repository.

    Raises:
        MlopsError: It has a tag or a digest, no registry, or letters that none may have.
    """
    host = repository.partition("/")[0]
    if not REPOSITORY.fullmatch(repository) or not ("." in host or ":" in host or host == "localhost"):
        raise MlopsError(
            f"{repository!r} is no repository of a registry: REGISTRY/NAME in small letters, without tag or digest, "
            "for example 'ghcr.io/team/model'. Correct `image` under [tool.mlops] in pyproject.toml."
        )
    return repository


def plain(repository: str) -> bool:
    """Say whether a registry is spoken to without TLS: only one on this machine is."""
    return repository.partition("/")[0].partition(":")[0] in ("127.0.0.1", "localhost")


def _server(host: str) -> str:
    return "registry-1.docker.io" if host == HUB else host


def _bare(client: Any, url: str, method: str, headers: dict[str, str]) -> Any:
    # oras would try again for two minutes, even where nobody listens.
    return client.do_request.__wrapped__(client, url, method, headers=headers)


def _limit(session: Any, seconds: int, *, local: bool) -> None:
    session.request = partial(session.request, timeout=seconds)
    if local:
        session.trust_env = False  # nor is a proxy of the environment asked for what runs here


def _log_in(client: Any, repository: str) -> bool:
    container = client.get_container(repository)
    for file in _files():
        client.auth._auth_config = {"auths": {}, **_read(file)}
        for key in _keys(repository):
            container.registry = key
            client.auth.load_configs(container)
            if getattr(client.auth, "_basic_auth", None):
                return True
    return False


def _files() -> list[Path]:
    home = Path.home()
    places = [
        os.environ.get("REGISTRY_AUTH_FILE", ""),
        f"{os.environ.get('XDG_RUNTIME_DIR', '')}/containers/auth.json",
        f"/run/containers/{os.getuid()}/auth.json",
        f"{home}/.config/containers/auth.json",
        f"{os.environ.get('DOCKER_CONFIG') or home / '.docker'}/config.json",
    ]
    return [path for path in map(Path, filter(None, places)) if path.is_file()]


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MlopsError(f"{file}: no readable credentials ({error}). Log in again.") from error
    return found


def _keys(repository: str) -> list[str]:
    """List under which names a login may be kept, from the repository itself to its registry."""
    parts = repository.split("/")
    keys = ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return [*keys, "https://index.docker.io/v1/", "index.docker.io"] if parts[0] == HUB else keys


def _reason(error: Exception) -> str:
    inner = getattr(error.args[0], "reason", error) if error.args else error
    return str(inner).rpartition(": ")[2] or type(error).__name__
