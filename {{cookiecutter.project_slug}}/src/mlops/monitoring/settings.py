"""What people decide about monitoring: `deploy/monitoring/settings.yaml`; without it the defaults hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from mlops.contract.errors import MlopsError
from mlops.contract.text import decode, read_yaml

PATH = Path("deploy") / "monitoring" / "settings.yaml"
UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
DURATION = re.compile(r"([1-9]\d{0,5})([wdhms])", re.ASCII)
# Prometheus knows no duration of more than 292 years.
LONGEST = 3_650 * UNITS["d"]
SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%", re.ASCII)
# The server counts its answers by these seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def _duration(value: Any) -> str:
    if isinstance(value, str) and DURATION.fullmatch(value) and seconds(value) <= LONGEST:
        return value
    raise ValueError("write a whole number and w, d, h, m or s, at most 3650d, for example 1d")


def _share(value: Any) -> float:
    found = SHARE.fullmatch(value) if isinstance(value, str) else None
    share = round(float(found[1]) / 100, 8) if found else value
    if isinstance(share, int | float) and 0 < share < 1:
        return share
    raise ValueError("write a share above 0% and below 100%, for example 1% or 0.01")


def _bucket(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value in BUCKETS:
        return float(value)
    raise ValueError(f"write one of the server's buckets, {', '.join(f'{bucket:g}' for bucket in BUCKETS)}")


Duration = Annotated[str, BeforeValidator(_duration)]
Share = Annotated[float, BeforeValidator(_share)]


class Latency(BaseModel):
    """How many requests are to be answered within how many seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seconds: Annotated[float, BeforeValidator(_bucket)] = 0.25
    within: Share = 0.99


class Settings(BaseModel):
    """The content of settings.yaml, closed: a key that nothing reads is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    drift_window: Duration = "1d"
    fault_window: Duration = "1h"
    availability: Share = 0.999
    latency: Latency = Latency()
    live_loss: Share = 0.02
    label_coverage: Share = 0.01
    stale_after: Duration = "45d"
    no_traffic_after: Duration = "1h"


def load(root: Path) -> Settings:
    """Read the project's settings.yaml.

    Raises:
        MlopsError: It is not valid.
    """
    path = root / PATH
    return parse(decode(path.read_bytes(), str(PATH))) if path.is_file() else Settings()


def parse(text: str) -> Settings:
    """Read the text of a settings.yaml.

    Raises:
        MlopsError: It is not valid YAML, or a key or value is not one of ours.
    """
    found = read_yaml(text, str(PATH))
    try:
        return Settings.model_validate({} if found is None else found)
    except ValidationError as error:
        raise MlopsError("\n".join(f"{PATH}: {_told(one)}." for one in error.errors())) from error


def _told(error: ErrorDetails) -> str:
    """Say what is wrong in words of our own, also where pydantic finds it."""
    path = [str(part) for part in error["loc"]]
    key, above = ".".join(path) or "the file", "".join(f"{part}." for part in path[:-1])
    if error["type"] in ("extra_forbidden", "invalid_key"):
        known = (Latency if above else Settings).model_fields
        return f"{key!r} is no setting. Known are {', '.join(above + name for name in known)}"
    rule = error["msg"].removeprefix("Value error, ")
    if error["type"] == "model_type":
        rule = f"write keys with values, for example {'within: 99%' if path else 'stale_after: 45d'}"
    return f"{key} is {error['input']!r}: {rule}"


def seconds(duration: str) -> int:
    """Give a duration in seconds."""
    return int(duration[:-1]) * UNITS[duration[-1]]


def part(duration: str, of: int, most: int | None = None) -> str:
    """Give one of so many parts of a duration, in whole seconds and at least one; at most so many."""
    length = max(1, seconds(duration) // of)
    return spoken(length if most is None else min(length, most))


def spoken(length: int) -> str:
    """Write seconds as a duration in the largest unit that they fill."""
    return next(f"{length // size}{unit}" for unit, size in UNITS.items() if length % size == 0)
