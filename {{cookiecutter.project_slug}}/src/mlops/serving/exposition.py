"""Makes Prometheus metrics of the counters, of the release's facts and of its reference profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mlops.contract.task import TaskKind
from mlops.serving.metrics_outcomes import bins_of, prediction
from mlops.serving.profile import Profile
from mlops.serving.record import Facts
from mlops.serving.tally import IN_FLIGHT, Tally

if TYPE_CHECKING:
    from mlops.serving.metrics import Telemetry

DAY = re.compile(r"(\d{8})-\d+")
PLACE = ("release", "kind", "slice", "column")
SLICE = ("release", "slice")


class Exposition(Collector):
    """All that a server tells, as prometheus-client's writers want it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry

    def collect(self) -> Iterator[Metric]:
        """Go through the metrics; one name comes once."""
        requests, release = self.telemetry.requests, self.telemetry.release
        numbers = requests.tally.total()
        found = counters(requests.tally, numbers)
        own = counters(release.tally, release.tally.total()).values() if release else ()
        for family in (*own, *self.telemetry.elsewhere.families()):
            if family.name in found:
                found[family.name].samples += family.samples
            else:
                found[family.name] = family
        yield from found.values()
        yield from requests.histogram(numbers)
        yield GaugeMetricFamily("mlops_requests_in_flight", "Requests being answered.", max(0.0, numbers[IN_FLIGHT]))
        if release is not None:
            enabled = GaugeMetricFamily(
                "mlops_feedback_enabled", "Whether /feedback takes outcomes.", labels=["release"]
            )
            enabled.add_metric([release.name], float(self.telemetry.feedback_enabled))
            yield enabled
            yield from release.told


def counters(tally: Tally, numbers: list[float]) -> dict[str, CounterMetricFamily]:
    """Make a metric of each family of counters."""
    found = {}
    for family in tally.plan.families:
        found[family.name] = metric = CounterMetricFamily(family.name, family.text, labels=family.labels)
        for labels, place in family.places.items():
            metric.add_metric(labels, numbers[place])
    return found


def facts(release: Facts, model: str, version: str) -> Iterator[Metric]:
    """Tell which release this is."""
    name = str(release.get("id", ""))
    told = {"release": name, "identity": str(release.get("identity", "")), "model_sha256": model}
    yield InfoMetricFamily("mlops_model", "What is served.", {**told, "contract_version": version})
    if day := DAY.fullmatch(name):
        since = GaugeMetricFamily("mlops_release_timestamp_seconds", "Day of the release.", labels=["release"])
        since.add_metric([name], datetime.strptime(day[1], "%Y%m%d").replace(tzinfo=UTC).timestamp())
        yield since


def references(profile: Profile, release: str, task: TaskKind) -> Iterator[Metric]:
    """Tell the reference profile, which rules compare counters with."""
    rows = GaugeMetricFamily("mlops_reference_rows", "Rows of the reference window by bin.", labels=[*PLACE, "bin"])
    critical = GaugeMetricFamily(
        "mlops_reference_critical", "What the evidence against the reference has to exceed.", labels=[*PLACE, "rule"]
    )
    bins = InfoMetricFamily("mlops_bin", "Which values a bin holds.", labels=["release", "kind", "column", "bin"])
    for column in profile.monitored:
        for label in column.labels:
            bins.add_metric([release, column.kind, column.name, label], {"meaning": column.meaning(label)})
    for column, part in profile.parts():
        place = [release, column.kind, str(part.slice or ""), column.name]
        # A bin that the reference leaves out is none of its bins: the effect is less for each more.
        for label in (found for found in column.labels if found in part.rows):
            rows.add_metric([*place, label], part.rows[label])
        for rule, value in part.critical.items():
            critical.add_metric([*place, rule], value)
    yield from (rows, critical, bins)
    yield from _outcomes(profile, release, task)


def _outcomes(profile: Profile, release: str, task: TaskKind) -> Iterator[Metric]:
    more = {"binary": ["bin", "outcome"], "multiclass": ["outcome"], "regression": []}[task]
    names = {"": "Outcomes of the reference window."}
    names |= {"_below": "Outcomes of the reference window in lower bins."} if task == "binary" else {}
    made = {
        name: GaugeMetricFamily(f"mlops_reference_outcomes{name}", text, labels=[*SLICE, *more])
        for name, text in names.items()
    }
    errors = {
        "absolute": GaugeMetricFamily("mlops_reference_outcome_error", "Sum of absolute errors.", labels=SLICE),
        "squared": GaugeMetricFamily("mlops_reference_outcome_squared_error", "Sum of squared errors.", labels=SLICE),
    }
    for found in profile.outcomes:
        place = [release, str(found.slice or "")]
        if task == "binary":
            _by_bin(made, place, found.counts, bins_of(prediction(profile)))
        elif task == "multiclass":
            for outcome in ("right", "wrong"):
                made[""].add_metric([*place, outcome], found.counts.get(outcome, 0.0))
        else:
            made[""].add_metric(place, found.counts.get("rows", 0.0))
            for key, family in errors.items():
                family.add_metric(place, found.counts.get(key, 0.0))
    yield from (*made.values(), *(errors.values() if task == "regression" else ()))


def _by_bin(
    made: dict[str, GaugeMetricFamily], place: list[str], counts: dict[str, float], bins: tuple[str, ...]
) -> None:
    for outcome in "01":
        found = [counts.get(f"{label}/{outcome}", 0.0) for label in bins]
        for label, rows, below in zip(bins, found, accumulate([0.0, *found]), strict=False):
            made[""].add_metric([*place, label, outcome], rows)
            made["_below"].add_metric([*place, label, outcome], below)
