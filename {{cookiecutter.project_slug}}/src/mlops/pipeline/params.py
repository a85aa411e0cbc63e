"""The numbers of the pipeline: `params.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mlops.contract.errors import MlopsError
from mlops.contract.text import read_yaml
from mlops.pipeline.texts import read_own

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Maximize(BaseModel):
    """A threshold that is found: the one with the best score on training folds."""

    model_config = ConfigDict(extra="forbid")
    maximize: str


class Split(BaseModel):
    """How rows are held out."""

    model_config = ConfigDict(extra="forbid")
    method: Literal["time", "random", "group"]
    test: str = "20%"
    seed: int = 0


class Window(BaseModel):
    """How many of the newest training batches are used."""

    model_config = ConfigDict(extra="forbid")
    sliding: int


class Monitoring(BaseModel):
    """What the reference profile holds beside each input as a whole."""

    model_config = ConfigDict(extra="forbid")
    slices: list[str] = []
    bins: int = Field(default=10, ge=2, le=50)


class Params(BaseModel):
    """The content of params.yaml, closed: a key that nothing reads is an error."""

    model_config = ConfigDict(extra="forbid")
    task: Literal["binary", "multiclass", "regression"]
    positive: bool | int | float | str | None = None
    threshold: Probability | Maximize = 0.5
    label_delay: str = "0d"
    split: Split
    window: Literal["expanding"] | Window = "expanding"
    monitoring: Monitoring = Monitoring()
    model: dict[str, Any] = {}

    @property
    def window_setting(self) -> str | dict[str, int]:
        """The window as plain values."""
        return self.window if isinstance(self.window, str) else self.window.model_dump()


def parse(text: str, where: str = "params.yaml") -> Params:
    """Read the text of a params.yaml.

    Raises:
        MlopsError: It is not valid YAML, or a key or value is not one of ours.
    """
    found = read_yaml(text, where)
    try:
        return Params.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise MlopsError(f"{where}: {key}: {first['msg']}, not {first['input']!r}. Correct it.") from error


def load(root: Path) -> Params:
    """Read the project's params.yaml.

    Raises:
        MlopsError: It is missing or not valid.
    """
    return parse(read_own(root, "params.yaml"))
