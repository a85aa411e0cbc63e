"""The picture of a replay: what it shows are the report's numbers, and the same ones are the same bytes."""

from __future__ import annotations

import re
from copy import deepcopy
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest

from mlops.backtest.plot import LOOKS, picture
from mlops.gates.reporting.svg import VARIABLES

Json = dict[str, Any]
METRICS = {
    "never": [0.80, 0.70, 0.65, 0.60],
    "every batch": [0.80, 0.78, 0.79, 0.75],
    "on drift": [0.80, 0.70, 0.79, 0.75],
}
DONE = {
    "never": ["kept"] * 3,
    "every batch": ["released", "refused", "released"],
    "on drift": ["kept", "released", "kept"],
}
SVG = "{http://www.w3.org/2000/svg}"


def report() -> Json:
    months = ["may", "june & <july>", "august", "september"]
    steps = [
        {"batch": month, "policy": policy, "metric": metric, "decision": decision}
        for policy, metrics in METRICS.items()
        for month, metric, decision in zip(months, metrics, [*DONE[policy], "end"], strict=True)
    ]
    return {"metric": "roc_auc", "steps": steps}


def heights(root: ElementTree.Element) -> dict[str, list[float]]:
    """Read each policy's line: where it is at each batch, counted downwards."""
    found = {}
    for policy, (colour, _, width) in LOOKS.items():
        for path in root.iter(f"{SVG}path"):
            style = path.get("style", "")
            points = re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path.get("d", ""))
            if f"var(--{VARIABLES[colour]})" in style and f"stroke-width: {width:g}" in style and len(points) == 4:
                found[policy] = [float(y) for _, y in points]
    return found


def test_each_policys_line_has_the_height_of_its_numbers() -> None:
    root = ElementTree.fromstring(picture(report()))
    assert root.tag == f"{SVG}svg"
    drawn = heights(root)
    assert drawn.keys() == METRICS.keys()
    pairs = sorted((value, y) for policy in METRICS for value, y in zip(METRICS[policy], drawn[policy], strict=True))
    (low, bottom), (high, top) = pairs[0], pairs[-1]
    for value, y in pairs:
        assert y == pytest.approx(bottom + (value - low) / (high - low) * (top - bottom), abs=0.01)
    assert all(one[1] >= other[1] for one, other in pairwise(pairs)), "more is higher"


def test_names_and_releases_are_shown() -> None:
    text = picture(report())
    words = [node.text for node in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {*METRICS, "may", "june & <july>", "august", "roc_auc on the new batch"} <= set(words)
    marks = {policy: text.count(f"fill: var(--{VARIABLES[look[0]]})") for policy, look in LOOKS.items()}
    assert marks["never"] == 0 and marks["every batch"] > 0 and marks["on drift"] > 0


def test_the_same_report_is_the_same_bytes_and_another_is_not() -> None:
    assert picture(report()) == picture(report())
    other = deepcopy(report())
    other["steps"][2]["metric"] += 0.01
    assert picture(other) != picture(report())
