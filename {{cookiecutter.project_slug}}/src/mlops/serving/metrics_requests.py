"""What is counted of every server, whatever it serves: requests, their durations, refusals of form, feedback."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from mlops.serving.tally import IN_FLIGHT, Labels, Plan, Tally

NAME = "requests"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
PREDICT, FEEDBACK, METRICS, OTHER = "/predict", "/feedback", "/metrics", "other"
PROBES = ("/livez", "/readyz", METRICS)
ROUTES = (PREDICT, FEEDBACK, *PROBES, "/version", "/openapi.json", "/docs", OTHER)
POSTED = (200, 400, 405, 408, 413, 415, 422, 499, 500, 503)
STATUSES = {PREDICT: POSTED, FEEDBACK: POSTED}
ELSE = (200, 300, 400, 404, 405, 500, 503)
# How a request is refused for its form; a breach of the contract is counted by column and rule.
FORMS = ("body", "busy", "compressed", "loading", "method", "no_key", "slow", "too_long", "unknown")
RESULTS = ("counted", "repeated", "late", "forged", "invalid")


class Requests:
    """The counters that are there before a model is."""

    def __init__(self, shared: tuple[Path, int] | None = None) -> None:
        plan = Plan()
        answers = [(route, str(status)) for route in ROUTES for status in STATUSES.get(route, ELSE)]
        self.answers = plan.family(
            "mlops_requests", "Requests answered, by route and status.", ("route", "status"), answers
        )
        self.known: dict[tuple[str, int], int] = {}
        self.refusals = plan.family(*REFUSALS, [("", form) for form in FORMS])
        self.feedback = plan.family(
            "mlops_feedback", "Outcomes received, by what became of them.", ("result",), [(name,) for name in RESULTS]
        )
        self.dropped = plan.family(
            "mlops_feedback_rows_dropped", "Rows that could not be written to the feedback's files.", (), [()]
        )[()]
        self.durations = {route: plan.room(len(BUCKETS) + 2) for route in ROUTES}
        self.tally = Tally(NAME, plan, shared)
        self.tally.numbers[IN_FLIGHT] = 0.0

    def began(self) -> None:
        """Count a request that is being answered; none for these very metrics."""
        self.tally.add(IN_FLIGHT)

    def ended(self, route: str, status: int, seconds: float) -> None:
        """Count an answer; a status that is not listed counts as its hundred."""
        place = self.known.get((route, status)) or self._place(route, status)
        first = self.durations[route]
        numbers = self.tally.numbers
        with self.tally.lock:
            numbers[IN_FLIGHT] -= route != METRICS
            numbers[place] += 1
            numbers[first + bisect_left(BUCKETS, seconds)] += 1
            numbers[first + len(BUCKETS) + 1] += seconds

    def _place(self, route: str, status: int) -> int:
        place = next(
            found
            for name in (str(status), f"{status // 100}00", "500")
            if (found := self.answers.get((route, name))) is not None
        )
        self.known[route, status] = place
        return place

    def histogram(self, total: list[float]) -> Iterator[Metric]:
        """Tell the durations."""
        family = HistogramMetricFamily(
            "mlops_request_duration_seconds", "Time from a request's head to the end of its answer.", labels=["route"]
        )
        for route, first in self.durations.items():
            below, buckets = 0.0, []
            for number, edge in enumerate((*map(str, BUCKETS), "+Inf")):
                below += total[first + number]
                buckets.append((edge, below))
            family.add_metric([route], buckets, total[first + len(BUCKETS) + 1])
        yield family


REFUSALS: tuple[str, str, Labels] = (
    "mlops_refusals",
    "Requests refused, by column of the contract and broken rule; without a column for their form.",
    ("column", "rule"),
)
WARNINGS: tuple[str, str, Labels] = (
    "mlops_warnings",
    "Requests answered with a warning, by column and rule.",
    ("column", "rule"),
)


def route_of(path: str) -> str:
    """Name the route of a path, so that no text of a client becomes a label."""
    return path if path in ROUTES and path != OTHER else OTHER
