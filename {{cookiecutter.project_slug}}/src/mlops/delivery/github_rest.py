"""One request to a forge that speaks GitHub's API: by plain paths, and its refusal in words that help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from github import GithubException
from github.Repository import Repository
from github.Requester import Requester
from requests import RequestException
from requests.utils import parse_header_links

from mlops.delivery.forge_place import Place
from mlops.delivery.forge_text import refusal

MAY_NOT_OPEN = "not permitted to create or approve pull requests"
LET_OPEN = (
    "Under Settings > Actions > General > Workflow permissions, in the repository and in its organization, tick 'Allow "
    "GitHub Actions to create and approve pull requests', or use an App's or bot's token."
)


@dataclass(frozen=True)
class Request:
    """What is asked, as in "open a pull request", permissions as a job writes them, and what helps where it is 404."""

    what: str
    needs: tuple[str, ...]
    missing: str = ""


class Rest:
    """What is asked of a forge within a `with`: whatever goes wrong there is told without the token.

    Args:
        repository: Gives the repository, whose client is used.
        place: The API's address, and `owner/name`.
        token: What no message shows.
        request: What it is for.
    """

    def __init__(self, repository: Callable[[], Repository], place: Place, token: str, request: Request) -> None:
        self._repository, self._place, self._token, self._request = repository, place, token, request

    def __enter__(self) -> Rest:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Turn what went wrong at the forge into words without the token."""
        if isinstance(error, GithubException):
            reason = f"{error.status}: {self.said(error)}. {self._hint(error.status, self.said(error))}"
        elif isinstance(error, (RequestException, OSError)):
            reason = f"it could not be reached ({type(error).__name__}: {error}). Run again."
        elif isinstance(error, KeyError):
            reason = f"its answer has no {error}, as GitHub's has."
        else:
            return
        raise refusal(self._place, self._request.what, reason, self._token) from error

    @property
    def requester(self) -> Requester:
        """PyGithub's own way to send a request."""
        return self._repository().requester

    def send(self, verb: str, rest: str, body: dict[str, Any]) -> Any:
        """Send JSON to a path below the repository; gives the JSON of the answer."""
        return self.requester.requestJsonAndCheck(verb, self._path(rest), input=body)[1]

    def pages(self, rest: str, **query: str) -> Iterator[dict[str, Any]]:
        """List what is at a path below the repository, page by page."""
        url, parameters = self._path(rest), {**query, "per_page": "100"}
        while url:
            headers, found = self.requester.requestJsonAndCheck("GET", url, parameters)
            yield from found
            links = parse_header_links(headers.get("link", ""))
            url, parameters = next((link["url"] for link in links if link.get("rel") == "next"), ""), {}

    def mine(self, comments: str, marker: str) -> int | None:
        """Find one's own comment that holds a marker: somebody else's could be changed by its author afterwards."""
        me = self._me()
        found = (c for c in self.pages(comments) if marker in (c.get("body") or "") and _by(me, c.get("user") or {}))
        return next((int(comment["id"]) for comment in found), None)

    def _me(self) -> str:
        """Ask who the token belongs to; an App's and a job's own may not know."""
        try:
            return str(self.requester.requestJsonAndCheck("GET", "/user")[1]["login"])
        except GithubException as error:
            if error.status not in (401, 403, 404):
                raise
            return ""

    def _path(self, rest: str) -> str:
        return f"/repos/{self._place.repository}/{rest}"

    @staticmethod
    def said(error: GithubException) -> str:
        """Give what the forge answered, as one sentence without its full stop."""
        data: dict[str, Any] = error.data if isinstance(error.data, dict) else {}
        several = [item for item in data.get("errors") or [] if isinstance(item, dict)]
        told = [data.get("message"), *(item.get("message") for item in several)]
        return "; ".join(str(text).strip(". ") for text in told if text) or f"answer {error.status}"

    def _hint(self, status: int, said: str) -> str:
        if status == 401:
            return "The token is not accepted: it has ended, or belongs to another forge."
        if status == 403 and MAY_NOT_OPEN in said:
            return LET_OPEN
        if status == 403 and "rate limit" not in said:
            needs = " and ".join(self._request.needs)
            return f"Give the workflow's job the permissions {needs}; a token of your own needs the same."
        if status == 404 and self._request.missing:
            return self._request.missing
        if status == 404:
            return f"Is it {self._place.repository!r}, and may the token see it?"
        return "Run again; `mlops --debug` shows the traceback."


def _by(me: str, author: dict[str, Any]) -> bool:
    """Tell whether a comment is one's own; who does not know its name takes what no person wrote."""
    return author.get("login") == me if me else bool(author) and author.get("type") != "User"
