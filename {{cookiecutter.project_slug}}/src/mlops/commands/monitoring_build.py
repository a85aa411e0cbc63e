"""`mlops monitoring build`: rules and dashboard, written into the chart."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlops.commands.words import say
from mlops.contract.errors import Refused
from mlops.data.boundary import duration
from mlops.monitoring import build as made
from mlops.monitoring import dashboard
from mlops.monitoring.settings import load, spoken
from mlops.pipeline.params import load as load_params
from mlops.settings import Settings, find

DAY = np.timedelta64(1, "D")


def build(*, check: bool) -> None:
    """Write rules.yaml and dashboard.json, or with `check` compare them with what would be written."""
    settings = find()
    found = {
        made.RULES: made.text(load(settings.root), _label_delay(settings)),
        made.DASHBOARD: dashboard.text(),
    }
    stale = [path for path, text in found.items() if _read(settings, path) != text.encode()]
    if check and stale:
        names = " and ".join(map(str, stale))
        raise Refused(f"{names}: not what `mlops monitoring build` writes. Run it, and commit.")
    for path in stale:
        (settings.root / path).parent.mkdir(parents=True, exist_ok=True)
        (settings.root / path).write_text(found[path], encoding="utf-8")
    for path in found:
        say(f"{path}: {'written' if path in stale else 'up to date'}.")


def _read(settings: Settings, path: Path) -> bytes | None:
    file = settings.root / path
    return file.read_bytes() if file.is_file() else None


def _label_delay(settings: Settings) -> str:
    """Read how long an outcome may take, in words of Prometheus: at least a day, as it has to be sent, too."""
    delay: np.timedelta64 = DAY
    if (settings.root / "params.yaml").is_file():
        delay = duration(load_params(settings.root).label_delay, "label_delay")
    return spoken(int(max(delay, DAY).astype("timedelta64[s]").astype(int)))
