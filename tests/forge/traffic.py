"""Clients of a served model: they ask about rows of a table, and tell soon after what became of them."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import numpy as np
import pandas as pd
from forge.place import ROOT

EACH, PAUSE = 40, 0.5  # rows in a request, and seconds to the next one
SOURCE = ROOT / "{{cookiecutter.project_slug}}/src/{{cookiecutter.package_name}}/flights.py"
Change = Callable[[pd.DataFrame], pd.DataFrame]


def month(number: int, rows: int) -> pd.DataFrame:
    """Read so many flights of a month of 2013, spread over it."""
    spec = spec_from_file_location("flights", SOURCE)
    assert spec and spec.loader
    flights = module_from_spec(spec)
    spec.loader.exec_module(flights)
    frame: pd.DataFrame = flights.load(f"2013-{number:02d}")
    at = np.unique(np.linspace(0, len(frame) - 1, rows).astype(int))
    return frame.iloc[at].reset_index(drop=True)


def shifted(frame: pd.DataFrame) -> pd.DataFrame:
    """Make it warmer, and let who flies far be late: what the model has learned is no longer so."""
    rng = np.random.default_rng(7)
    far = frame["distance"] > frame["distance"].median()
    return frame.assign(temperature=frame["temperature"] + 25, late=far ^ (rng.random(len(frame)) < 0.1))


@dataclass
class Traffic:
    """What clients have sent and got."""

    url: str
    asked: int = 0
    counted: int = 0
    faults: list[str] = field(default_factory=list)

    def send(self, frame: pd.DataFrame, target: str = "late", to: str = "") -> None:
        """Ask about rows, then tell their outcomes, to another address where one is given."""
        known = self._columns()
        rows = json.loads(frame[[name for name in frame if name in known]].to_json(orient="records", date_format="iso"))
        answer = post(f"{self.url}/predict", {"rows": rows})
        told = [
            {"prediction_id": made["prediction_id"], "outcome": bool(outcome)}
            for made, outcome in zip(answer["predictions"], frame[target], strict=True)
        ]
        found = post(f"{to or self.url}/feedback", {"outcomes": told})
        self.asked += len(rows)
        self.counted += sum(item["result"] == "counted" for item in found["results"])

    def _columns(self) -> set[str]:
        with urllib.request.urlopen(f"{self.url}/openapi.json", timeout=30) as answer:
            document = json.load(answer)
        body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        return set(body["properties"]["rows"]["items"]["properties"])

    @contextmanager
    def flowing(self, frame: pd.DataFrame) -> Iterator[None]:
        """Send the rows of a table one request after another, as long as the block lasts."""
        stop = threading.Event()

        def flow() -> None:
            for start in range(0, len(frame), EACH):
                if stop.wait(PAUSE):
                    return
                try:
                    self.send(frame.iloc[start : start + EACH])
                except (OSError, KeyError, urllib.error.HTTPError) as error:
                    self.faults.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=flow)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def post(url: str, document: Any) -> Any:
    """Send JSON and read JSON."""
    request = urllib.request.Request(url, json.dumps(document).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
