"""The request and the answer of `/predict`, derived from the contract, as JSON Schema for OpenAPI."""

from __future__ import annotations

from typing import Any

from mlops.contract.model import Column, Contract, Kind, Rule, Scalar
from mlops.contract.task import Task
from mlops.serving.body import MAX_ROWS

Schema = dict[str, Any]

TYPES: dict[Kind, Schema] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
}
WORDS = {
    "enum": "one of",
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "multipleOf": "a multiple of",
    "minLength": "length at least",
    "maxLength": "length at most",
    "pattern": "matching",
}


def request_schema(contract: Contract) -> Schema:
    """Describe the body of a request by the roles of the contract's columns."""
    row = {
        "type": "object",
        "additionalProperties": False,
        "properties": {column.name: column_schema(contract, column) for column in contract.requested},
        "required": [column.name for column in contract.requested if column.required_in_request],
    }
    rows = {"type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS}
    return {"type": "object", "properties": {"rows": rows}, "required": ["rows"], "additionalProperties": False}


def column_schema(contract: Contract, column: Column) -> Schema:
    """Describe the values of one column.

    A rule that is only warned about stays out of the schema's own keywords, so that a generated client does not
    refuse what the server answers; it is told in words and, whole, under `x-expected`.
    """
    schema = dict(TYPES[column.kind])
    rules = [rule for rule in column.rules if rule.kind in WORDS]
    if not column.required_in_request:
        schema["type"] = [schema["type"], "null"]
    schema |= {rule.kind: _value(rule) for rule in rules if rule.serving == "reject"}
    expected: Schema = {rule.kind: _value(rule) for rule in rules if rule.serving == "warn"}
    if expected:
        schema["x-expected"] = expected
    description = _description(contract, column, expected)
    return schema | ({"description": description} if description else {})


def response_schema(contract: Contract, task: Task) -> Schema:
    """Describe the body of an answer by the task."""
    prediction: Schema = {"prediction": _label(contract, task)}
    if task.task == "binary":
        positive = _text(task.classes[1])
        prediction["probability"] = {"type": "number", "description": f"Probability of {positive}."}
    if task.task == "multiclass":
        shares = {_text(label): {"type": "number"} for label in task.classes}
        prediction["probabilities"] = {"type": "object", "properties": shares}
    if contract.id_column:
        prediction["id"] = {"description": f"The row's {contract.id_column.name!r}, where it had one."}
    always = [name for name in prediction if name != "id"]
    told = "What `/feedback` knows the prediction by; only where the server has a key."
    prediction["prediction_id"] = {"type": "string", "description": told}
    item = {"type": "object", "properties": prediction, "required": always}
    warning = {"type": "object", "description": "A value outside what the model was trained on."}
    answer = {
        "predictions": {"type": "array", "items": item, "description": "One a row, in the order of the rows."},
        "release": {"type": ["string", "null"], "description": "Id of the release that answered."},
        "warnings": {"type": "array", "items": warning},
    }
    return {"type": "object", "properties": answer, "required": list(answer)}


def _label(contract: Contract, task: Task) -> Schema:
    if task.task == "regression":
        return {"type": "number"}
    return {"type": TYPES[contract.target.kind]["type"], "enum": list(task.classes)}


def _description(contract: Contract, column: Column, expected: Schema) -> str:
    parts = [column.description]
    if column.kind == "timestamp":
        parts.append(f"Without an offset it is read in {contract.timezone.key}.")
    if "id" in column.roles:
        parts.append("Echoed in the answer.")
    if expected:
        rules = ", ".join(f"{WORDS[kind]} {_told(value)}" for kind, value in expected.items())
        parts.append(f"Expected: {rules}; anything else is answered with a warning.")
    return " ".join(part.strip() for part in parts if part.strip())


def _value(rule: Rule) -> Any:
    return list(rule.value) if isinstance(rule.value, tuple) else rule.value


def _told(value: Any) -> str:
    return ", ".join(_text(item) for item in value) if isinstance(value, list) else _text(value)


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
