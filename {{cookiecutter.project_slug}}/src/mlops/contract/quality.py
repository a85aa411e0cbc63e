"""Reads the quality rules that count over a whole batch: of the table, and of its columns."""

from __future__ import annotations

import math

from open_data_contract_standard.model import DataQuality, SchemaObject

from mlops.contract.custom import choice, custom
from mlops.contract.errors import MlopsError
from mlops.contract.model import TableRule

OPERATORS = tuple(name for name in DataQuality.model_fields if name.startswith("must"))
COLUMN_METRICS = ("nullValues", "duplicateValues", "invalidValues")
TABLE_METRICS = ("rowCount", "duplicateValues")


def table_rules(table: SchemaObject, where: str) -> tuple[TableRule, ...]:
    """List the quality rules that count over a whole batch: the table's, then each column's."""
    rules = [
        _table_rule(quality, None, TABLE_METRICS, f"{where}: table {table.name!r}") for quality in table.quality or ()
    ]
    for column in table.properties or ():
        here = f"{where}: column {column.name!r}"
        rules += [_table_rule(quality, column.name, COLUMN_METRICS, here) for quality in column.quality or ()]
    return tuple(rule for rule in rules if rule is not None)


def _table_rule(quality: DataQuality, column: str | None, metrics: tuple[str, ...], here: str) -> TableRule | None:
    kind = choice(quality.type or "library", ("library", "text"), "the type of a quality rule", here)
    if kind == "text":
        return None
    if quality.metric == "missingValues":
        raise MlopsError(
            f"{here}: the metric 'missingValues' is not supported. Write `metric: nullValues`, or `required: true`."
        )
    metric = choice(quality.metric, metrics, "metric", here)
    if metric == "invalidValues":
        return None
    if quality.arguments:
        raise MlopsError(f"{here}: `{metric}` with arguments {quality.arguments!r} is not supported. Remove them.")
    if "serving" in custom(quality.customProperties, ("severity", "serving"), here):
        raise MlopsError(f"{here}: `{metric}` counts over a batch and has no say in a request. Remove `serving`.")
    op, value = comparison(quality, here)
    own = custom(quality.customProperties, ("severity", "serving"), here)
    severity = choice(quality.severity or own.get("severity", "error"), ("error", "warning"), "severity", here)
    unit = choice(quality.unit or "rows", ("rows", "percent"), "unit", here)
    if metric == "rowCount" and unit == "percent":
        raise MlopsError(f"{here}: `rowCount` in percent has no meaning. Write `unit: rows`.")
    return TableRule(metric, op, value, unit, column, severity)


def comparison(quality: DataQuality, here: str) -> tuple[str, float | tuple[float, float]]:
    """Read the one comparison of a quality rule: its name and its number or numbers.

    Raises:
        MlopsError: There is none, more than one, or one with something that is no number.
    """
    given = {name: value for name in OPERATORS if (value := getattr(quality, name)) is not None}
    if len(given) != 1:
        raise MlopsError(
            f"{here}: `{quality.metric}` has {len(given)} comparisons {list(given)!r}; it needs one, "
            "such as `mustBeLessThan: 5`."
        )
    ((op, value),) = given.items()
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(item, bool) or not isinstance(item, int | float) or not math.isfinite(item) for item in numbers):
        raise MlopsError(f"{here}: `{op}` is {value!r}, not a number. Correct it.")
    if isinstance(value, list):
        if len(value) != 2 or value[0] > value[1]:
            raise MlopsError(f"{here}: `{op}` is {value!r}. Write the lower and the upper limit, such as `[5, 10]`.")
        return op, (float(value[0]), float(value[1]))
    return op, float(value)
