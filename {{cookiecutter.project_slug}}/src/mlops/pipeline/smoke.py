"""The smoke test of a bundle, `smoke.json`: rows made from the contract, never real ones, and their answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlops.contract.columns import Json
from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.contract.request import Checker
from mlops.contract.task import Task
from mlops.pipeline.plausible import values
from mlops.pipeline.stage import write_json
from mlops.serving.examples import NAME
from mlops.serving.predictor import Predictor
from mlops.serving.scorer import HALF

FULL = 5
# A label that hangs on less than this may be another one on another machine, and proves nothing.
CLEAR = 1e-3
Row = dict[str, Json]


def write(folder: Path) -> str:
    """Write the smoke test of a bundle that is there already.

    Returns:
        Why it has no row; "" where it has some.
    """
    predictor = Predictor.load(folder)
    made = rows(predictor.scorer.contract)
    told = [(row, answer) for row in made if (answer := _answer(predictor, row)) is not None]
    write_json(folder / NAME, {"rows": [row for row, _ in told], "predictions": [answer for _, answer in told]})
    if told:
        return ""
    return "the model answers no row made from the contract" if made else lacking(predictor.scorer.contract)


def rows(contract: Contract) -> list[Row]:
    """Make requests of one row from a contract, each without a reason to refuse it.

    The first has only what is required, the last every other optional column null; those between go through the
    values of each column, so that ends and middles meet. Empty where a required column has no value.
    """
    if lacking(contract):
        return []
    asked = _asked(contract)
    choices = {column.name: values(contract, column) or [None] for column in asked}
    full = [
        {name: _turn(found, at + number) for at, (name, found) in enumerate(choices.items())} for number in range(FULL)
    ]
    least = {column.name: choices[column.name][0] for column in asked if column.required_in_request}
    optional = [column.name for column in asked if not column.required_in_request]
    made = [least, *full, {**full[0], **dict.fromkeys(optional[::2])}]
    checker = Checker(contract)
    return [row for at, row in enumerate(made) if row not in made[:at] and not checker.check([row]).refusals]


def lacking(contract: Contract) -> str:
    """Say which required columns have rules that no made value keeps; "" if none."""
    names = [c.name for c in _asked(contract) if c.required_in_request and not values(contract, c)]
    return f"no value could be made for {', '.join(map(repr, names))}" if names else ""


def _asked(contract: Contract) -> list[Column]:
    return [c for c in contract.requested if c.is_input or c.required_in_request or "id" in c.roles]


def _turn(found: list[Json], at: int) -> Json:
    return found[at % len(found)]


def _answer(predictor: Predictor, row: Row) -> dict[str, Any] | None:
    try:
        answered = json.loads(predictor.answer(json.dumps({"rows": [row]}).encode()))
    except MlopsError:
        return None
    (prediction,) = answered["predictions"]
    return expected(predictor.scorer.task, prediction)


def expected(task: Task, prediction: dict[str, Any]) -> dict[str, Any]:
    """Round the numbers of an answer, and leave out a label that is not clear."""
    if task.task == "regression":
        return {**prediction, "prediction": _rounded(prediction["prediction"])}
    told = {name: _rounded(value) for name, value in prediction.items() if name.startswith("probabilit")}
    rest = {name: value for name, value in prediction.items() if name not in told}
    if not _clear(task, prediction):
        del rest["prediction"]
    return {**rest, **told}


def _clear(task: Task, prediction: dict[str, Any]) -> bool:
    if task.task == "binary":
        threshold = HALF if task.threshold is None else task.threshold
        return bool(abs(prediction["probability"] - threshold) > CLEAR)
    first, second, *_ = [*sorted(prediction["probabilities"].values(), reverse=True), 0.0, 0.0]
    return bool(first - second > CLEAR)


def _rounded(value: Any) -> Any:
    """Cut off what another machine may compute in another way; a tenth of what the comparison lets pass."""
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, 5) if abs(value) <= 1 else float(f"{value:.6g}")
