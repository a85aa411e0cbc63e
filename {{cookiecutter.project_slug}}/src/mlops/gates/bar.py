"""The bar: `gates.yaml`, as it stands on the base branch and in the pull request."""

from __future__ import annotations

import difflib
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mlops.contract.errors import MlopsError
from mlops.pipeline.measures import known


class Gates(BaseModel):
    """What "good enough" means; closed, so that no key pretends.

    `margin` is in units of the metric, `beats_dummy_by` a share of the way from the dummy's score to the best possible.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    metric: str
    margin: float = Field(gt=0, allow_inf_nan=False)
    when_unsure: Literal["warn", "block"] = "warn"
    beats_dummy_by: float = Field(0.0, ge=0, le=1)

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
        if isinstance(value, str) and value.strip().endswith("%"):
            return float(value.strip().removesuffix("%")) / 100
        return value


def parse(text: str, where: str = "gates.yaml") -> Gates:
    """Read the text of a gates.yaml.

    Raises:
        MlopsError: It is not valid YAML, a key is not one of ours, or a value breaks its rule.
    """
    try:
        return Gates.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise MlopsError(f"{where}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise MlopsError(f"{where}: {_words(error)}") from error


def _words(error: ValidationError) -> str:
    # A misspelt key comes first: it explains the one that is missing.
    first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Gates.model_fields, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(Gates.model_fields)}."
        return f"{key!r} is not a gate of this version. {hint}"
    if first["type"] == "missing":
        return f"{key!r} is missing. Add it, for example as in docs/reference/gates.md."
    return f"{key or 'the file'}: {first['msg'].removeprefix('Value error, ')} (not {first['input']!r})."
