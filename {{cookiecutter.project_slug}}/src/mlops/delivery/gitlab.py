"""GitLab, through python-gitlab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from gitlab import Gitlab, GitlabError
from gitlab.v4.objects import Project, ProjectCommitStatus, ProjectMergeRequest
from requests import RequestException

from mlops.delivery.forge import Status
from mlops.delivery.forge_place import Place
from mlops.delivery.forge_text import TITLE, fitting, line, not_open, refusal, same

SECONDS = 20
LONGEST = 1_000_000
PATIENCE = (2, 3, 5, 10, 10)  # seconds between attempts, until GitLab has made the pipeline of what was just pushed
ARRANGED = "The forge merges it when its checks pass."
GIVEN = {"success": "success", "failure": "failed", "error": "failed", "pending": "pending"}
READ = {"success": "success", "failed": "failure", "canceled": "error", "skipped": "error"}


class GitLab:
    """GitLab.

    Args:
        place: The API's address, and the project's path with its groups.
        token: What it is asked with.
        of_job: The token is a job's own, which may do little.
        sleep: Waits, in seconds.
    """

    def __init__(
        self, place: Place, token: str, *, of_job: bool = False, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.place = place
        self._token, self._of_job, self._sleep = token, of_job, sleep
        self._project: Project | None = None
        given = {"job_token" if of_job else "private_token": token}
        url = place.api.removesuffix("/api/v4")
        self._client = Gitlab(url, timeout=SECONDS, keep_base_url=True, per_page=100, **given)  # type: ignore[arg-type]

    @property
    def project(self) -> Project:
        """The project as python-gitlab has it, asked for once."""
        if self._project is None:
            self._project = self._client.projects.get(self.place.repository)
        return self._project

    def open_pull(self, branch: str, base: str, title: str, body: str) -> str:
        """Open a merge request, or give the open one of that branch title and body; its web address."""
        title, body = line(title, TITLE), fitting(body, LONGEST)
        with self._asking("open a merge request"):
            there = self._request(branch)
            if there is None:
                made = {"source_branch": branch, "target_branch": base, "title": title, "description": body}
                try:
                    there = self.project.mergerequests.create(made)
                except GitlabError as error:
                    # Somebody else opened it in between.
                    there = self._request(branch) if error.response_code == 409 else None
                    if there is None:
                        raise
            if there.title != title or not same(there.description, body):
                there.title, there.description = title, body
                there.save()
            return str(there.web_url)

    def merge_when_green(self, branch: str) -> str:
        """Ask to merge it when its pipeline succeeds; says what was arranged, or that a person must merge."""
        with self._asking("arrange the merge"):
            there = self._request(branch)
            if there is None:
                return "It is not open any more."
            # What was just pushed: the pipeline of an older commit says nothing of it.
            tip = str(self.project.branches.get(branch).commit["id"])
            pauses = iter(PATIENCE)
            while True:
                try:
                    return "The forge merged it." if self._merge(there, tip) else ARRANGED
                except GitlabError as error:
                    if self._arranged(there.iid, tip):
                        return ARRANGED
                    pause = next(pauses, None)
                    if pause is None or error.response_code not in (405, 409, 422):
                        return f"A person must merge it: {_alone(error)}"
                    self._sleep(pause)

    def _merge(self, there: ProjectMergeRequest, tip: str) -> bool:
        """Ask for it; tells whether it is merged already."""
        # GitLab calls the first one by the second name since 17.11.
        wish = {"merge_when_pipeline_succeeds": True, "auto_merge": True, "sha": tip}
        done: Any = self._client.http_put(f"{there.manager.path}/{there.encoded_id}/merge", post_data=wish)
        return bool(done.get("state") == "merged")

    def _arranged(self, number: int, tip: str) -> bool:
        """Tell whether an earlier run asked for it already, which GitLab takes once."""
        now = self.project.mergerequests.get(number)
        return bool(now.merge_when_pipeline_succeeds and now.sha == tip)

    def status(self, sha: str, context: str) -> Status | None:
        """Read the newest commit status of a context; None where there is none."""
        return next(iter(self._statuses(sha, context)), None)

    def statuses(self, sha: str, context: str) -> list[Status]:
        """Read all commit statuses of a context, newest first."""
        return self._statuses(sha, context, all="true")

    def _statuses(self, sha: str, context: str, **more: str) -> list[Status]:
        with self._asking("read commit statuses"):
            query = {"name": context, **more}
            listed = self.project.commits.get(sha, lazy=True).statuses.list(query_parameters=query, iterator=True)
            found = sorted((s for s in listed if s.name == context), key=lambda s: -int(s.id))
            return [Status(READ.get(s.status, "pending"), s.description or "", _moment(s)) for s in found]

    def set_status(self, sha: str, context: str, state: str, description: str) -> None:
        """Set a commit status; a description that is longer than the forge takes is cut."""
        with self._asking("set a commit status"):
            told = {"state": GIVEN[state], "name": context, "description": line(description)}
            self.project.commits.get(sha, lazy=True).statuses.create(told)

    def comment(self, branch: str, marker: str, body: str) -> str:
        """Replace the own note that holds the marker in a branch's merge request, or add it; its web address."""
        text = fitting(body, LONGEST, f"{marker}\n")
        with self._asking("comment on a merge request"):
            there = self._request(branch)
            if there is None:
                raise not_open(branch)
            self._client.auth()
            me: Any = self._client.user
            notes = (n for n in there.notes.list(iterator=True) if marker in n.body and n.author["id"] == me.id)
            note = next(notes, None)
            if note is None:
                note = there.notes.create({"body": text})
            else:
                note.body = text
                note.save()
            return f"{there.web_url}#note_{note.id}"

    def _request(self, branch: str) -> ProjectMergeRequest | None:
        """Find the open merge request of a branch of this project; a fork may have one of the same name."""
        found = self.project.mergerequests.list(source_branch=branch, state="opened", iterator=True)
        return next((r for r in found if r.source_branch == branch and r.source_project_id == self.project.id), None)

    @contextmanager
    def _asking(self, what: str) -> Iterator[None]:
        """Turn what goes wrong at the forge into words without the token."""
        try:
            yield
        except GitlabError as error:
            code = error.response_code
            reason = f"{code}: {_said(error)}. {self._hint(code)}"
            raise refusal(self.place, what, reason, self._token) from error
        except (RequestException, OSError) as error:
            reason = f"it could not be reached ({type(error).__name__}: {error}). Run again."
            raise refusal(self.place, what, reason, self._token) from error

    def _hint(self, code: int | None) -> str:
        if code in (401, 403, 404) and self._of_job:
            return "CI_JOB_TOKEN may not do this: set GITLAB_TOKEN, a project access token with the scope `api`."
        if code == 401:
            return "The token is not accepted: it has ended, or belongs to another forge."
        if code == 403:
            return "Give the token the scope `api`, and the role Developer, or where main is protected Maintainer."
        if code == 404:
            return f"Is it {self.place.repository!r}, and may the token see it?"
        return "Run again; `mlops --debug` shows the traceback."


def _moment(status: ProjectCommitStatus) -> datetime:
    return datetime.fromisoformat(status.finished_at or status.started_at or status.created_at)


def _said(error: GitlabError) -> str:
    told: Any = error.error_message
    if isinstance(told, dict):
        told = "; ".join(f"{key} {value}" for key, value in told.items())
    if isinstance(told, list):
        told = "; ".join(map(str, told))
    return str(told).strip(". ").removeprefix(f"{error.response_code} ") or "no reason"


def _alone(error: GitlabError) -> str:
    """Say why GitLab does not merge by itself, and what changes that."""
    if error.response_code == 401:
        return "this token's user may not merge. Under Settings > Repository > Protected branches, let it merge."
    return (
        f"GitLab does not merge by itself ({error.response_code}: {_said(error)}): the merge request has no pipeline, "
        "or a conflict, or lacks an approval."
    )
