"""Recording rules: windows against the reference, live metrics, and shares of requests; the names of what they record.

`increase_drift` and `increase_fault` are over the two windows of settings.yaml; names stay when windows change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlops.monitoring import expressions as e
from mlops.monitoring.judge import LEAST_EFFECT, LEAST_ROWS, OUTLYING
from mlops.monitoring.settings import Settings, part
from mlops.serving.profile import NULL, OUTSIDE, Rule

WINDOW_BINS, REFERENCE_BINS = "bin:mlops_rows:increase", "bin:mlops_reference_rows:max"
OBSERVED, EXPECTED = "rule:mlops_rows:increase", "rule:mlops_reference_rows:max"
ROWS, REFERENCE, CRITICAL = "rule:mlops_rows:sum", "rule:mlops_reference_rows:sum", "rule:mlops_reference_critical:max"
EVIDENCE, EFFECT, DRIFTED = "rule:mlops_drift:evidence", "rule:mlops_drift:effect", "rule:mlops_drift:drifted"
ERRORS, ERROR_COUNT = "job:mlops_requests_errors:ratio", "job:mlops_requests_errors:increase"
SLOW, SLOW_COUNT = "job:mlops_requests_slow:ratio", "job:mlops_requests_slow:increase"
# Pairs of a long and a short window: the SRE Workbook, chapter 5, table 5-8.
BURN_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
PREDICT = 'route="/predict"'


@dataclass(frozen=True)
class Record:
    """A recording rule."""

    record: str
    expr: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    """An alerting rule."""

    alert: str
    expr: str
    lasting: str
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated in order, each seeing what those before it have recorded."""

    name: str
    interval: str
    rules: tuple[Record | Alert, ...]

    def document(self) -> dict[str, Any]:
        """Write the group as Prometheus reads it."""
        return {"name": self.name, "interval": self.interval, "rules": [_plain(rule) for rule in self.rules]}


def _plain(rule: Record | Alert) -> dict[str, Any]:
    given = {**vars(rule)}
    if isinstance(rule, Alert):
        given = {"alert": rule.alert, "expr": rule.expr, "for": rule.lasting, **given}
        del given["lasting"]
    return {key: value for key, value in given.items() if value != {}}


def often(settings: Settings) -> str:
    """Say how often rules of the windows are evaluated: a sixtieth of the shorter one, at most each minute."""
    return part(settings.fault_window, 60, most=60)


def drift(settings: Settings) -> tuple[Record, ...]:
    """Compare the windows with the reference, by column, slice and rule."""
    return (
        Record(REFERENCE_BINS, e.told((*e.COLUMN, "bin"), "mlops_reference_rows")),
        Record(CRITICAL, e.told(e.TEST, "mlops_reference_critical")),
        _window("drift", settings.drift_window),
        _window("fault", settings.fault_window),
        *(record for each in ((OBSERVED, None), (EXPECTED, REFERENCE_BINS)) for record in _by_rule(*each)),
        Record(ROWS, e.total(e.TEST, OBSERVED)),
        Record(REFERENCE, e.total(e.TEST, EXPECTED)),
        Record(EVIDENCE, e.evidence(OBSERVED, EXPECTED, ROWS, REFERENCE, e.TEST)),
        *_effects(),
        *(_drifted(rule) for rule in LEAST_EFFECT),
    )


def _window(name: str, window: str) -> Record:
    labels = (*e.COLUMN, "bin")
    grown = e.grown(labels, "mlops_rows_total", window)
    # A release without a reference is not served any more; a bin that no row fell into counts as none.
    return Record(f"{WINDOW_BINS}_{name}", f"({grown} and {REFERENCE_BINS}) or 0 * {REFERENCE_BINS}")


def _by_rule(record: str, source: str | None) -> list[Record]:
    """Sort the bins of the window (or of a source) by the rule that looks at them."""
    inside = f'bin!~"{"|".join(OUTSIDE)}"'
    found = [_judged(record, "distribution", f"{source or f'{WINDOW_BINS}_drift'}{{{inside}}}", {})]
    for rule, bins in OUTLYING.items():
        rows = source or f"{WINDOW_BINS}_fault"
        others = "|".join(bins if rule == "nulls" else (*bins, NULL))
        for side, match in (("outlying", f'bin=~"{"|".join(bins)}"'), ("inlying", f'bin!~"{others}"')):
            found.append(_judged(record, rule, e.total(e.COLUMN, f"{rows}{{{match}}}"), {"bin": side}))
    return found


def _judged(record: str, rule: Rule, rows: str, labels: dict[str, str]) -> Record:
    wanted = f'{rows} and on {e.by(e.COLUMN)} {CRITICAL}{{rule="{rule}"}}'
    return Record(record, wanted, {"rule": rule, **labels})


def _effects() -> tuple[Record, ...]:
    rows, reference, n, m = (f'{name}{{rule="distribution"}}' for name in (OBSERVED, EXPECTED, ROWS, REFERENCE))
    index = e.effect(rows, reference, n, m, e.TEST)
    share, expected = (
        f'sum without (bin) ({side}{{bin="outlying"}}) / {every}'
        for side, every in ((OBSERVED, f"({ROWS} > 0)"), (EXPECTED, REFERENCE))
    )
    return (
        Record(EFFECT, index, {"rule": "distribution"}),
        Record("rule:mlops_rows:share", share),
        Record("rule:mlops_reference_rows:share", expected),
        *(_more(rule) for rule in OUTLYING),
    )


def _more(rule: Rule) -> Record:
    difference = f'rule:mlops_rows:share{{rule="{rule}"}} - rule:mlops_reference_rows:share'
    return Record(EFFECT, f"abs({difference})" if rule == "nulls" else difference, {"rule": rule})


def _drifted(rule: Rule) -> Record:
    enough = f'({ROWS}{{rule="{rule}"}} >= bool {LEAST_ROWS})'
    matters = f"({EFFECT} >= bool {LEAST_EFFECT[rule]:g})"
    return Record(DRIFTED, f"{enough} * ({EVIDENCE} > bool {CRITICAL}) * {matters}", {"rule": rule})


def requests(settings: Settings) -> tuple[Record, ...]:
    """Tell which share of predictions failed, and which took too long, over the windows of the alerts."""
    seconds = settings.latency.seconds
    quick = f'{PREDICT}, le="{float(seconds)}"'
    found = []
    for window in BURN_WINDOWS:
        every = e.grown(("job",), "mlops_requests_total", window, PREDICT)
        failed = e.grown(("job",), "mlops_requests_total", window, f'{PREDICT}, status=~"5.."')
        counted = e.grown(("job",), "mlops_request_duration_seconds_count", window, PREDICT)
        late = f"{counted} - {e.grown(('job',), 'mlops_request_duration_seconds_bucket', window, quick)}"
        found += [
            Record(f"{ERROR_COUNT}{window}", f"{failed} or 0 * {every}"),
            Record(f"{ERRORS}{window}", f"{ERROR_COUNT}{window} / ({every} > 0)"),
            Record(f"{SLOW_COUNT}{window}", f"clamp_min({late}, 0)"),
            Record(f"{SLOW}{window}", f"{SLOW_COUNT}{window} / ({counted} > 0)"),
        ]
    return tuple(found)
