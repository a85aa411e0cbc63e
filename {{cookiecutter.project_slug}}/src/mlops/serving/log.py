"""One JSON object a line on standard output. Names of columns appear there, their values never."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def event(name: str, level: str = "info", **fields: Any) -> None:
    """Write one line; callers pass no value of a row."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": stamp, "level": level, "event": name, **fields}, ensure_ascii=False, default=str)
    try:
        print(line, flush=True)
    except OSError:
        # Whoever read the log is gone; that is no reason to fail a request, or the end.
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115


class JsonHandler(logging.Handler):
    """Turn what libraries log into the same lines, without their tracebacks: these quote values."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        error = record.exc_info[0] if record.exc_info else None
        fields = {"error": error.__name__} if error else {}
        event("library", record.levelname.lower(), logger=record.name, message=record.getMessage(), **fields)


def take_over() -> None:
    """Route the warnings of every library through `event`."""
    logging.basicConfig(level=logging.WARNING, handlers=[JsonHandler()], force=True)
