"""The whole circle on real parts: a served model, months of traffic, a shift, an alert, a pull request, a release.

Server, Prometheus, Alertmanager, receiver and forge are the real ones. Read build/forge/the_circle.log for the seconds.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from forge.conftest import Begin, Train
from forge.forge_api import until
from forge.forged import GREEN, PULL_REQUEST, RETRAIN, ForgedProject
from forge.story import Story
from forge.test_story import main_releases, set_status
from forge.traffic import Traffic, month, shifted
from monitors import Monitor, alertmanager, prometheus

pytestmark = pytest.mark.e2e
RULES = Path("deploy/chart/monitoring/rules.yaml")
# A day of a service in a minute: what is decided over a day or an hour is decided over half a minute here.
SETTINGS = "drift_window: 40s\nfault_window: 40s\n"
BEARER = "only-these-two-know-it"
TICK = "1s"
LIVE_OUTCOMES = 'slice:mlops_live:outcomes{{release="{}", slice=""}}'


def test_the_circle(begin: Begin, train: Train, story: Story, tmp_path: Path) -> None:
    with story.step("a project on the forge: flights of January to March, and a first model"):
        first_months = pd.concat([month(number, 4000) for number in (1, 2, 3)])
        project = begin("circle", of=train("circle", first_months, target="late"), edits=edits(tmp_path))
    first = main_releases(project, story, project.sha(), trains=True)
    march = others(first_months)
    (tmp_path / "feedback").symlink_to(project.path / ".mlops" / "feedback" / "staging")
    with served(project) as url, watched(project, url, tmp_path) as (watch, alerts):
        traffic = Traffic(url)
        with story.step("20 flights of March alarm nobody but the watchdog"):
            traffic.send(march[:20])
            until("20 rows to be seen", lambda: watch.query("sum(mlops_rows_total{kind='prediction'}) == 20"))
            time.sleep(30)  # longer than any condition has to hold
            assert set(watch.firing()) == {"Watchdog"}
        with story.step("a minute of March, of whose days the reference is: nothing is lost, nothing is proposed"):
            with traffic.flowing(march[20:]):
                time.sleep(60)
            quiet(project, watch, story)
        number, began = the_shift(project, traffic, watch, story)
        second = the_pull_request(project, number, story)
        assert second != first
        with story.step("the new release serves, and the alert resolves"), traffic.flowing(shifted(month(6, 20000))):
            until("the new release to serve", lambda: serves(url, second))
            until("the alert to resolve", lambda: not lost(alerts))
            resolved = time.monotonic() - began
            until("outcomes of the new release", lambda: watch.query(f"{LIVE_OUTCOMES.format(second)} >= 500"))
            story.note(f"{resolved:.0f} s from the shift to the resolved alert; {told(watch)}")
            time.sleep(30)  # longer than any condition has to hold
            assert not lost(alerts), told(watch)
        assert traffic.faults == []
        story.note(f"{traffic.asked} rows asked, {traffic.counted} outcomes counted")
        assert len(project.forge.get("pulls?state=all")) == 1
        with story.step("with the scrape cut, the monitor itself is what alarms"):
            cut(watch)
            until("the monitor to be found blind", lambda: "MonitorBlind" in watch.firing())


def the_shift(project: ForgedProject, traffic: Traffic, watch: Monitor, story: Story) -> tuple[int, float]:
    """What the model learned is no longer so; an alert fires, and one pull request appears."""
    began, before = time.monotonic(), project.forge.newest_run()
    with story.step("in May who flies far is late, and clients tell so"), traffic.flowing(shifted(month(5, 20000))):
        until("the live metric to be below its floor", lambda: "LiveMetricBelowFloor" in watch.firing())
        story.note(f"LiveMetricBelowFloor fires {time.monotonic() - began:.0f} s after the shift; {told(watch)}")
        until("a pull request", lambda: project.forge.get("pulls?state=open"))
        story.note(f"the pull request is there {time.monotonic() - began:.0f} s after the shift")
        story.ran(project.forge.finished(RETRAIN, after=before).expect(retrain="success"))
    (pull,) = project.forge.get("pulls?state=open")
    story.note(f"{pull['title']}\n{pull['body'][:3000]}")
    return pull["number"], began


def the_pull_request(project: ForgedProject, number: int, story: Story) -> str:
    """The gate passes, it is merged, and main releases it."""
    with story.step("its checks pass, the gate among them"):
        sha = project.forge.get(f"pulls/{number}")["head"]["sha"]
        story.ran(project.forge.finished(PULL_REQUEST, head_sha=sha).expect(**GREEN))
        # As in the story of a retraining: this forge knows no right to set statuses alone.
        set_status(project, sha)
        project.forge.must("PATCH", "branch_protections/main", {"status_check_contexts": ["required"]})
        merged = project.merged(number, "squash")
    return main_releases(project, story, merged)


def edits(folder: Path) -> dict[str, Any]:
    """Let jobs find the feedback, and decide within seconds."""
    return {
        "deploy/monitoring/settings.yaml": lambda text: (
            re.sub(r"^(drift|fault)_window:.*\n", "", text, flags=re.M) + SETTINGS
        ),
        "params.yaml": lambda text: re.sub(r"^label_delay:.*$", "label_delay: 0d", text, flags=re.M).replace(
            "20%", "8%"
        ),
        "pyproject.toml": lambda text: text.replace("[tool.mlops]", f'[tool.mlops]\nfeedback = "{folder}/feedback"'),
    }


@contextmanager
def served(project: ForgedProject) -> Iterator[str]:
    """Follow main on this machine."""
    project.pull()
    said = project.mlops("local", "up", "--env", "staging", "--port", "0", "--detach")
    try:
        yield re.findall(r"http://\S+", said)[-1].rstrip("/.")
    finally:
        project.mlops("local", "down", "--env", "staging")


@contextmanager
def watched(project: ForgedProject, url: str, folder: Path) -> Iterator[tuple[Monitor, Monitor]]:
    """Run Prometheus with the project's rules, Alertmanager, and the receiver."""
    port = free()
    with receiver(project, port, folder), alertmanager(folder, routes(port)) as alerts:
        config = {
            "global": {"scrape_interval": TICK, "evaluation_interval": TICK},
            "rule_files": [str(quick(project, folder))],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alerts.port}"]}]}]},
            "scrape_configs": [
                {"job_name": "model", "static_configs": [{"targets": [url.removeprefix("http://")]}]},
            ],
        }
        with prometheus(folder, config) as watch:
            yield watch, alerts


def quick(project: ForgedProject, folder: Path) -> Path:
    """Take the project's rules as they are, but for how long a condition has to hold."""
    document = yaml.safe_load((project.path / RULES).read_text(encoding="utf-8"))
    for group in document["groups"]:
        group["interval"] = TICK
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "20s"
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def routes(port: int) -> dict[str, Any]:
    """Let Alertmanager tell the receiver of every alert."""
    credentials = {"type": "Bearer", "credentials": BEARER}
    hook = {"url": f"http://127.0.0.1:{port}/alerts", "http_config": {"authorization": credentials}}
    times = {"group_wait": "1s", "group_interval": "2s", "repeat_interval": "10s"}
    return {
        "route": {"receiver": "retrain", "group_by": ["alertname"], **times},
        "receivers": [{"name": "retrain", "webhook_configs": [{**hook, "max_alerts": 100}]}],
    }


@contextmanager
def receiver(project: ForgedProject, port: int, folder: Path) -> Iterator[None]:
    """Run the receiver as the cluster would."""
    (folder / "bearer").write_text(BEARER, encoding="utf-8")
    (folder / "token").write_text(project.forge.place.tokens["dev"], encoding="utf-8")
    settings = {
        "TOKEN_FILE": folder / "bearer",
        "FORGE_TOKEN_FILE": folder / "token",
        "FORGE": "github",
        "API": project.forge.place.api,
        "REPOSITORY": f"{project.forge.owner}/{project.forge.name}",
        "COOLDOWN": "1h",
    }
    env = project.environment() | {f"MLOPS_RECEIVER_{name}": str(value) for name, value in settings.items()}
    with (folder / "receiver.log").open("w") as log:
        command = [sys.executable, "-m", "mlops.serving.receiver", "--port", str(port)]
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
        try:
            until("the receiver to answer", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"))
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0, (folder / "receiver.log").read_text(encoding="utf-8")


def others(known: pd.DataFrame) -> pd.DataFrame:
    """Take flights of the days that are held out of training, in any order, and none that is known already."""
    frame = month(3, 40000)
    days = frame[(frame["scheduled_departure"] >= "2013-03-24") & ~frame["flight_id"].isin(known["flight_id"])]
    return days.sample(frac=1, random_state=1).reset_index(drop=True)


def quiet(project: ForgedProject, watch: Monitor, story: Story) -> None:
    """A month that is only a month opens nothing; what fires is told."""
    story.note(f"firing: {', '.join(sorted(watch.firing()))}; {told(watch)}")
    assert "LiveMetricBelowFloor" not in watch.firing()
    assert project.forge.get("pulls?state=open") == []


def told(watch: Monitor) -> str:
    """Say what Prometheus knows of the live metric."""
    found = [
        f"{labels['__name__']} {value:.3f}"
        for labels, value in watch.query('{__name__=~"slice:mlops_(live|reference):metric", slice=""}')
        if not labels.get("slice")
    ]
    return ", ".join(sorted(set(found))) or "no live metric"


def lost(alerts: Monitor) -> list[Any]:
    """List the alerts for lost accuracy that Alertmanager holds."""
    found = alerts.get("/api/v2/alerts", active="true")
    return [alert for alert in found if alert["labels"]["alertname"] == "LiveMetricBelowFloor"]


def serves(url: str, release: str) -> bool:
    """Tell whether a release answers."""
    with urllib.request.urlopen(f"{url}/version", timeout=30) as answer:
        return release in answer.read().decode()


def cut(watch: Monitor) -> None:
    """Let Prometheus scrape nothing any more."""
    config = yaml.safe_load(watch.config.read_text(encoding="utf-8"))
    watch.config.write_text(yaml.safe_dump({**config, "scrape_configs": []}), encoding="utf-8")
    watch.reload()


def free() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
