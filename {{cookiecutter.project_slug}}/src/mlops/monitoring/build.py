"""Put the rules together, and write them as Prometheus reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mlops.monitoring import alerts, live, rules, service_alerts
from mlops.monitoring.rules import Group
from mlops.monitoring.settings import PATH, Settings

FOLDER = Path("deploy") / "chart" / "monitoring"
RULES, DASHBOARD = FOLDER / "rules.yaml", FOLDER / "dashboard.json"
HEAD = (
    f"# Written by `mlops monitoring build` from {PATH.as_posix()} and params.yaml. Change those, and run it again.\n"
)


class _Dumper(yaml.SafeDumper):
    """Writes expressions as blocks, so that a quotation mark stays one."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if '"' in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def groups(settings: Settings, label_delay: str = "1d") -> tuple[Group, ...]:
    """List all rules.

    Args:
        settings: what people decided.
        label_delay: how long an outcome may take, such as "1d".
    """
    often = rules.often(settings)
    return (
        Group("mlops-drift", often, (*rules.drift(settings), *alerts.of_drift(settings))),
        Group("mlops-live", often, (*live.live(settings, label_delay), *alerts.of_live(settings, label_delay))),
        Group("mlops-requests", often, (*rules.requests(settings), *service_alerts.of_requests(settings))),
        Group("mlops-monitoring", often, service_alerts.of_monitoring(settings)),
    )


def text(settings: Settings, label_delay: str = "1d") -> str:
    """Write rules.yaml."""
    document = {"groups": [group.document() for group in groups(settings, label_delay)]}
    return HEAD + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1_000_000, allow_unicode=True)
