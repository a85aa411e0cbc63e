"""The bar: `gates.yaml`, as it stands on the base branch and in the pull request."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mlops.contract.errors import MlopsError
from mlops.contract.near import did_you_mean
from mlops.contract.text import read_yaml
from mlops.gates.expectation import Expectation
from mlops.pipeline.measures import known

Gate = Literal[
    "data", "leak", "dummy", "champion", "anchor", "slices", "fairness", "calibration", "behaviour", "size", "speed"
]
Measure = Literal["demographic_parity", "equal_opportunity", "equalized_odds", "error_rate", "mae"]


class Closed(BaseModel):
    """A part of the bar: no key pretends."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Slices(Closed):
    """Groups of at least `min_rows` rows are compared; `margin` in units of the metric, by default three times the one.

    Numbers are cut into `bins` quantile bins.
    """

    min_rows: int = Field(default=100, ge=30)
    margin: float | None = Field(default=None, gt=0)
    bins: int = Field(default=4, ge=2, le=20)


class Fairness(Closed):
    """Gaps between groups of a `protected` column, from 0 (equal) to 1; `max_gap` is absolute, `margin` its growth."""

    measures: tuple[Measure, ...] = ()
    min_rows: int = Field(default=50, ge=10)
    margin: float = Field(default=0.05, gt=0)
    max_gap: float | None = Field(default=None, gt=0, le=1)


class Calibration(Closed):
    """Expected calibration error: its growth beyond the champion's, and where given a limit."""

    margin: float = Field(default=0.03, gt=0)
    max_ece: float | None = Field(default=None, gt=0, le=1)


class Cost(Closed):
    """What the bundle may weigh, in MB, and how many times slower than the champion it may score."""

    max_model_mb: float = Field(default=100, gt=0)
    max_slowdown: float = Field(default=2.0, gt=1)


class Mode(Closed):
    """What a gate's *no* does, and why not the default."""

    mode: Literal["block", "warn", "off"]
    reason: str = Field(min_length=1)


class Override(Closed):
    """A person's word that one gate does not block until the end of a day (UTC)."""

    gate: Gate
    reviewer: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    expires: date


class Gates(Closed):
    """What "good enough" means; closed, so that no key pretends.

    `margin` is in units of the metric, `beats_dummy_by` a share of the way from the dummy's score to the best possible.
    """

    metric: str
    margin: float = Field(gt=0)
    when_unsure: Literal["warn", "block"] = "warn"
    beats_dummy_by: float = Field(default=0.0, ge=0, le=1)
    slices: Slices = Slices()
    fairness: Fairness = Fairness()
    calibration: Calibration = Calibration()
    behaviour: tuple[Expectation, ...] = ()
    cost: Cost = Cost()
    modes: dict[Gate, Mode] = Field(default_factory=dict)
    overrides: tuple[Override, ...] = ()

    @field_validator("metric")
    @classmethod
    def _metric(cls, value: str) -> str:
        try:
            return known(value)
        except MlopsError as error:
            raise ValueError(str(error)) from error

    @field_validator("beats_dummy_by", mode="before")
    @classmethod
    def _share(cls, value: Any) -> Any:
        return share(value)

    @model_validator(mode="before")
    @classmethod
    def _off_is_a_word(cls, value: Any) -> Any:
        """YAML 1.1 reads a bare `off` as False."""
        modes = value.get("modes") if isinstance(value, dict) else None
        for mode in modes.values() if isinstance(modes, dict) else ():
            if isinstance(mode, dict) and mode.get("mode") is False:
                mode["mode"] = "off"
        return value

    @property
    def slice_margin(self) -> float:
        """A slice's margin, in units of the metric."""
        return self.slices.margin or 3 * self.margin

    def mode(self, gate: str) -> Literal["block", "warn", "off"]:
        """What a *no* of this gate does."""
        found = self.modes.get(gate)  # type: ignore[call-overload]
        return found.mode if found else "block"


def share(value: Any) -> Any:
    """Read "10%" as 0.1; anything else is left to the type."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return float(value.strip().removesuffix("%")) / 100
    return value


def parse(text: str, where: str = "gates.yaml") -> Gates:
    """Read the text of a gates.yaml.

    Raises:
        MlopsError: It is not valid YAML, a key is not one of ours, or a value breaks its rule.
    """
    try:
        return Gates.model_validate(read_yaml(text, where))
    except ValidationError as error:
        raise MlopsError(f"{where}: {_words(error)}") from error


def _words(error: ValidationError) -> str:
    # A misspelt key comes first: it explains the one that is missing.
    first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"] if part != "[key]"]
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        return f"{key!r} is not a gate of this version. {did_you_mean(path[-1], _keys(path[:-1]))}"
    if first["type"] == "missing":
        return f"{key!r} is missing. Add it, for example as in docs/reference/gates.md."
    return f"{key or 'the file'}: {first['msg'].removeprefix('Value error, ')} (not {first['input']!r})."


def _keys(path: list[str]) -> list[str]:
    """List the keys that may stand at a place."""
    parts: dict[str, type[BaseModel]] = {
        "slices": Slices,
        "fairness": Fairness,
        "calibration": Calibration,
        "cost": Cost,
        "behaviour": Expectation,
        "modes": Mode,
        "overrides": Override,
    }
    return list((parts[path[0]] if path else Gates).model_fields)
