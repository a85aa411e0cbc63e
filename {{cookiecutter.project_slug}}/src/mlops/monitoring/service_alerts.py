"""Alerts on the service and on the monitoring itself: requests, targets, and what Git says should run."""

from __future__ import annotations

from mlops.monitoring import expressions as e
from mlops.monitoring import rules as r
from mlops.monitoring.alerts import alert
from mlops.monitoring.judge import LEAST_ROWS
from mlops.monitoring.rules import Alert
from mlops.monitoring.settings import Settings, part

# Burn rates over a long and a short window: the SRE Workbook, chapter 5, table 5-8.
FAST, SLOW = ((14.4, "1h", "5m"), (6, "6h", "30m")), ((3, "1d", "2h"), (1, "3d", "6h"))
# Of fewer requests than this a burn rate says nothing.
LEAST_BAD = 10
# More than this share of the requests, by so many standard errors.
REFUSED, SURE = 0.01, 3
# Silence is news as long as traffic is remembered; shorter, and an alert that nobody mended ends over a weekend.
REMEMBERED = "7d"
# The chart puts its own namespace in its place.
NAMESPACE = 'dest_namespace=~".+"'


def of_requests(settings: Settings) -> tuple[Alert, ...]:
    """Alert on budgets that burn, on refusals, and on silence."""
    return (
        *_burns("ErrorBudgetBurn", r.ERRORS, r.ERROR_COUNT, 1 - settings.availability, "failed"),
        *_burns(
            "LatencyBudgetBurn",
            r.SLOW,
            r.SLOW_COUNT,
            1 - settings.latency.within,
            f"took longer than {settings.latency.seconds:g} s",
        ),
        _refusals(settings),
        alert(
            "NoTraffic",
            f"{_asked(settings.no_traffic_after)} == 0 and {_asked(REMEMBERED, settings.no_traffic_after)} > 0",
            "1m",
            "warning",
            f"{{{{ $labels.job }}}}: no prediction was asked for in {settings.no_traffic_after}",
            "See whether clients still reach it. If quiet hours are usual, raise `no_traffic_after`.",
        ),
    )


def _asked(window: str, offset: str = "") -> str:
    return e.grown(("job",), "mlops_requests_total", window, r.PREDICT, offset)


def _burns(name: str, ratio: str, count: str, budget: float, what: str) -> tuple[Alert, Alert]:
    """Burn fast for a page, slowly for a ticket; each over two windows, so that it ends when the trouble does."""
    summary = f"{{{{ $labels.job }}}}: {{{{ $value | humanizePercentage }}}} of the predictions {what}"
    look = "See what changed: the dashboard marks releases. If it began with one, `git revert` that commit."
    return (
        alert(name, _burning(FAST, ratio, count, budget), "2m", "critical", summary, look, burn="fast"),
        alert(name, _burning(SLOW, ratio, count, budget), "15m", "warning", summary, look, burn="slow"),
    )


def _burning(rates: tuple[tuple[float, str, str], ...], ratio: str, count: str, budget: float) -> str:
    burning = []
    for rate, long, short in rates:
        above = f"> {rate * budget:.6g}"
        burning.append(f"({ratio}{long} {above} and {ratio}{short} {above} and {count}{long} >= {LEAST_BAD})")
    return " or ".join(burning)


def _refusals(settings: Settings) -> Alert:
    every = _asked(settings.fault_window)
    # 499 is a client that left, which nobody refused.
    refusals = f'{r.PREDICT}, status=~"4..", status!="499"'
    refused = e.grown(("job",), "mlops_requests_total", settings.fault_window, refusals)
    share = f"{refused} / ({every} >= {LEAST_ROWS})"
    error = f"sqrt(({share}) * (1 - {share}) / {every})"
    return alert(
        "Refusals",
        f"{share} > {REFUSED:g} + {SURE} * {error}",
        part(settings.fault_window, 12),
        "warning",
        "{{ $labels.job }}: {{ $value | humanizePercentage }} of the requests are refused",
        "`mlops_refusals_total` says for which column and rule: mend the client, or the contract by a pull request.",
    )


def of_monitoring(settings: Settings) -> tuple[Alert, ...]:
    """Alert when what should be told is not; none of them before a release was ever seen."""
    short = part(settings.fault_window, 12)
    seen = f"max by (job) (max_over_time(mlops_model_info{{{e.JOB}}}[1d]))"
    down = f"up{{{e.JOB}}} == 0"
    return (
        alert(
            "Watchdog",
            "vector(1)",
            "0s",
            "none",
            "Alerts are evaluated and sent: this one always fires",
            "Send it to a dead man's switch, which tells you when it stops.",
        ),
        alert(
            "TargetDown",
            f"({down}) and on (job) {seen}",
            short,
            "critical",
            "{{ $labels.instance }} of {{ $labels.job }} does not answer Prometheus",
            "See whether the pod runs, and whether `allowFrom` lets Prometheus in.",
        ),
        alert(
            "MonitorBlind",
            f"{seen} unless on (job) (mlops_model_info{{{e.JOB}}} or {down})",
            short,
            "critical",
            "Prometheus gets nothing more of {{ $labels.job }}",
            "See whether it is still a target: the PodMonitor, its labels, the scrape configuration.",
        ),
        *_of_git(),
    )


def _of_git() -> tuple[Alert, ...]:
    apart = f'argocd_app_info{{{NAMESPACE}, sync_status!="Synced"}}'
    ill = f'argocd_app_info{{{NAMESPACE}, health_status!~"Healthy|Progressing"}}'
    releases = f"count by (job) (count by (job, release) (mlops_model_info{{{e.JOB}}}))"
    return (
        alert(
            "GitAndClusterDisagree",
            f"count by (name, dest_namespace) ({apart} or {ill})",
            "30m",
            "critical",
            "{{ $labels.name }}: the cluster is not what Git says, or not healthy",
            "`mlops status` says what runs and what should. Argo CD shows why it cannot apply it.",
            where="cluster",
        ),
        alert(
            "GitAndClusterDisagree",
            f"{releases} > 1",
            "1h",
            "critical",
            "{{ $labels.job }}: {{ $value }} releases answer at once",
            "A release is stuck halfway: `kubectl describe pods` says why. Revert it, or mend the cluster.",
            where="pods",
        ),
    )
