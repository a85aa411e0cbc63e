"""One JSON object a line on standard output, with the field names of the Elastic Common Schema (ECS).

Names of columns appear there, their values never, nor any other text of a client that could hold one. What ECS has no
field for stands under `mlops.`.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

ECS_VERSION = "8.17.0"
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
_service = {"ecs.version": ECS_VERSION, "service.name": os.environ.get("OTEL_SERVICE_NAME") or "mlops"}


def event(action: str, level: str = "info", message: str = "", **fields: Any) -> None:
    """Write one line; callers pass no value of a row.

    Args:
        action: What happens, ECS `event.action`.
        level: `info`, `warning` or `error`.
        message: The same for people; the action where there is none.
        fields: Further ones: as they are where the name has a dot, else under `mlops.`.
    """
    named = {name if "." in name else f"mlops.{name}": value for name, value in fields.items()}
    write(level, message or action, {"event.action": action, **named})


def write(level: str, message: str, fields: dict[str, Any]) -> None:
    """Write one line with fields of ECS."""
    head = _encode({"log.level": level, "message": message, **_service, **fields})
    try:
        sys.stdout.write(f'{{"@timestamp": "{_stamp()}", {head[1:]}\n')
        sys.stdout.flush()
    except OSError:
        # Whoever read the log is gone; that is no reason to fail a request, or the end.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115


def _stamp() -> str:
    now = time.time()
    return f"{_second(int(now))}.{int(now % 1 * 1000):03d}Z"


@lru_cache(maxsize=1)
def _second(now: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))


def serves(release: str) -> None:
    """Name the release in every line from here on."""
    _service["service.version"] = release


class JsonHandler(logging.Handler):
    """Turn what libraries log into the same lines, without their tracebacks: these quote values."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        error = record.exc_info[0] if record.exc_info else None
        fields = {"log.logger": record.name} | ({"error.type": error.__name__} if error else {})
        event("library", record.levelname.lower(), record.getMessage(), **fields)


def take_over() -> None:
    """Route the warnings of every library through `event`."""
    logging.basicConfig(level=logging.WARNING, handlers=[JsonHandler()], force=True)
