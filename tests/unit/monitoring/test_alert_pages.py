"""Every alert has its section in docs/guides/alerts.md and no other is there; examples of configuration load."""

from __future__ import annotations

import re

import pytest
import yaml
from baking import PROJECT
from monitors import ran

from mlops.monitoring import build
from mlops.monitoring.rules import Alert
from mlops.monitoring.settings import PATH, Settings, load

pytestmark = pytest.mark.unit

ALERTS = [rule for group in build.groups(Settings()) for rule in group.rules if isinstance(rule, Alert)]


def test_every_alert_has_its_section_and_says_what_to_do() -> None:
    page = (PROJECT / "docs" / "guides" / "alerts.md").read_text(encoding="utf-8")
    chart = (PROJECT / "deploy" / "chart" / "templates" / "prometheusrule.yaml").read_text(encoding="utf-8")
    named = {alert.alert for alert in ALERTS} | set(re.findall(r"alert: (\w+)", chart))
    assert re.findall(r"^## (\w+)$", page, re.M) and set(re.findall(r"^## (\w+)$", page, re.M)) == named
    for alert in ALERTS:
        assert alert.annotations["runbook_url"] == f"docs/guides/alerts.md#{alert.alert.lower()}"
        assert {"summary", "description"} < set(alert.annotations) and alert.labels["severity"]


def test_what_is_in_the_chart_is_what_would_be_written() -> None:
    assert load(PROJECT) == Settings() and (PROJECT / PATH).is_file()
    assert (PROJECT / build.RULES).read_text(encoding="utf-8") == build.text(Settings())


def test_examples_of_configuration_load() -> None:
    folder = PROJECT / "deploy" / "monitoring"
    done = ran("promtool", "check", "config", "--syntax-only", "prometheus.yaml", cwd=folder)
    assert done.returncode == 0, done.stdout
    done = ran("amtool", "check-config", "alertmanager.yaml", cwd=folder)
    assert done.returncode == 0, done.stdout
    routes = yaml.safe_load((folder / "alertmanager.yaml").read_text(encoding="utf-8"))["route"]["routes"]
    assert any("retrain" in str(route["matchers"]) and route["continue"] for route in routes if "continue" in route)
