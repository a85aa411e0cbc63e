"""One expectation of how predictions behave, as `gates.yaml` declares it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mlops.contract.near import did_you_mean

Scalar = bool | int | float | str
NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
SCALE = re.compile(rf"\*\s*({NUMBER})")
SHIFT = re.compile(rf"([+-])\s*({NUMBER})(s|min|h|d|w)?")
PERCENT = re.compile(rf"({NUMBER})\s*%")
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
CHANGES = '"*1.02", "+5", "-5", "+1d" (s, min, h, d, w), swap, missing, or {to: value}'


class Part(BaseModel):
    """A part of the bar: no key pretends."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True)


class Change(Part):
    """What is done to a column: `amount` is a factor, a number to add, or seconds to add; `text` is how it was written.

    `unit` says that a shift moves times.
    """

    how: Literal["scale", "shift", "swap", "missing", "to"]
    text: str
    amount: float = 0.0
    unit: str | None = None
    value: Scalar | None = None

    @model_validator(mode="before")
    @classmethod
    def _written(cls, raw: Any) -> Any:
        if isinstance(raw, dict):
            _only(raw, ("to",))
            value = _plain(raw.get("to"))
            return {"how": "to", "text": f"to {value!r}", "value": value} if "to" in raw else _no_change(raw)
        if raw in ("swap", "missing"):
            return {"how": raw, "text": raw}
        if isinstance(raw, str) and (found := SCALE.fullmatch(raw)):
            return {"how": "scale", "text": raw, "amount": float(found[1])}
        if isinstance(raw, str) and (found := SHIFT.fullmatch(raw)):
            amount = float(found[1] + found[2]) * SECONDS.get(found[3], 1.0)
            return {"how": "shift", "text": raw, "amount": amount, "unit": found[3]}
        return _no_change(raw)


class Condition(Part):
    """Which values of a column are meant: one of some (None is null), or a range with both ends."""

    one_of: tuple[Scalar | None, ...] = ()
    min: Scalar | None = None
    max: Scalar | None = None

    @model_validator(mode="before")
    @classmethod
    def _written(cls, raw: Any) -> Any:
        if isinstance(raw, dict):
            _only(raw, ("min", "max"))
            found = {key: _plain(value) for key, value in raw.items() if value is not None}
        else:
            found = {"one_of": [_plain(value) for value in (raw if isinstance(raw, list) else [raw])]}
        if not any(map(len, found.values())) if "one_of" in found else not found:
            raise ValueError("no value is meant; write a value, a list of values, or {min: 1, max: 2}")
        return found


class Prediction(Part):
    """What must be true of the prediction: the probability of a class, or the value of a regression.

    `relative` says that `within` is a share of the prediction.
    """

    within: float | None = Field(default=None, ge=0)
    relative: bool = False
    never: Literal["falls", "rises"] | None = None
    by: float = Field(default=0.0, ge=0)
    same: Literal["label"] | None = None
    at_least: float | None = None
    at_most: float | None = None
    label: Scalar | None = None
    of: Scalar | None = Field(default=None, alias="class")

    @model_validator(mode="before")
    @classmethod
    def _written(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            raise ValueError("write a mapping, for example {within: 0.1}")
        _only(raw, [field.alias or name for name, field in cls.model_fields.items() if name != "relative"])
        found = PERCENT.fullmatch(str(raw.get("within")))
        return {**raw, "within": float(found[1]) / 100, "relative": True} if found else raw

    @model_validator(mode="after")
    def _one_question(self) -> Prediction:
        asked = [self.within is not None, bool(self.never), bool(self.same), self.bounded, self.label is not None]
        if sum(asked) != 1:
            raise ValueError("ask one thing: within, never, same, label, or at_least and at_most")
        if self.by and not self.never:
            raise ValueError("`by` is the tolerance of `never`; write it beside it")
        if self.of is not None and (self.same or self.label is not None):
            raise ValueError("`class` names whose probability is meant; beside `same` or `label` it says nothing")
        return self

    @property
    def bounded(self) -> bool:
        """Whether the prediction has to lie on one side of a number."""
        return self.at_least is not None or self.at_most is not None

    @property
    def compares(self) -> bool:
        """Whether the prediction before a change matters."""
        return not self.bounded and self.label is None


class Expectation(Part):
    """See docs/reference/gates.md, "Behaviour"."""

    name: str = ""
    column: str | None = None
    change: Change | None = None
    where: dict[str, Condition] = Field(default_factory=dict)
    prediction: Prediction
    allow: float = Field(default=0.0, ge=0, lt=1)

    @field_validator("allow", mode="before")
    @classmethod
    def _share(cls, value: Any) -> Any:
        found = PERCENT.fullmatch(value) if isinstance(value, str) else None
        return float(found[1]) / 100 if found else value

    @model_validator(mode="after")
    def _whole(self) -> Expectation:
        if (self.column is None) != (self.change is None):
            raise ValueError("`column` and `change` belong together")
        if self.change is None and self.prediction.compares:
            raise ValueError("`within`, `never` and `same` need a `column` and its `change`")
        return self


def _no_change(raw: Any) -> Any:
    quote = f'; quote a number: "{raw:+}"' if isinstance(raw, int | float) and not isinstance(raw, bool) else ""
    raise ValueError(f"no change; write {CHANGES}{quote}")


def _only(raw: dict[Any, Any], known: Iterable[str]) -> None:
    options = list(known)
    for key in raw:
        if key not in options:
            raise ValueError(f"unknown key {key!r}. {did_you_mean(key, options)}")


def _plain(value: Any) -> Any:
    """Write what YAML reads as a date the way it was written."""
    return value.isoformat() if isinstance(value, date) else value
