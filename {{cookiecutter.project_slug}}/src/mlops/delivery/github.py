"""GitHub, or a forge that speaks its API, through PyGithub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote

from github import Auth, Github, GithubException
from github.Repository import Repository

from mlops.contract.errors import MlopsError
from mlops.delivery.forge import Status
from mlops.delivery.forge_place import Place
from mlops.delivery.forge_text import TITLE, fitting, line, not_open, same
from mlops.delivery.github_rest import Request, Rest

SECONDS = 20
LONGEST = 65_536
ACCEPTED = ("contents: write", "pull-requests: write")


class GitHub:
    """GitHub, or a forge that speaks its API.

    Args:
        place: The API's address, and `owner/name`.
        token: What it is asked with.
        dispatch: A workflow's file name that is started on a branch whose pull request was opened or updated, since a
            pull request opened with a job's own token starts nothing.
    """

    def __init__(self, place: Place, token: str, dispatch: str = "") -> None:
        self.place = place
        self._token, self._dispatch = token, dispatch
        self._repository: Repository | None = None

    @property
    def repository(self) -> Repository:
        """The repository as PyGithub has it, asked for once."""
        if self._repository is None:
            auth, pause = Auth.Token(self._token), {"seconds_between_requests": 0, "seconds_between_writes": 0}
            client = Github(base_url=self.place.api, auth=auth, timeout=SECONDS, retry=2, **pause)  # type: ignore[arg-type]
            self._repository = client.get_repo(self.place.repository)
        return self._repository

    def open_pull(self, branch: str, base: str, title: str, body: str) -> str:
        """Open a pull request, or give the open one of that branch title and body; its web address."""
        text = {"title": line(title, TITLE), "body": fitting(body, LONGEST)}
        with self._asking("open a pull request", *ACCEPTED) as rest:
            there = self._pull(rest, branch)
            if there is None:
                try:
                    there = rest.send("POST", "pulls", {"head": branch, "base": base, **text})
                except GithubException as error:
                    # Somebody else opened it in between.
                    there = self._pull(rest, branch) if error.status in (409, 422) else None
                    if there is None:
                        raise
            if not all(same(there[key], text[key]) for key in text):
                rest.send("PATCH", f"pulls/{there['number']}", text)
            address = str(there["html_url"])
        if self._dispatch:
            self._start(branch, address)
        return address

    def _start(self, branch: str, address: str) -> None:
        """Start the workflow that a pull request of a job's own token would not start."""
        what, missing = f"start the workflow {self._dispatch!r} on {branch!r}", "It must be on the default branch."
        try:
            with self._asking(what, "actions: write", missing=missing) as rest:
                rest.send("POST", f"actions/workflows/{quote(self._dispatch, safe='')}/dispatches", {"ref": branch})
        except MlopsError as error:
            raise MlopsError(f"{error} The pull request is open: {address}. It waits for its checks.") from error

    def merge_when_green(self, branch: str) -> str:
        """Ask to merge it when its checks pass; says what was arranged, or that a person must merge."""
        with self._asking("arrange the merge", *ACCEPTED) as rest:
            there = self._pull(rest, branch)
            if there is None:
                return "It is not open any more."
            try:
                # Only GraphQL has it, with an identifier that only GitHub gives.
                wish = {"pullRequestId": there.get("node_id", ""), "mergeMethod": _method(self.repository)}
                rest.requester.graphql_named_mutation("enablePullRequestAutoMerge", wish, "clientMutationId")
            except GithubException as error:
                if error.status in (401, 403):
                    raise
                return f"A person must merge it: {_alone(rest.said(error))}"
        return "The forge merges it when its required checks pass."

    def status(self, sha: str, context: str) -> Status | None:
        """Read the newest commit status of a context; None where there is none."""
        with self._asking("read commit statuses", "statuses: read") as rest:
            return next(_statuses(rest, sha, context), None)

    def statuses(self, sha: str, context: str) -> list[Status]:
        """Read all commit statuses of a context, newest first."""
        with self._asking("read commit statuses", "statuses: read") as rest:
            return list(_statuses(rest, sha, context))

    def set_status(self, sha: str, context: str, state: str, description: str) -> None:
        """Set a commit status; a description that is longer than the forge takes is cut."""
        with self._asking("set a commit status", "statuses: write") as rest:
            rest.send("POST", f"statuses/{sha}", {"state": state, "context": context, "description": line(description)})

    def comment(self, branch: str, marker: str, body: str) -> str:
        """Replace the own comment that holds the marker in a branch's pull request, or add it; its web address."""
        text = {"body": fitting(body, LONGEST, f"{marker}\n")}
        with self._asking("comment on a pull request", "pull-requests: write") as rest:
            pull = self._pull(rest, branch)
            if pull is None:
                raise not_open(branch)
            comments = f"issues/{pull['number']}/comments"
            mine = rest.mine(comments, marker)
            verb, there = ("POST", comments) if mine is None else ("PATCH", f"issues/comments/{mine}")
            return str(rest.send(verb, there, text)["html_url"])

    def _pull(self, rest: Rest, branch: str) -> dict[str, Any] | None:
        """Find the open pull request of a branch of this repository; a fork may have one of the same name."""
        owner = self.place.repository.partition("/")[0]
        found = rest.pages("pulls", state="open", head=f"{owner}:{branch}")
        return next((pull for pull in found if pull["head"]["ref"] == branch and _own(pull)), None)

    def _asking(self, what: str, *needs: str, missing: str = "") -> Rest:
        return Rest(lambda: self.repository, self.place, self._token, Request(what, needs, missing))


def _statuses(rest: Rest, sha: str, context: str) -> Iterator[Status]:
    """Go through the statuses of a context; the newest comes first."""
    for one in rest.pages(f"commits/{sha}/statuses"):
        if one["context"] == context:
            yield Status(one["state"], one["description"] or "", datetime.fromisoformat(one["updated_at"]))


def _own(pull: dict[str, Any]) -> bool:
    """Tell whether a pull request's branch is in the repository itself; a deleted fork has no repository."""
    there = pull["head"]["repo"]
    return there is not None and there["id"] == pull["base"]["repo"]["id"]


def _method(repository: Repository) -> str:
    """Choose how to merge: a commit of its own on main is what `git revert` takes back most plainly."""
    allowed = {"SQUASH": repository.allow_squash_merge, "REBASE": repository.allow_rebase_merge}
    return next((name for name, may in allowed.items() if may is not False), "MERGE")


def _alone(said: str) -> str:
    """Say why the forge does not merge by itself, and what changes that."""
    if "clean status" in said:
        return "no check is required, so the forge has nothing to wait for. Require one, or use `--via push`."
    if "not accessible" in said:
        return f"the token may not arrange it ({said}): it needs {' and '.join(ACCEPTED)}."
    return f"the forge does not merge by itself ({said}). Allow auto-merge in the repository's settings."
