"""What do metrics and log lines cost the server?

Makes a bundle of 15 columns with its reference profile, and serves it. In turns the same process answers the same
requests as it is, as it is once more, without its metrics, and without its line a request: a signal switches, so that
nothing else differs. Prints what is left of the throughput, by the clock and by processor time, each as the
median of the rounds' ratios; "itself" shows how far to trust them. Ends with 1 where metrics take 5 % or more of the
processor's time.

    python benchmarks/serving.py --rounds 60
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}" / "src"))

import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from unit.serving.bundle_factory import release_facts, write_release
from unit.serving.processes import Server, serving

from mlops.contract.task import Feature, Task
from mlops.serving.profile import Monitored, Part, Profile

TEXTS = {"carrier": 16, "origin": 3, "dest": 100, "tail": 900}
NUMBERS = [f"number{at}" for at in range(10)]
SLICES = ("carrier", "origin")
ROWS, TREES, LIMIT = 2000, 100, 0.05
STATES = ("whole", "itself", "metrics", "log")
RUN = """
import signal, sys
from itertools import cycle
from mlops.serving.__main__ import main
from mlops.serving.exchange import Exchange
from mlops.serving.metrics import Telemetry

counting = {(Telemetry, name): getattr(Telemetry, name) for name in ("predicted", "began", "ended", "refused")}
writing = {(Exchange, "_write"): Exchange._write}
nothing = lambda *_: None
whole = counting | writing
states = cycle([whole, whole | dict.fromkeys(counting, nothing), whole | dict.fromkeys(writing, nothing), whole])

def turn(*_):
    for (owner, name), method in next(states).items():
        setattr(owner, name, method)

signal.signal(signal.SIGUSR1, turn)
sys.exit(main())
"""


def table() -> pd.DataFrame:
    """Make rows like those of the flights."""
    rng = np.random.default_rng(0)
    texts = {name: [f"{name}{n}" for n in rng.integers(0, size, ROWS)] for name, size in TEXTS.items()}
    return pd.DataFrame(texts | {name: rng.normal(size=ROWS).round(3) for name in NUMBERS})


def contract() -> str:
    """Write the contract of these rows, with a time to make 15 columns."""
    columns = [{"name": "late", "tags": ["target"], "logicalType": "boolean", "required": True}]
    columns += [{"name": "at", "tags": ["time"], "logicalType": "timestamp", "required": True}]
    columns += [{"name": n, "logicalType": "string", **({"tags": ["slice"]} if n in SLICES else {})} for n in TEXTS]
    options = {"minimum": -50, "maximum": 50}
    columns += [{"name": name, "logicalType": "number", "logicalTypeOptions": options} for name in NUMBERS]
    head: dict[str, Any] = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "bench", "name": "bench"}
    head |= {"version": "1.0.0", "status": "active", "customProperties": [{"property": "timezone", "value": "UTC"}]}
    return json.dumps(head | {"schema": [{"name": "rows", "properties": columns}]})


def bundle(folder: Path, rows: pd.DataFrame) -> Path:
    """Fit a forest and write the folder that `train` would write, with a profile."""
    named = [*TEXTS, *NUMBERS]
    (folder / "bench").mkdir(parents=True)
    (folder / "bench" / "__init__.py").touch()
    code = f"def features(columns):\n    return {{name: columns[name] for name in {named!r}}}\n"
    (folder / "bench" / "features.py").write_text(code)
    (folder / "contract.yaml").write_text(contract())
    kinds = {name: "string" if name in TEXTS else "float" for name in named}
    mapped = tuple(Feature(name, f"f{at}", kinds[name]) for at, name in enumerate(named))  # type: ignore[arg-type]
    frame = rows.rename(columns={f.name: f.onnx for f in mapped})
    texts = [f.onnx for f in mapped if f.kind == "string"]
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), remainder="passthrough")
    fitted = make_pipeline(encode, RandomForestClassifier(TREES, max_depth=8, random_state=0))
    fitted.fit(frame, rows["number0"] + rows["number1"] > 0)
    types = [(f.onnx, (StringTensorType if f.kind == "string" else FloatTensorType)([None, 1])) for f in mapped]
    graph = to_onnx(fitted, initial_types=types, options={id(fitted): {"zipmap": False}})
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    Task("binary", "late", (False, True), 0.4, "bench", mapped, {}, ()).dump(folder / "task.json")
    profile(rows).dump(folder / "profile.json")
    return folder


def profile(rows: pd.DataFrame) -> Profile:
    """Make a profile of all columns; what it says of the rows does not matter here."""
    part = (Part(None, {}, {"distribution": 30.0}),)
    edges = tuple(np.linspace(-1.3, 1.3, 9).tolist())
    found = [Monitored("input", name, "number", edges, (-50.0, 50.0), parts=part) for name in NUMBERS]
    for name in TEXTS:
        counted = rows[name].value_counts()
        own, known = tuple(counted.index[:9]), tuple(counted.index)
        found.append(Monitored("input", name, "category", categories=own, known=known, parts=part))
    found.append(Monitored("input", "at", "presence", parts=part))
    score = tuple(np.linspace(0.05, 0.95, 19).tolist())
    found.append(Monitored("prediction", "late", "number", score, parts=part))
    slices = {name: tuple(rows[name].value_counts().index[:20]) for name in SLICES}
    return Profile(len(rows), None, None, tuple(found), slices)


def processor(server: Server) -> float:
    """Read the seconds of processor time that a server has used."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def spent(server: Server, body: bytes, requests: int) -> tuple[float, float]:
    """Ask a number of times; returns seconds by the clock and of the processor."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    began, used = time.perf_counter(), processor(server)
    for _ in range(requests):
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.read() and answer.status == 200
    done = time.perf_counter() - began, processor(server) - used
    connection.close()
    return done


def compare(server: Server, body: bytes, requests: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Ask the server in its states in turns; returns what is left of the throughput of each when it is whole."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in STATES}
    spent(server, body, requests)  # warms up
    for _ in range(rounds):
        for name in STATES:
            times[name].append(spent(server, body, requests))
            server.process.send_signal(signal.SIGUSR1)
            assert server.request("GET", "/livez").status == 200
    for name, found in times.items():
        clock, used = (statistics.median(part) / requests * 1e6 for part in zip(*found, strict=True))
        said = name if name in STATES[:2] else f"without {name}"
        print(f"    {said:<16} {clock:9.0f} us a request by the clock, {used:9.0f} us of the processor")
    return {name: (ratio(times, name, 0), ratio(times, name, 1)) for name in STATES[1:]}


def ratio(times: dict[str, list[tuple[float, float]]], name: str, at: int) -> float:
    """Compare the median of a state's rounds with that of the whole server's."""
    part, whole = (statistics.median(found[at] for found in times[which]) for which in (name, "whole"))
    return part / whole


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    rows = table()
    worst = 0.0
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = bundle(Path(name) / "bundle", rows)
        release = write_release(Path(name) / "release.yaml", release_facts(folder))
        python = Path(name) / "python"
        (Path(name) / "run.py").write_text(RUN)
        python.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {name}/run.py "$@"\n')
        python.chmod(0o755)
        server = stack.enter_context(serving(folder, "--release", str(release), python=python))
        records = rows[:1000].assign(at="2013-05-01T08:30:00").to_dict("records")
        for size, requests in ((1, 100), (1000, 5)):
            print(f"{size} row{'s' * (size > 1)} a request")
            body = json.dumps({"rows": records[:size]}).encode()
            for what, (clock, used) in compare(server, body, requests, options.rounds).items():
                print(f"    whole against {what:<8} {clock:.3f} of the throughput, {used:.3f} by the processor")
                worst = max(worst, 1 - used if what == "metrics" else 0.0)
    print(f"metrics take {worst:.1%} at most; the limit is {LIMIT:.0%}")
    return int(worst >= LIMIT)


if __name__ == "__main__":
    sys.exit(main())
