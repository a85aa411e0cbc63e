"""The request and the answer of `/feedback`, as JSON Schema for OpenAPI."""

from __future__ import annotations

from typing import get_args

from mlops.contract.model import Contract
from mlops.contract.task import Task
from mlops.serving.body import MAX_ROWS
from mlops.serving.feedback import Result
from mlops.serving.schema import TYPES, Schema
from mlops.serving.token import LONGEST


def outcomes_schema(contract: Contract, task: Task) -> Schema:
    """Describe the body of a request."""
    outcome = dict(TYPES[contract.target.kind])
    if task.task != "regression" and not any(rule.kind == "enum" for rule in contract.target.rules):
        outcome["enum"] = list(task.classes)
    name = {"type": "string", "maxLength": LONGEST, "description": "As `/predict` gave it, unchanged."}
    item = {
        "type": "object",
        "properties": {"prediction_id": name, "outcome": outcome},
        "required": ["prediction_id", "outcome"],
        "additionalProperties": False,
    }
    items = {"type": "array", "items": item, "minItems": 1, "maxItems": MAX_ROWS}
    return {
        "type": "object",
        "properties": {"outcomes": items},
        "required": ["outcomes"],
        "additionalProperties": False,
    }


def results_schema() -> Schema:
    """Describe the body of an answer."""
    result = {"type": "string", "enum": list(get_args(Result))}
    item = {
        "type": "object",
        "properties": {"result": result, "detail": {"type": "string"}},
        "required": ["result"],
    }
    items = {"type": "array", "items": item, "description": "One an outcome, in the order of the outcomes."}
    return {"type": "object", "properties": {"results": items}, "required": ["results"]}
