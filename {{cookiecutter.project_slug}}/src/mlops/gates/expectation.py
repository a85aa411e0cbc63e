"""One expectation of how predictions behave, as `gates.yaml` declares it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Expectation(BaseModel):
    """See docs/reference/gates.md, "Behaviour"."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    name: str = ""
    column: str | None = None
    change: Any = None
    prediction: dict[str, Any]
