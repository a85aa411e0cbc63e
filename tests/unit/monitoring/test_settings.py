"""Each wrong value of settings.yaml is a line of its own: the key, the value, and what to write."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from mlops.contract.errors import MlopsError
from mlops.monitoring.settings import PATH, Latency, Settings, parse

pytestmark = pytest.mark.unit

WRONG = [
    "soon",
    "[1]",
    "",
    "true",
    "0",
    "-1",
    "2026-01-01",
    ".nan",
    "1e400",
    "'٣d'",
    "'٣%'",
    "'0.25'",
    "999999w",
    "{a: 1}",
]
OURS = (
    r"write a whole number and w, d, h, m or s|write a share above 0%|write one of the server's buckets|write keys with"
)


def told(text: str) -> list[str]:
    with pytest.raises(MlopsError) as caught:
        parse(text)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


def keys(model: type[BaseModel], above: str = "") -> list[str]:
    return [above + name for name in model.model_fields]


@pytest.mark.parametrize("key", [*keys(Settings), *keys(Latency, "latency.")])
@pytest.mark.parametrize("value", WRONG)
def test_no_value_is_told_in_the_words_of_a_library(key: str, value: str) -> None:
    first, _, second = key.partition(".")
    (line,) = told(f"{first}: {{{second}: {value}}}" if second else f"{first}: {value}")
    if (key, value) == ("latency", "{a: 1}"):
        assert line == f"{PATH}: 'latency.a' is no setting. Known are latency.seconds, latency.within."
    else:
        assert re.fullmatch(rf"{PATH}: {key} is .+: ({OURS}).+\.", line), line


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("stale_after: 1y", ["stale_after is '1y': write a whole number and w, d, h, m or s"]),
        ("live_loss: 2", ["live_loss is 2: write a share above 0% and below 100%, for example 1% or 0.01."]),
        ("[]", ["the file is []: write keys with values, for example stale_after: 45d."]),
        ("1: 2", [f"'1' is no setting. Known are {', '.join(Settings.model_fields)}."]),
        ("stale_after: 1d\nstale_after: 2d", ["not valid YAML: line 2: the key 'stale_after' is there twice."]),
        ("live_loss: [", ["not valid YAML: line 1: "]),
        ("stale_after: 0d\nlatency: {within: 99}", ["latency.within is 99: ", "stale_after is '0d': "]),
    ],
)  # fmt: skip
def test_each_wrong_value_has_its_line(text: str, lines: list[str]) -> None:
    found = told(text)
    assert len(found) == len(lines)
    assert all(line.startswith(f"{PATH}: {start}") for line, start in zip(found, lines, strict=True))


def test_what_is_right_is_read() -> None:
    assert parse("") == parse("# nothing\n") == Settings()
    found = parse("drift_window: 3650d\nlive_loss: 0.02\navailability: 99.5 %\nlatency: {seconds: 1}")
    assert (found.drift_window, found.live_loss, found.availability, found.latency.seconds) == ("3650d", 0.02, 0.995, 1)
