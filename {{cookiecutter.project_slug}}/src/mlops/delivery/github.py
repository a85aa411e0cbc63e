"""GitHub, or a forge that speaks its API, through PyGithub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from github import Auth, Github, GithubException
from github.CommitStatus import CommitStatus
from github.PaginatedList import PaginatedList
from github.PullRequest import PullRequest
from github.Repository import Repository
from requests import RequestException

from mlops.contract.errors import MlopsError
from mlops.delivery.forge import Place, Status
from mlops.delivery.git import without_credentials

SECONDS = 20


class GitHub:
    """GitHub, or a forge that speaks its API."""

    def __init__(self, place: Place, token: str) -> None:
        self.place = place
        self._token = token
        self._repo: Repository | None = None

    def open_pull(self, branch: str, base: str, title: str, body: str) -> str:
        """Open a pull request, or find the open one of that branch; gives its web address."""
        with self._asking("open a pull request"):
            there = self._pull(branch)
            if there is None:
                try:
                    there = self._repository.create_pull(base=base, head=branch, title=title, body=body)
                except GithubException as error:
                    # Somebody else opened it in between.
                    there = self._pull(branch) if error.status in (409, 422) else None
                    if there is None:
                        raise
            return there.html_url

    def merge_when_green(self, branch: str) -> str:
        """Ask to merge it when its checks pass; says what was arranged, or that a person must merge."""
        with self._asking("arrange the merge"):
            there = self._pull(branch)
            if there is None:
                return "It is not open any more."
            try:
                there.enable_automerge(_method(self._repository))
            except GithubException as error:
                if error.status in (401, 403):
                    raise
                return f"A person must merge it: {_alone(_said(error))}"
        return "The forge merges it when its required checks pass."

    def status(self, sha: str, context: str) -> Status | None:
        """Read the newest commit status of a context; None where there is none."""
        with self._asking("read commit statuses"):
            url = f"{self._repository.url}/commits/{sha}/statuses"
            found = PaginatedList(CommitStatus, self._repository.requester, url, None)
            # The newest comes first.
            newest = next((status for status in found if status.context == context), None)
            return None if newest is None else Status(newest.state, newest.description or "", newest.updated_at)

    def _pull(self, branch: str) -> PullRequest | None:
        owner = self.place.repository.partition("/")[0]
        found = self._repository.get_pulls(state="open", head=f"{owner}:{branch}")
        return next((pull for pull in found if pull.head.ref == branch), None)

    @property
    def _repository(self) -> Repository:
        if self._repo is None:
            auth, pause = Auth.Token(self._token), {"seconds_between_requests": 0, "seconds_between_writes": 0}
            client = Github(base_url=self.place.api, auth=auth, timeout=SECONDS, retry=2, **pause)  # type: ignore[arg-type]
            self._repo = client.get_repo(self.place.repository)
        return self._repo

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn what goes wrong at the forge into words without the token."""
        try:
            yield
        except GithubException as error:
            reason = f"{error.status}: {_said(error)}. {_hint(error.status, self.place)}"
        except (RequestException, OSError) as error:
            reason = f"it could not be reached ({type(error).__name__}: {error}). Run again."
        else:
            return
        text = f"The forge at {self.place.api} did not {what} of {self.place.repository}: {reason}"
        raise MlopsError(without_credentials(text.replace(self._token, "***")))


def _method(repository: Repository) -> str:
    """Choose how to merge: a commit of its own on main is what `git revert` takes back most plainly."""
    allowed = {"SQUASH": repository.allow_squash_merge, "REBASE": repository.allow_rebase_merge}
    return next((name for name, may in allowed.items() if may is not False), "MERGE")


def _alone(said: str) -> str:
    """Say why the forge does not merge by itself, and what changes that."""
    if "clean status" in said:
        return "no check is required, so the forge has nothing to wait for. Require one, or use `--via push`."
    return f"the forge does not merge by itself ({said}). Allow auto-merge in the repository's settings."


def _said(error: Any) -> str:
    data = error.data if isinstance(error.data, dict) else {}
    several = [item for item in data.get("errors") or [] if isinstance(item, dict)]
    told = [data.get("message"), *(item.get("message") for item in several)]
    return "; ".join(str(text).strip(". ") for text in told if text) or f"answer {error.status}"


def _hint(status: int, place: Place) -> str:
    if status == 401:
        return "The token is not accepted: it has ended, or belongs to another forge."
    if status == 403:
        return "Let the token write contents and pull requests and read commit statuses."
    if status == 404:
        return f"Is it {place.repository!r}, and may the token see it?"
    return "Run again; `mlops --debug` shows the traceback."
