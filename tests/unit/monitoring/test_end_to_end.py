"""Real servers, real requests and a real Prometheus find what `mlops monitoring check` finds in a file of the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from monitors import Monitor, prometheus, tool, until
from unit.serving.bundle_factory import FEATURES, ROW, make_bundle, release_facts, write_release
from unit.serving.processes import Server, serving

from mlops.commands.monitoring import check
from mlops.contract.columns import to_columns
from mlops.contract.document import load
from mlops.data.table import read_raw, typed
from mlops.monitoring import build, reference, window
from mlops.monitoring.judge import Counts, Finding, judge
from mlops.monitoring.settings import Settings
from mlops.monitoring.table import by_profile
from mlops.serving.profile import Profile
from mlops.serving.scorer import Scorer

pytestmark = pytest.mark.unit

JOBS = ("clean", "shifted")
SENT, BATCH = 300, 20
IMPUTED = FEATURES.replace('columns["weight"],', 'np.nan_to_num(columns["weight"]),')
Key = tuple[str, str, str, str]


def drawn(rows: int, seed: int, shifted: bool = False) -> list[dict[str, Any]]:
    """Draw rows of requests; shifted ones are longer, often without a weight, and come from a depot nobody knows."""
    random = np.random.default_rng(seed)
    length, depots = (80, ["north", "south", "moon"]) if shifted else (50, ["north", "south"])
    return [
        ROW
        | {
            "parcel.id": f"p-{seed}-{number}",
            "länge cm": round(float(np.clip(random.normal(length, 12), 1, 200)), 3),
            "stops": int(random.integers(0, 6)),
            "express": bool(random.random() < 0.5),
            "depot": str(random.choice(depots)),
            "age": int(random.integers(18, 80)),
            "weight": None if random.random() < (0.3 if shifted else 0.02) else round(float(random.uniform(0, 20)), 3),
        }
        for number in range(rows)
    ]


@dataclass(frozen=True)
class World:
    """A bundle with its profile, and a Prometheus that watches two servers of it."""

    folder: Path
    profile: Profile
    servers: dict[str, Server]
    monitor: Monitor


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    tool("prometheus")
    folder = tmp_path_factory.mktemp("world")
    bundle = make_bundle(folder / "bundle", features=IMPUTED)
    profile = referred(bundle, folder)
    profile.dump(bundle / "profile.json")
    release = write_release(folder / "release.yaml", release_facts(bundle))
    rules = build.text(Settings(drift_window="5m", fault_window="5m"))
    assert "interval: 5s" in rules
    (folder / "rules.yaml").write_text(rules.replace("interval: 5s", "interval: 1s"), encoding="utf-8")
    with ThreadPoolExecutor(2) as pool, ExitStack() as stack:
        started = pool.map(lambda _: stack.enter_context(serving(bundle, "--release", str(release))), JOBS)
        servers = dict(zip(JOBS, started, strict=True))
        jobs = [
            {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}
            for name, server in servers.items()
        ]
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = {"global": every, "rule_files": [str(folder / "rules.yaml")], "scrape_configs": jobs}
        monitor = stack.enter_context(prometheus(folder, config))
        # A counter's first scrape is where its increase begins.
        until(lambda: len(monitor.query("mlops_model_info")) == len(servers))
        yield World(folder, profile, servers, monitor)


def referred(bundle: Path, folder: Path) -> Profile:
    """Make the profile of rows that the bundle has scored."""
    rows = drawn(1500, seed=1)
    frame = pd.DataFrame(rows)
    frame.to_csv(folder / "reference.csv", index=False)
    agreed, scorer = load(bundle / "contract.yaml"), Scorer.load(bundle)
    names = [column.name for column in agreed.inputs]
    columns = to_columns(agreed, {name: [row.get(name) for row in rows] for name in names}, names)
    scores = scorer.scores(columns, len(rows))
    inputs = typed(read_raw(folder / "reference.csv"), agreed, "reference.csv", names).frame
    return reference.of_rows(inputs.assign(late=pd.NA), agreed, scorer.task, scores)


def sent(world: World, job: str) -> tuple[Path, np.ndarray]:
    """Send rows, and write them to a file; returns the file and the probabilities that were answered."""
    rows = drawn(SENT, seed=2, shifted=job == "shifted")
    answers = [world.servers[job].predict(*rows[at : at + BATCH]) for at in range(0, SENT, BATCH)]
    assert {answer.status for answer in answers} == {200}
    file = world.folder / f"{job}.csv"
    pd.DataFrame(rows).to_csv(file, index=False)
    return file, np.array([one["probability"] for answer in answers for one in answer.json["predictions"]])


def of_file(world: World, file: Path, probabilities: np.ndarray) -> Counts:
    """Count the rows of a file as the command does."""
    columns = by_profile(read_raw(file), world.profile, None, file.name)
    return window.count(world.profile, columns, probabilities)


def recorded(monitor: Monitor, job: str) -> dict[str, dict[Key, float]]:
    """Give what the rules recorded at the first evaluation that is sure to know all rows, by name."""
    rows = f'sum (mlops_rows_total{{job="{job}", kind="input", slice="", column="depot"}})'
    until(lambda: monitor.query(f"{rows} == {SENT}"))
    scraped = monitor.query("vector(time())")[0][1]
    # Not by its own value: the rule carries on what it knows, and may come to all rows before it knows them.
    whole = f'rule:mlops_rows:sum{{job="{job}", column="depot", kind="input", rule="nulls"}}'
    at = until(lambda: monitor.query(f"timestamp({whole}) >= {scraped}"))[0][1]
    # What one evaluation records last.
    last = f'timestamp(rule:mlops_drift:drifted{{job="{job}", rule="unseen"}}) >= {at}'
    until(lambda: monitor.query(last))
    found: dict[str, dict[Key, float]] = {}
    for labels, value in monitor.query(f'{{__name__=~"rule:mlops_(drift|rows):.*", job="{job}", bin=""}}', at):
        key = (labels["kind"], labels.get("slice", ""), labels["column"], labels["rule"])
        found.setdefault(labels["__name__"], {})[key] = value
    return found


def key_of(finding: Finding) -> Key:
    """Say which test a finding is of."""
    return finding.kind, finding.slice, finding.column, finding.rule


@pytest.mark.parametrize("job", JOBS)
def test_prometheus_finds_in_requests_what_the_command_finds_in_their_file(
    world: World, job: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, probabilities = sent(world, job)
    found = recorded(world.monitor, job)
    monkeypatch.chdir(world.folder)
    capsys.readouterr()
    try:
        check(file, world.folder / "bundle" / "profile.json", as_json=True, predictions=False)
        assert job == "clean"
    except SystemExit as ended:
        assert (ended.code, job) == (1, "shifted")
    named = json.loads(capsys.readouterr().out.splitlines()[-1])["drifted"]
    drifted = {key for key, value in found["rule:mlops_drift:drifted"].items() if value}
    assert {column for kind, _, column, _ in drifted if kind == "input"} == set(named)
    assert set(named) == ({"länge cm", "weight", "depot"} if job == "shifted" else set())

    counts = of_file(world, file, probabilities)
    judged = {key_of(finding): finding for finding in judge(world.profile, counts)}
    assert drifted == {key for key, finding in judged.items() if finding.drifted}
    # `increase` carries a counter on from its last scrape to the time of the evaluation: all counters of a target by
    # one factor, as they share their scrapes, and by at most 1.1 of the mean time between two of them. Where the rows
    # came between the first two scrapes, that is 1.1 of all there is.
    everything = next(key for key in judged if key[3] == "nulls")
    factor = found["rule:mlops_rows:sum"][everything] / SENT
    assert 1 <= factor < 2.1
    carried = {key: {bin: rows * factor for bin, rows in bins.items()} for key, bins in counts.items()}
    for finding in judge(world.profile, carried):
        key = key_of(finding)
        assert found["rule:mlops_drift:evidence"][key] == pytest.approx(finding.evidence, abs=1e-6), key
        assert found["rule:mlops_drift:effect"][key] == pytest.approx(finding.effect, abs=1e-9), key
