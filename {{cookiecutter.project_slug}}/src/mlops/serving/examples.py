"""The examples of a bundle, `smoke.json`: rows that were made for it, and what its model answers to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.serving.body import Refusal

NAME = "smoke.json"
TOLERANCE = 1e-4
Example = tuple[dict[str, Any], dict[str, Any]]


def read_examples(path: Path) -> list[Example]:
    """Read the rows and the predictions that are due.

    Raises:
        MlopsError: The file is missing or has another form.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [(dict(row), dict(due)) for row, due in zip(document["rows"], document["predictions"], strict=True)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MlopsError(f"{path}: no readable rows and predictions ({error!r}). Run `dvc repro train`.") from error


def require_expected(answer: Callable[[bytes], bytes], bundle: Path) -> None:
    """Let a model answer its own examples before anybody else's rows.

    Args:
        answer: From the body of a request to the body of its answer.
        bundle: The folder that `train` wrote; one from before there were examples has none.

    Raises:
        MlopsError: An answer is not the expected one: here, with these packages, on this processor.
    """
    path = bundle / NAME
    for number, (row, due) in enumerate(read_examples(path) if path.exists() else []):
        try:
            (found,) = json.loads(answer(json.dumps({"rows": [row]}).encode()))["predictions"]
        except Refusal as refusal:
            raise MlopsError(f"{path}: row {number} is refused: {refusal.detail}. Run `dvc repro train`.") from refusal
        faults = [fault for key, value in due.items() for fault in differences(key, value, found.get(key))]
        if faults:
            raise MlopsError(f"{path}: row {number}: {'; '.join(faults)}. In training the model answered otherwise.")


def differences(where: str, due: Any, found: Any) -> Iterator[str]:
    """Say where an answer differs: fractions by more than 1e-4 * max(1, |due|), all else at all."""
    if isinstance(due, dict) and isinstance(found, dict):
        for key in sorted(due.keys() | found.keys()):
            yield from differences(f"{where} of {key!r}", due.get(key), found.get(key))
    elif isinstance(due, float) and isinstance(found, float):
        if not abs(found - due) <= TOLERANCE * max(1.0, abs(due)):
            yield f"{where} is {found!r}, expected {due!r}"
    elif due != found or type(due) is not type(found):
        yield f"{where} is {found!r}, expected {due!r}"
