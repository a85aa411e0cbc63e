"""What people decide about monitoring: `deploy/monitoring/settings.yaml`; without it the defaults hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mlops.contract.errors import MlopsError

PATH = Path("deploy") / "monitoring" / "settings.yaml"
UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
DURATION = re.compile(r"([1-9]\d{0,5})([wdhms])")
SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%")
# The server counts its answers by these seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def _duration(value: str) -> str:
    if DURATION.fullmatch(value) is None:
        raise ValueError("write a whole number and w, d, h, m or s, for example 1d")
    return value


def _share(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = SHARE.fullmatch(value)
    if found is None:
        raise ValueError("write a share with its sign, for example 1%")
    return round(float(found[1]) / 100, 8)


def _bucket(value: float) -> float:
    if value not in BUCKETS:
        raise ValueError(f"answers are counted by one of {', '.join(f'{bucket:g}' for bucket in BUCKETS)} seconds")
    return value


Duration = Annotated[str, AfterValidator(_duration)]
Share = Annotated[float, BeforeValidator(_share), Field(gt=0, lt=1, allow_inf_nan=False)]


class Latency(BaseModel):
    """How many requests are to be answered within how many seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    seconds: Annotated[float, AfterValidator(_bucket)] = 0.25
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
    return parse(path.read_text(encoding="utf-8")) if path.is_file() else Settings()


def parse(text: str) -> Settings:
    """Read the text of a settings.yaml.

    Raises:
        MlopsError: It is not valid YAML, or a key or value is not one of ours.
    """
    try:
        return Settings.model_validate(yaml.safe_load(text) or {})
    except yaml.YAMLError as error:
        raise MlopsError(f"{PATH}: not valid YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            raise MlopsError(f"{PATH}: {key!r} is no setting. Known are {', '.join(Settings.model_fields)}.") from error
        rule = first["msg"].removeprefix("Value error, ")
        raise MlopsError(f"{PATH}: {key} is {first['input']!r}: {rule[:1].lower()}{rule[1:]}. Correct it.") from error


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
