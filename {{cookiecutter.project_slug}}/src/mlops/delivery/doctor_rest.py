"""Ask a forge's API short questions: every refusal and every silence is an answer."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

# Not inside `get`: two threads that import it at once may each find half of it.
import requests

from mlops.delivery.doctor import Finding, no, unknown

SECONDS = (3.05, 10.0)  # to connect, to answer
AT_ONCE = 8
HOPS = 3
LONGEST = 200  # letters of a reason


@dataclass(frozen=True)
class Answer:
    """What a forge answered; `status` is 0 where nobody did, or spoke no JSON."""

    status: int = 0
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether it holds what was asked for."""
        return self.status == 200

    @property
    def table(self) -> dict[str, Any]:
        """The object that was asked for; empty where there is none."""
        return self.body if self.ok and isinstance(self.body, dict) else {}

    def rows(self, key: str = "") -> list[dict[str, Any]]:
        """List the objects that were asked for, where they are a list, or lie under a key."""
        found = self.table.get(key) if key else self.body if self.ok else None
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []

    @property
    def why(self) -> str:
        """Say why it is no answer."""
        said = f": {self.reason}" if self.reason else ""
        if self.status == 0:
            return f"the forge does not answer{said}"
        known = {401: "the token is not accepted", 403: "the token may not see it", 404: "the forge shows none"}
        return f"{known.get(self.status, 'the forge is in trouble')} ({self.status}{said})"


def refused(variable: str, repository: str, answer: Answer, do: str) -> Finding | None:
    """Judge a token to which a repository is not shown; None where it is.

    Args:
        variable: The environment variable that holds the token.
        repository: What was asked for.
        answer: What came.
        do: What helps where the forge shows no such repository.
    """
    if answer.status == 401:
        return no("token", f"{variable} is not accepted: it has ended, or belongs to another forge.", "Make a new one.")
    if answer.status == 404:
        return no(
            "token", f"{variable} sees no {repository!r}: {answer.why}.", f"Correct the remote's address, or {do}"
        )
    return None if answer.ok else unknown("token", f"{variable}: {answer.why}.", "Run again.")


class Rest:
    """A forge's API, as a token may see it."""

    def __init__(self, api: str, headers: Mapping[str, str], secret: str) -> None:
        self._api, self._headers, self._secret = api.rstrip("/"), dict(headers), secret

    def get(self, path: str) -> Answer:
        """Ask one question."""
        try:
            answer = self._ask(self._api + path)
        except (requests.RequestException, OSError) as error:
            inner = getattr(error.args[0], "reason", error) if error.args else error
            return Answer(reason=self._scrubbed(str(inner).rpartition(": ")[2] or type(error).__name__))
        try:
            body = answer.json()
        except ValueError:
            said = self._scrubbed(f"no JSON; is its API {self._api}?")
            return Answer(0 if answer.status_code == 200 else answer.status_code, reason=said)
        told = body.get("message") if isinstance(body, dict) and answer.status_code != 200 else ""
        return Answer(answer.status_code, body, answer.headers, self._scrubbed(str(told or "")))

    def all(self, paths: Mapping[str, str]) -> dict[str, Answer]:
        """Ask several questions at once."""
        if not paths:
            return {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(paths, pool.map(self.get, paths.values()), strict=True))

    def _ask(self, url: str, hops: int = HOPS) -> requests.Response:
        """Follow a repository that was renamed, but never take the token to another host."""
        answer = requests.get(url, headers=self._headers, timeout=SECONDS, allow_redirects=False)
        there = urljoin(url, answer.headers.get("Location", ""))
        if answer.is_redirect and hops and urlsplit(there)[:2] == urlsplit(url)[:2]:
            return self._ask(there, hops - 1)
        return answer

    def _scrubbed(self, text: str) -> str:
        return " ".join(text.replace(self._secret, "***").split())[:LONGEST].rstrip(".")
