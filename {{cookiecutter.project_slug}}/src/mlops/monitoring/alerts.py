"""Alerts on a model and its data: what is recorded by `rules` and `live`, and from when on a person has to know."""

from __future__ import annotations

from typing import Literal

from mlops.monitoring import expressions as e
from mlops.monitoring import live
from mlops.monitoring import rules as r
from mlops.monitoring.judge import LEAST_ROWS
from mlops.monitoring.rules import Alert
from mlops.monitoring.settings import Settings, part, seconds

RUNBOOK = "docs/guides/alerts.md#"
Severity = Literal["critical", "warning", "none"]
# A loss of so many standard errors is no noise.
SURE = 3
WHERE = "{{ $labels.column }} of release {{ $labels.release }}{{ with $labels.slice }}, {{ . }}{{ end }}"
RELEASE = "Release {{ $labels.release }} of {{ $labels.job }}"


def alert(
    name: str, expression: str, lasting: str, severity: Severity, summary: str, action: str, **labels: str
) -> Alert:
    """Make an alert: what it says, what to do, and the page that says more."""
    told = {"summary": summary, "description": action, "runbook_url": f"{RUNBOOK}{name.lower()}"}
    return Alert(name, expression, lasting, {"severity": severity, **labels}, told)


def of_drift(settings: Settings) -> tuple[Alert, ...]:
    """Alert on what differs from the reference; a difference has to last, so that no alert comes and goes."""
    long, short = part(settings.drift_window, 24), part(settings.fault_window, 12)
    both = f"count by (job, release, slice) ({_found('distribution', 'input')})"
    return (
        alert(
            "FeatureDrift",
            _size("distribution", "input"),
            long,
            "warning",
            f"{WHERE}: its values are distributed otherwise than in the reference (PSI {{{{ $value | humanize }}}})",
            "See which bins moved, and why they did upstream. A retraining that only looks is started.",
            retrain="look",
        ),
        alert(
            "PredictionDrift",
            _size("distribution", "prediction"),
            long,
            "warning",
            f"{WHERE}: predictions are distributed otherwise than on the reference (PSI {{{{ $value | humanize }}}})",
            "See whether an input drifted with them, or a fault upstream. A retraining that only looks is started.",
            retrain="look",
        ),
        alert(
            "DriftReachesPredictions",
            f"{both} and on (job, release, slice) ({_found('distribution', 'prediction')})",
            long,
            "warning",
            f"{RELEASE}: {{{{ $value }}}} inputs drifted, and the predictions with them",
            "Rule out a fault upstream. If the world has changed, review the pull request of the retraining.",
            retrain="propose",
        ),
        alert(
            "NullShareMoved",
            _size("nulls", "input"),
            short,
            "warning",
            f"{WHERE}: the share of missing values moved by {{{{ $value | humanizePercentage }}}} of the rows",
            "Find out what fills this column, and whether it still does.",
        ),
        alert(
            "UnseenCategory",
            _size("unseen", "input"),
            short,
            "warning",
            f"{WHERE}: {{{{ $value | humanizePercentage }}}} more rows than expected have a value unknown to training",
            "Find out which value is new, in the logs or upstream. If it stays, add rows that have it and retrain.",
        ),
        alert(
            "OutOfRange",
            _size("range", "input"),
            short,
            "warning",
            f"{WHERE}: {{{{ $value | humanizePercentage }}}} more rows than expected lie outside the range of training",
            "Look for a changed unit or a broken sensor first.",
        ),
    )


def _found(rule: str, kind: str) -> str:
    return f'{r.DRIFTED}{{kind="{kind}", rule="{rule}"}} == 1'


def _size(rule: str, kind: str) -> str:
    return f"{r.EFFECT} and ({_found(rule, kind)})"


def of_live(settings: Settings, label_delay: str) -> tuple[Alert, ...]:
    """Alert on a metric that is lost, and on outcomes that do not come."""
    long = part(settings.drift_window, 24)
    lost = f"{live.LOSS} > {settings.live_loss:g} and {live.LOSS} > {SURE} * {live.ERROR}"
    enabled = f"on (job, release) {e.told(e.RELEASE, 'mlops_feedback_enabled')} == 1"
    expected = f'{live.PREDICTED}{{slice=""}} >= {LEAST_ROWS}'
    return (
        alert(
            "LiveMetricBelowFloor",
            f"{lost} and {live.COUNT} >= {LEAST_ROWS}",
            long,
            "critical",
            f"{RELEASE}{{{{ with $labels.slice }}}}, {{{{ . }}}}{{{{ end }}}}: {{{{ $labels.metric }}}} lost "
            "{{ $value | humanizePercentage }} against the reference",
            "Roll back if the last release brought it. Else review the pull request of the retraining.",
            retrain="propose",
        ),
        alert(
            "FeedbackMissing",
            f'({live.COVERAGE}{{slice=""}} < {settings.label_coverage:g}) and ({expected}) and {enabled}',
            long,
            "warning",
            f"{RELEASE}: outcomes came for only {{{{ $value | humanizePercentage }}}} of the predictions",
            f"See whether who sends outcomes still does; they are due {label_delay} after a prediction. "
            "Without them the live metric says nothing.",
        ),
        alert(
            "ModelStale",
            f"time() - {e.told(e.RELEASE, 'mlops_release_timestamp_seconds')} > {seconds(settings.stale_after)}",
            "1h",
            "warning",
            f"{RELEASE} is {{{{ $value | humanizeDuration }}}} old",
            "Review the pull request of the retraining, or raise `stale_after` if the model may be older.",
            retrain="propose",
        ),
    )
