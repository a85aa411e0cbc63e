"""GitHub, or a forge that speaks its API, through PyGithub."""

from __future__ import annotations

from typing import Any

from github import Auth, Github, GithubException
from github.CommitStatus import CommitStatus
from github.PaginatedList import PaginatedList
from github.PullRequest import PullRequest
from github.Repository import Repository

from mlops.delivery.forge import Status
from mlops.delivery.forge_place import Place
from mlops.delivery.forge_text import TITLE, fitting, line, not_open, same
from mlops.delivery.github_rest import Rest

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
        title, body = line(title, TITLE), fitting(body, LONGEST)
        with self._asking("open a pull request", *ACCEPTED) as rest:
            there = self._pull(branch)
            if there is None:
                try:
                    there = self.repository.create_pull(base=base, head=branch, title=title, body=body)
                except GithubException as error:
                    # Somebody else opened it in between.
                    there = self._pull(branch) if error.status in (409, 422) else None
                    if there is None:
                        raise
            if there.title != title or not same(there.body, body):
                rest.send("PATCH", f"pulls/{there.number}", {"title": title, "body": body})
            address = there.html_url
        if self._dispatch:
            with self._asking(f"start {self._dispatch!r} on {branch!r} for {address}", "actions: write") as rest:
                rest.dispatch(self._dispatch, branch)
        return address

    def merge_when_green(self, branch: str) -> str:
        """Ask to merge it when its checks pass; says what was arranged, or that a person must merge."""
        with self._asking("arrange the merge", *ACCEPTED) as rest:
            there = self._pull(branch)
            if there is None:
                return "It is not open any more."
            try:
                there.enable_automerge(_method(self.repository))
            except GithubException as error:
                if error.status in (401, 403):
                    raise
                return f"A person must merge it: {_alone(rest.said(error))}"
        return "The forge merges it when its required checks pass."

    def status(self, sha: str, context: str) -> Status | None:
        """Read the newest commit status of a context; None where there is none."""
        with self._asking("read commit statuses", "statuses: read") as rest:
            found = PaginatedList(CommitStatus, rest.requester, rest.path(f"commits/{sha}/statuses"), None)
            # The newest comes first.
            newest = next((status for status in found if status.context == context), None)
            return None if newest is None else Status(newest.state, newest.description or "", newest.updated_at)

    def set_status(self, sha: str, context: str, state: str, description: str) -> None:
        """Set a commit status; a description that is longer than the forge takes is cut."""
        with self._asking("set a commit status", "statuses: write") as rest:
            told = {"state": state, "context": context, "description": line(description)}
            rest.send("POST", f"statuses/{sha}", told)

    def comment(self, branch: str, marker: str, body: str) -> str:
        """Replace the own comment that holds the marker in a branch's pull request, or add it; its web address."""
        text = {"body": f"{marker}\n{fitting(body, LONGEST - len(marker) - 1)}"}
        with self._asking("comment on a pull request", "pull-requests: write") as rest:
            pull = self._pull(branch)
            if pull is None:
                raise not_open(branch)
            comments = f"issues/{pull.number}/comments"
            mine = rest.mine(comments, marker)
            verb, there = ("POST", comments) if mine is None else ("PATCH", f"issues/comments/{mine}")
            return str(rest.send(verb, there, text)["html_url"])

    def _pull(self, branch: str) -> PullRequest | None:
        """Find the open pull request of a branch of this repository; a fork may have one of the same name."""
        owner = self.place.repository.partition("/")[0]
        found = self.repository.get_pulls(state="open", head=f"{owner}:{branch}")
        return next((pull for pull in found if pull.head.ref == branch and self._own(pull)), None)

    def _own(self, pull: PullRequest) -> bool:
        # None where the fork is deleted.
        there: Any = pull.head.repo
        return there is not None and there.id == self.repository.id

    def _asking(self, what: str, *needs: str) -> Rest:
        return Rest(lambda: self.repository, self.place, self._token, what, needs)


def _method(repository: Repository) -> str:
    """Choose how to merge: a commit of its own on main is what `git revert` takes back most plainly."""
    allowed = {"SQUASH": repository.allow_squash_merge, "REBASE": repository.allow_rebase_merge}
    return next((name for name, may in allowed.items() if may is not False), "MERGE")


def _alone(said: str) -> str:
    """Say why the forge does not merge by itself, and what changes that."""
    if "clean status" in said:
        return "no check is required, so the forge has nothing to wait for. Require one, or use `--via push`."
    return f"the forge does not merge by itself ({said}). Allow auto-merge in the repository's settings."
