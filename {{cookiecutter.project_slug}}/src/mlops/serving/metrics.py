"""What the server tells of itself at `/metrics`.

`Telemetry` is the one door: the application calls `began` and `ended` for a request, `predicted` for rows that were
answered, `refused` for those that were not. Feedback calls `feedback(result)` for each outcome that it was sent, and
`outcome(release, slices, score, outcome)` for each that counts; `feedback_enabled` says whether there is a signing key.
Nothing that a client wrote becomes a label: what is not known from the contract, the profile or the code is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client.exposition import choose_encoder

from mlops.contract.model import Contract, Scalar
from mlops.contract.request import Finding
from mlops.contract.task import Task
from mlops.serving.exposition import Exposition, facts, references
from mlops.serving.metrics_elsewhere import Elsewhere
from mlops.serving.metrics_outcomes import Outcomes
from mlops.serving.metrics_requests import REFUSALS, WARNINGS, Requests
from mlops.serving.metrics_rows import Columns, Rows
from mlops.serving.profile import Profile
from mlops.serving.record import Facts
from mlops.serving.tally import Labels, Plan, Tally

NAME = "release"


class Telemetry:
    """The metrics of one server, or of one of its workers.

    Args:
        shared: The folder that the workers of a server share, and the number of this one.
    """

    def __init__(self, shared: tuple[Path, int] | None = None) -> None:
        self.shared = shared
        self.requests = Requests(shared)
        self.release: Released | None = None
        self.feedback_enabled = False
        self.elsewhere = Elsewhere(shared)

    def loaded(
        self, contract: Contract, task: Task, profile: Profile | None, release: Facts | None, model: str
    ) -> None:
        """Tell a bundle, with every counter at 0; `model` is the sha256 of its graph."""
        self.release = Released(contract, task, profile, release or {}, model, self.shared)

    def began(self) -> None:
        """Count a request that is being answered."""
        self.requests.began()

    def ended(self, route: str, status: int, seconds: float) -> None:
        """Count the end of a request; `route` is one of `metrics_requests.ROUTES`."""
        self.requests.ended(route, status, seconds)

    def predicted(
        self, columns: Columns, scores: np.ndarray, labels: Sequence[Scalar], warnings: Iterable[Finding] = ()
    ) -> None:
        """Count the rows of an answered request, and once each column and rule that it is warned of."""
        if self.release is not None:
            self.release.predicted(columns, scores, labels, {item.place for item in warnings})

    def refused(self, places: Iterable[tuple[str, str]]) -> None:
        """Count once each column and rule for which a request was refused; column "" for its form."""
        for place in set(places):
            if place in self.requests.refusals:
                self.requests.tally.add(self.requests.refusals[place])
            elif self.release is not None and place in self.release.refusals:
                self.release.tally.add(self.release.refusals[place])

    def feedback(self, result: str, count: int = 1) -> None:
        """Count outcomes by what became of them: one of `metrics_requests.RESULTS`."""
        self.requests.tally.add(self.requests.feedback[result,], count)

    def feedback_dropped(self, rows: int) -> None:
        """Count rows that could not be written to the feedback's files."""
        self.requests.tally.add(self.requests.dropped, rows)

    def outcome(self, release: str, slices: Sequence[str], score: Scalar, outcome: Scalar) -> None:
        """Count one outcome of a prediction.

        Args:
            release: The release that predicted; `elsewhere` counts for another one than this server's.
            slices: The row's slices as in labels, "column=value"; those that the profile does not know are left out.
            score: For binary the chance of the positive class, for multiclass the predicted class, or the number.
            outcome: For binary whether it was the positive class, for multiclass the class, else the number.
        """
        told = self.release
        if told is not None and told.outcomes is not None and told.name == release:
            told.outcomes.count(told.tally, slices, score, outcome)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Write all metrics, over all workers.

        Returns:
            The text and its content type, as the client's Accept header asks for it.
        """
        try:
            encode, kind = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is no number
            encode, kind = choose_encoder("")
        return encode(Exposition(self)), kind


class Released:
    """What is counted and told of the bundle that is served."""

    def __init__(
        self,
        contract: Contract,
        task: Task,
        profile: Profile | None,
        release: Facts,
        model: str,
        shared: tuple[Path, int] | None,
    ) -> None:
        self.name = str(release.get("id", ""))
        plan = Plan()
        refused, warned = rules_of(contract)
        self.refusals = plan.family(*REFUSALS, refused)
        self.warnings = plan.family(*WARNINGS, warned)
        self.rows = Rows(plan, profile, self.name, task.classes)
        self.outcomes = Outcomes(plan, profile, self.name, task.task) if profile else None
        self.tally = Tally(NAME, plan, shared)
        self.told: list[Any] = [*facts(release, model, contract.version)]
        self.told += references(profile, self.name, task.task) if profile else ()

    def predicted(
        self, columns: Columns, scores: np.ndarray, labels: Sequence[Scalar], warned: set[tuple[str, str]]
    ) -> None:
        """Count the rows of an answered request."""
        self.rows.count(self.tally, columns, scores, labels)
        for place in warned:
            if place in self.warnings:
                self.tally.add(self.warnings[place])


def rules_of(contract: Contract) -> tuple[list[Labels], list[Labels]]:
    """List for which columns and rules a request can be refused, and for which it can be warned of."""
    refused: list[Labels] = []
    warned: list[Labels] = []
    for column in contract.columns:
        if not column.in_request:
            refused.append((column.name, "unwanted"))
            continue
        refused.append((column.name, "type"))
        if column.required_in_request:
            refused.append((column.name, "missing"))
        for rule in column.rules:
            if rule.kind != "unique":
                (refused if rule.serving == "reject" else warned).append((column.name, rule.kind))
    return refused, warned
