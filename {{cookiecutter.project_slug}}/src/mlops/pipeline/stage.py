"""What every stage of dvc.yaml does around its work: the right Python, one line of result, no traceback."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.settings import Settings, find


def run(name: str, work: Callable[[Settings], str]) -> None:
    """Run a stage and exit: 0 done, 1 the data or model is refused, 2 it could not be done."""
    start = time.monotonic()
    try:
        settings = find()
        check_python(settings.root)
        print(f"{name}: {work(settings)} ({time.monotonic() - start:.1f} s)", flush=True)
    except MlopsError as error:
        if os.environ.get("MLOPS_DEBUG"):
            raise
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        raise SystemExit(error.exit_code) from error
    except Exception as error:  # Python would exit with 1, which says that the data is refused
        traceback.print_exc()
        raise SystemExit(MlopsError.exit_code) from error


def check_python(root: Path) -> None:
    """Refuse to run with another Python than `.python-version` names: it is part of each stage's cache key.

    Raises:
        MlopsError: The versions differ.
    """
    path = root / ".python-version"
    wanted = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if wanted and wanted != running:
        raise MlopsError(f".python-version says {wanted!r}, but Python {running} runs this. Run `make setup`.")


def write_json(path: Path, content: Any) -> None:
    """Write JSON that is the same bytes for the same content.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
