"""GitHub, or a forge that speaks its API, as far as the receiver asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from mlops.contract.errors import MlopsError
from mlops.serving.receiver_alerts import Wish
from mlops.serving.receiver_cause import CONTEXT
from mlops.serving.receiver_forge import BRANCH, LOOKS, Api, Place, Run, moment

PAGE = "100"


class GitHub:
    """GitHub's API.

    Args:
        place: Where the repository is.
        token: Gives the token, read anew each time.
    """

    def __init__(self, place: Place, token: Callable[[], str]) -> None:
        self._place = place
        base = f"{place.api.rstrip('/')}/repos/{quote(place.repository)}"
        self._api = Api(base, lambda: {"Authorization": f"token {token()}"})

    def proposed(self) -> bool:
        """Tell whether the pull request is open; a fork may have a branch of the same name."""
        owner = self._place.repository.partition("/")[0]
        found = self._api.get("pulls", state="open", head=f"{owner}:{BRANCH}", base=self._place.branch, per_page=PAGE)
        return any(pull["head"]["ref"] == BRANCH and _own(pull) for pull in found)

    def runs(self) -> list[Run]:
        """List the newest runs of the workflow on the main branch."""
        return [_run(run) for run in self._found() if run.get("head_branch") == self._place.branch]

    def _found(self) -> list[dict[str, Any]]:
        workflow, query = self._place.workflow, {"branch": self._place.branch, "per_page": PAGE}
        try:
            found = self._api.get(f"actions/workflows/{quote(workflow, safe='')}/runs", **query)
        except MlopsError as error:
            if "answers 404" not in str(error):
                raise
            # Gitea lists runs of all workflows only.
            every = self._api.get("actions/runs", **query, limit="50")["workflow_runs"] or []
            return [run for run in every if str(run["path"]).partition("@")[0].rpartition("/")[2] == workflow]
        return found["workflow_runs"] or []

    def notes(self) -> list[str]:
        """List the descriptions of the commit statuses on the main branch's tip."""
        found = self._api.get(f"commits/{quote(self._place.branch, safe='')}/statuses", per_page=PAGE)
        return [str(status.get("description") or "") for status in found if status["context"] == CONTEXT]

    def start(self, wish: Wish) -> None:
        """Dispatch the workflow."""
        inputs = {"cause": wish.cause, "dry_run": "true" if wish.look else "false"}
        path = f"actions/workflows/{quote(self._place.workflow, safe='')}/dispatches"
        self._api.post(path, {"ref": self._place.branch, "inputs": inputs})


def _own(pull: dict[str, Any]) -> bool:
    there = pull["head"]["repo"]
    return there is not None and there["id"] == pull["base"]["repo"]["id"]


def _run(run: dict[str, Any]) -> Run:
    began = next(filter(None, (moment(run.get(name)) for name in ("created_at", "started_at", "run_started_at"))), None)
    return Run(str(run["id"]), began, run.get("display_title") == LOOKS, run.get("status") == "completed")
