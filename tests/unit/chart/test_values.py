"""What may be set: documented, closed, and one form of the record for the chart and for `mlops release`."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from baking import PROJECT
from chart import PATH, VALUES, comments, page
from unit.chart.rendering import CASES, CHART, case, refusal, written

from mlops.delivery.records import Record

pytestmark = pytest.mark.unit

TEXT = VALUES.read_text(encoding="utf-8")
DEFAULTS = yaml.safe_load(TEXT)
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
FULL = yaml.safe_load(case("full").read_text(encoding="utf-8"))
WHOLE = {**DEFAULTS, **FULL}
Place = tuple[str | int, ...]


def test_every_key_has_a_comment() -> None:
    assert [path for path, said in comments(TEXT) if said is None] == []
    assert [path for path, _ in comments("# -- said\na: 1\nb: {c: 1}\n") if _ is None] == [("b",)]


def test_every_key_has_a_default_and_a_schema() -> None:
    documented = {path[0] for path, _ in comments(TEXT)}
    assert documented == set(DEFAULTS) == set(SCHEMA["properties"]) - {"release"}
    for group in ("autoscaling", "server", "smoke", "feedback", "service", "ingress", "monitoring", "retrain"):
        keys = {path[1] for path, _ in comments(TEXT) if path[0] == group and len(path) == 2}
        assert keys == set(DEFAULTS[group]) == set(SCHEMA["properties"][group]["properties"])


def test_the_page_is_what_the_comments_say() -> None:
    assert PATH.read_text(encoding="utf-8") == page(TEXT), "run `python scripts/chart.py`"


@pytest.mark.parametrize(
    "values",
    [VALUES, *map(case, CASES), *sorted(PROJECT.glob("deploy/envs/*/values.yaml"))],
    ids=lambda path: path.name,
)
def test_what_we_ship_is_accepted(values: Path) -> None:
    assert faults(yaml.safe_load(values.read_text(encoding="utf-8"))) == []


def faults(values: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(values)]


OPEN = {"nodeSelector", "labels", "matchLabels", "metrics", "annotations"}


def places(values: Any, above: Place = ()) -> Iterator[Place]:
    """List every place in a document, from the top."""
    yield above
    inner = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in inner:
        yield from places(value, (*above, key))


def at(values: Any, place: Place) -> Any:
    for key in place:
        values = values[key]
    return values


def with_value(place: Place, value: Any) -> Any:
    """Copy the values with another one in a place."""
    if not place:
        return value
    made = copy.deepcopy(WHOLE)
    at(made, place[:-1])[place[-1]] = value
    return made


MAPS = [p for p in places(WHOLE) if isinstance(at(WHOLE, p), dict) and (not p or p[-1] not in OPEN)]
PLACES = [p for p in places(WHOLE) if p]


def test_an_unknown_key_is_refused_everywhere() -> None:
    assert len(MAPS) > 15
    for place in MAPS:
        (said, *_) = faults(with_value((*place, "unknown"), 1)) or ["accepted"]
        assert "'unknown' was unexpected" in said, place


def test_another_type_is_refused_everywhere() -> None:
    assert len(PLACES) > 60
    for place in PLACES:
        for value in (None, [[1]], {"a": {"b": []}}, "\x00", -1.5, True):
            allowed = type(value) is type(at(WHOLE, place)) or (value == -1.5 and "metrics" in place)
            free = value == "\x00" and isinstance(at(WHOLE, place), str)
            assert faults(with_value(place, value)) or allowed or free, (place, value)


HELM_REFUSES = {
    "unknown key": ({"replica": 2}, "replica"),
    "unknown key below": ({"service": {"hosts": []}}, "hosts"),
    "wrong type": ({"replicas": "2"}, "replicas"),
    "half a pod": ({"replicas": 1.5}, "replicas"),
    "a host with a path": ({"ingress": {"hosts": ["model.example.com/v1"]}}, "hosts"),
    "a path without a slash": ({"ingress": {"paths": ["predict"]}}, "paths"),
    "no path": ({"ingress": {"paths": []}}, "paths"),
    "a host twice": ({"ingress": {"hosts": ["a.example.com", "a.example.com"]}}, "hosts"),
    "no time to answer": ({"smoke": {"timeout": 0}}, "timeout"),
    "unknown word": ({"topologySpread": "Maybe"}, "topologySpread"),
    "a tag": ({"release": {"image": {"tag": "v1"}}}, "tag"),
    "a tag as digest": ({"release": {"image": {"digest": "v1.2.3"}}}, "digest"),
    "a short digest": ({"release": {"image": {"digest": "sha256:" + "0" * 63}}}, "digest"),
    "a digest and a line": ({"release": {"image": {"digest": f"sha256:{'0' * 64}\n"}}}, "digest"),
    "a commit as number": ({"release": {"commit": 1234567890123456789012345678901234567890}}, "commit"),
    "an id as number": ({"release": {"id": 20130501}}, "id"),
    "a name with a line": ({"release": {"contract": {"version": "1\n2"}}}, "version"),
    "a name with a separator": ({"release": {"contract": {"version": "1\u20282"}}}, "version"),
    "a metric as text": ({"release": {"metrics": {"roc_auc": "0.7"}}}, "roc_auc"),
}


@pytest.mark.parametrize("wrong", HELM_REFUSES)
def test_helm_refuses(wrong: str, tmp_path: Path) -> None:
    values, key = HELM_REFUSES[wrong]
    said = refusal(case("minimal"), written(tmp_path / "values.yaml", values))
    assert "values don't meet the specifications" in said
    assert key in said


@pytest.mark.parametrize("key", ["id", "identity", "commit", "image", "model", "data", "contract", "metrics"])
def test_a_record_without_a_part_is_refused(key: str) -> None:
    part = {name: value for name, value in FULL["release"].items() if name != key}
    assert faults({"release": part}) == [f"{key!r} is a required property"]


def test_the_record_has_one_form() -> None:
    """`mlops release` writes what the chart reads: the same keys, types, patterns and limits."""
    model = Record.model_json_schema()
    assert plain(SCHEMA["definitions"]["release"], SCHEMA) == plain(model, model)
    ours = copy.deepcopy(SCHEMA["definitions"]["release"])
    ours["properties"]["image"]["properties"]["digest"]["pattern"] = ".*"
    assert plain(ours, SCHEMA) != plain(model, model)


def plain(part: Any, document: Any) -> Any:
    """Follow references, leave titles and texts out, and write the end of a pattern in one way."""
    if isinstance(part, list):
        return [plain(item, document) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return plain(at(document, tuple(part["$ref"].split("/")[1:])), document)
    left_out = {"description", "$defs"} | ({"title"} if isinstance(part.get("title"), str) else set())
    made = {key: plain(value, document) for key, value in part.items() if key not in left_out}
    if patterns := made.pop("patternProperties", None):
        ((pattern, made["additionalProperties"]),) = patterns.items()
        made["propertyNames"] = {**made["propertyNames"], "pattern": end(pattern)}
    if "pattern" in made and isinstance(made["pattern"], str):
        made["pattern"] = end(made["pattern"])
    return made


def end(pattern: str) -> str:
    written_out = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), pattern)
    return re.sub(r"(\\z|\$)$", "<end>", written_out)
