"""Recording rules of the live metric: what became of predictions against what became of the reference rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlops.monitoring import expressions as e
from mlops.monitoring.rules import Record
from mlops.monitoring.settings import Settings

SLICE = (*e.RELEASE, "slice")
OUTCOME = (*SLICE, "bin", "outcome")
METRIC, VARIANCE, COUNT = "slice:mlops_live:metric", "slice:mlops_live:variance", "slice:mlops_live:outcomes"
LOSS, ERROR, COVERAGE = "slice:mlops_live:loss", "slice:mlops_live:loss_error", "slice:mlops_live:coverage"
PREDICTED = "slice:mlops_predictions:increase_delayed"
REFERENCE = "slice:mlops_reference"
SUMS = {
    "outcomes": "mlops_outcomes_total",
    "outcomes_below": "mlops_outcomes_below_total",
    "outcome_error": "mlops_outcome_error_total",
    "outcome_squared_error": "mlops_outcome_squared_error_total",
}


@dataclass(frozen=True)
class Side:
    """Where the live counts are recorded, or those of the reference, and to what they lead."""

    source: str
    target: str

    def rows(self, name: str, match: str = "") -> str:
        """Name a count."""
        return self.source.format(name) + (f"{{{match}}}" if match else "")


LIVE = Side("bin:mlops_{}:increase_drift", "slice:mlops_live")
EXPECTED = Side("bin:mlops_reference_{}:max", REFERENCE)


def live(settings: Settings, label_delay: str) -> tuple[Record, ...]:
    """Tell the live metric by slice, its loss against the reference, and the share of predictions with an outcome.

    Args:
        settings: the windows.
        label_delay: how long an outcome may take, such as "1d".
    """
    predicted = e.grown(SLICE, "mlops_predictions_total", settings.drift_window, offset=label_delay)
    return (
        *(Record(EXPECTED.rows(name), e.told(OUTCOME, f"mlops_reference_{name}")) for name in SUMS),
        *(_window(name, counter, settings.drift_window) for name, counter in SUMS.items()),
        *(record for side in (EXPECTED, LIVE) for record in (*_binary(side), *_multiclass(side), *_regression(side))),
        *_losses(),
        Record(PREDICTED, predicted),
        Record(COVERAGE, f"{COUNT} / ignoring (metric) ({PREDICTED} > 0)"),
    )


def _window(name: str, counter: str, window: str) -> Record:
    return Record(LIVE.rows(name), f"{e.grown(OUTCOME, counter, window)} and {EXPECTED.rows(name)}")


def _binary(side: Side) -> Iterator[Record]:
    positive, negative = (e.total(SLICE, side.rows("outcomes", f'outcome="{outcome}"')) for outcome in "10")
    area = f'sum without (metric) ({side.target}:metric{{metric="roc_auc"}})'
    yield _of(side, "metric", "roc_auc", e.auc(side.rows("outcomes"), side.rows("outcomes_below"), SLICE))
    yield _of(side, "variance", "roc_auc", e.auc_variance(area, positive, negative))
    yield _of(side, "outcomes", "roc_auc", f"{positive} + {negative}")


def _multiclass(side: Side) -> Iterator[Record]:
    every = e.total(SLICE, side.rows("outcomes", 'outcome=~"right|wrong"'))
    share = f'sum without (metric) ({side.target}:metric{{metric="accuracy"}})'
    right = e.total(SLICE, side.rows("outcomes", 'outcome="right"'))
    yield _of(side, "metric", "accuracy", f"{right} / {every}")
    yield _of(side, "variance", "accuracy", f"{share} * (1 - {share}) / {every}")
    yield _of(side, "outcomes", "accuracy", every)


def _regression(side: Side) -> Iterator[Record]:
    every = e.total(SLICE, side.rows("outcomes", 'outcome=""'))
    mean = f'sum without (metric) ({side.target}:metric{{metric="mean_absolute_error"}})'
    error, squared = (e.total(SLICE, side.rows(name)) for name in ("outcome_error", "outcome_squared_error"))
    yield _of(side, "metric", "mean_absolute_error", f"{error} / {every}")
    yield _of(side, "variance", "mean_absolute_error", f"clamp_min({squared} / {every} - {mean} ^ 2, 0) / {every}")
    yield _of(side, "outcomes", "mean_absolute_error", every)


def _of(side: Side, what: str, metric: str, expression: str) -> Record:
    return Record(f"{side.target}:{what}", expression, {"metric": metric})


def _losses() -> tuple[Record, ...]:
    """Say how much is lost, and its standard error; of an error as a share of what it is on the reference."""
    error, other = 'metric="mean_absolute_error"', 'metric!="mean_absolute_error"'
    spread = f"sqrt({VARIANCE} + {REFERENCE}:variance)"
    less = f"({REFERENCE}:metric{{{other}}} - {METRIC})"
    return (
        Record(LOSS, f"{less} or ({METRIC}{{{error}}} / {REFERENCE}:metric - 1)"),
        Record(ERROR, f"({spread} / {REFERENCE}:metric{{{error}}}) or {spread}"),
    )
