"""What the receiver asks of a forge, and how: plain requests with a bounded time and answer."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import IO, Any, Protocol
from urllib.parse import urlencode

from mlops.contract.errors import MlopsError
from mlops.serving.receiver_alerts import Wish

BRANCH = "mlops/retrain"  # of the pull request that `mlops retrain` opens
LOOKS = "Retrain (look)"  # the name of a run that proposes nothing
SECONDS = 10
MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """The API's address, the repository's path there, its main branch, and the workflow's file name."""

    api: str
    repository: str
    branch: str
    workflow: str


@dataclass(frozen=True)
class Run:
    """One run of the workflow: when it began (None: nobody knows), whether it only looks, and whether it is over."""

    id: str
    began: datetime | None
    look: bool
    over: bool


class Forge(Protocol):
    """Where the workflow runs."""

    def proposed(self) -> bool:
        """Tell whether the pull request is open."""

    def runs(self) -> list[Run]:
        """List the newest runs of the workflow on the main branch."""

    def notes(self) -> list[str]:
        """List the descriptions of the commit statuses `mlops/retrain` on the main branch's tip."""

    def start(self, wish: Wish) -> None:
        """Start the workflow."""


class Silent(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go to whom it leads."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Give nothing, so that the redirect is the answer."""


class Api:
    """A forge's API below an address.

    Args:
        base: The address.
        headers: Gives the headers that say who asks, at each request, since a token may be replaced meanwhile.
    """

    def __init__(self, base: str, headers: Callable[[], dict[str, str]]) -> None:
        self._base, self._headers = base.rstrip("/"), headers
        self._opener = urllib.request.build_opener(Silent)

    def get(self, path: str, **query: str) -> Any:
        """Ask for JSON.

        Raises:
            MlopsError: The forge refuses, is not there, or gives no JSON.
        """
        return self._send(urllib.request.Request(f"{self._base}/{path}?{urlencode(query)}"))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send JSON.

        Raises:
            MlopsError: The forge refuses, is not there, or gives no JSON.
        """
        return self._send(urllib.request.Request(f"{self._base}/{path}", json.dumps(body).encode(), method="POST"))

    def _send(self, request: urllib.request.Request) -> Any:
        for name, value in {"Content-Type": "application/json", "User-Agent": "mlops", **self._headers()}.items():
            request.add_header(name, value)
        what = f"{request.get_method()} {request.full_url.partition('?')[0]}"
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                text = answer.read(MOST_BYTES)
            return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            error.close()
            hint = (
                "Look at the token's rights and at the repository's name." if error.code < 500 else "It is asked again."
            )
            raise MlopsError(f"The forge answers {error.code} to {what}. {hint}") from None
        except (OSError, http.client.HTTPException) as error:
            raise MlopsError(
                f"The forge gives no answer to {what} ({type(error).__name__}). It is asked again."
            ) from None
        except (ValueError, RecursionError):
            raise MlopsError(f"The forge's answer to {what} is no JSON. Look at the address of its API.") from None


def moment(text: Any) -> datetime | None:
    """Read a time; None for what is none, and for the year 1 or 1970 that some forges give instead."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if found.year > 1970 else None
