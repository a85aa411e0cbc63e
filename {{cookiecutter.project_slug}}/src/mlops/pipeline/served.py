"""What the project's bundle says, where the server runs it."""

from __future__ import annotations

import numpy as np

from mlops import scoring
from mlops.contract.columns import Json
from mlops.environment import serving_python
from mlops.pipeline.measures import Floats
from mlops.settings import Settings

Raw = dict[str, list[Json]]


def serve(settings: Settings, raw: Raw, n: int, *flags: str) -> Floats:
    """Score rows with the project's bundle in an environment with requirements/serve.txt alone."""
    python = serving_python(settings.root / "requirements" / "serve.txt", settings.cache / "envs")
    return np.asarray(scoring.score(settings.bundle, settings.root / "src", python, raw, n, *flags))
