"""GitLab, as far as the receiver asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from mlops.serving.receiver_alerts import Wish
from mlops.serving.receiver_cause import CONTEXT
from mlops.serving.receiver_forge import BRANCH, LOOKS, Api, Place, Run, moment

PAGE = "100"
NAMES = ("Retrain", LOOKS)  # what `workflow: name` of .gitlab-ci.yml calls the pipelines
OVER = ("success", "failed", "canceled", "skipped")


class GitLab:
    """GitLab's API.

    Args:
        place: Where the project is.
        token: Gives the token that reads, anew each time.
        trigger: Gives the trigger token that starts pipelines.
    """

    def __init__(self, place: Place, token: Callable[[], str], trigger: Callable[[], str]) -> None:
        self._place, self._trigger = place, trigger
        base = f"{place.api.rstrip('/')}/projects/{quote(place.repository, safe='')}"
        self._api = Api(base, lambda: {"PRIVATE-TOKEN": token()})
        # A token that may only read, sent along, would have it refused.
        self._open = Api(base, dict)

    def proposed(self) -> bool:
        """Tell whether the merge request is open; a fork may have a branch of the same name."""
        found = self._api.get("merge_requests", source_branch=BRANCH, state="opened", per_page=PAGE)
        return any(r["source_branch"] == BRANCH and r["source_project_id"] == r["project_id"] for r in found)

    def runs(self) -> list[Run]:
        """List the newest pipelines of the main branch that retrain."""
        query = {"ref": self._place.branch, "order_by": "id", "sort": "desc", "per_page": PAGE}
        found = [pipeline for name in NAMES for pipeline in self._api.get("pipelines", name=name, **query)]
        return [_run(pipeline) for pipeline in found if pipeline.get("name") in NAMES]

    def notes(self) -> list[str]:
        """List the descriptions of the commit statuses on the main branch's tip."""
        tip = self._api.get(f"repository/branches/{quote(self._place.branch, safe='')}")["commit"]["id"]
        query = {"name": CONTEXT, "all": "true", "per_page": PAGE}
        found = self._api.get(f"repository/commits/{tip}/statuses", **query)
        return [str(status.get("description") or "") for status in found if status["name"] == CONTEXT]

    def start(self, wish: Wish) -> None:
        """Trigger a pipeline of the main branch that retrains."""
        inputs = {"run": "retrain", "cause": wish.cause, "dry_run": "yes" if wish.look else "no"}
        self._open.post("trigger/pipeline", {"token": self._trigger(), "ref": self._place.branch, "inputs": inputs})


def _run(pipeline: dict[str, Any]) -> Run:
    return Run(
        str(pipeline["id"]),
        moment(pipeline.get("created_at")),
        pipeline["name"] == LOOKS,
        pipeline.get("status") in OVER,
    )
