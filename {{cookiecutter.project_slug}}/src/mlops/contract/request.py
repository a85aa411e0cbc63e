"""Judges the rows of a request by the contract: what is refused, what is answered with a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from mlops.contract.columns import Columns, Json, convert
from mlops.contract.limits import breaches, nulls
from mlops.contract.model import Column, Contract, Rule
from mlops.contract.near import did_you_mean

Array = np.ndarray[Any, Any]
# A body of 8 MB has room for a million unknown names, and to look for the nearest known one of each takes a minute.
MOST_UNKNOWN = 1000
HINTS = 20


@dataclass(frozen=True)
class Finding:
    """What is wrong with one value; `value` is its repr, None where the column is restricted.

    `rule` says it to people, `kind` names it in one word.
    """

    row: int
    column: str
    value: str | None
    rule: str
    kind: str

    @property
    def place(self) -> tuple[str, str]:
        """The column and the kind; without the column where that is the client's text."""
        return ("" if self.kind == "unknown" else self.column), self.kind

    def __str__(self) -> str:
        shown = f" {self.value}" if self.value is not None else ""
        return f"row {self.row}: column {self.column!r}:{shown} {self.rule}"


@dataclass(frozen=True)
class Checked:
    """A request, judged. `columns` holds the inputs (a refused value is null in it), `ids` what is echoed."""

    refusals: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    columns: Columns
    ids: tuple[Json, ...] | None


class Checker:
    """The contract, made ready to judge many requests."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.requested = contract.requested
        self.inputs = frozenset(column.name for column in contract.inputs)
        self.known = frozenset(column.name for column in self.requested)
        self.id = contract.id_column.name if contract.id_column else None

    def check(self, rows: Sequence[Mapping[str, Json]]) -> Checked:
        """Judge the rows of a request.

        Args:
            rows: one mapping of column to JSON value per row.
        """
        refusals = list(islice(self._unknown(rows), MOST_UNKNOWN))
        warnings: list[Finding] = []
        columns: Columns = {}
        for column in self.requested:
            values = [given.get(column.name) for given in rows]
            array, refused, warned = self._column(column, values)
            refusals += refused
            warnings += warned
            if column.name in self.inputs:
                columns[column.name] = array
        ids = None if self.id is None else tuple(given.get(self.id) for given in rows)
        return Checked(_in_order(refusals), _in_order(warnings), columns, ids)

    def _unknown(self, rows: Sequence[Mapping[str, Json]]) -> Iterator[Finding]:
        told = 0
        for row, given in enumerate(rows):
            for name in given:
                if name not in self.known:
                    told += 1
                    yield Finding(row, _cut(name), None, *self._why_not(name, hint=told <= HINTS))

    def _why_not(self, name: str, *, hint: bool) -> tuple[str, str]:
        for column in self.contract.columns:
            if column.name == name:
                role = "the target" if "target" in column.roles else "excluded"
                return f"is {role} and has no place in a request. Leave it out.", "unwanted"
        near = f" {did_you_mean(_cut(name), [column.name for column in self.requested])}" if hint else ""
        return f"is no column of the contract.{near}", "unknown"

    def _column(self, column: Column, values: list[Json]) -> tuple[Array, list[Finding], list[Finding]]:
        array, bad = convert(self.contract, column, values)
        refused = [_finding(column, item.row, item.value, f"{item.rule}.", "type") for item in bad]
        if column.required_in_request:
            known_bad = {item.row for item in bad}
            missing = [int(row) for row in np.flatnonzero(nulls(array)) if row not in known_bad]
            refused += [
                Finding(row, column.name, None, "is required but missing or null.", "missing") for row in missing
            ]
        warned: list[Finding] = []
        for rule in column.rules:
            if rule.kind != "unique":
                found = _broken(column, rule, array, values)
                (refused if rule.serving == "reject" else warned).extend(found)
        return array, refused, warned


def check(contract: Contract, rows: Sequence[Mapping[str, Json]]) -> Checked:
    """Judge the rows of one request; a server keeps a `Checker`."""
    return Checker(contract).check(rows)


def _broken(column: Column, rule: Rule, array: Array, values: list[Json]) -> list[Finding]:
    rows = np.flatnonzero(breaches(rule, column.kind, array))
    return [_finding(column, int(row), values[row], wording(rule), rule.kind) for row in rows]


def wording(rule: Rule) -> str:
    """Say what a value that breaks a rule is, for a request."""
    if rule.kind == "enum" and isinstance(rule.value, tuple):
        listed = ", ".join(map(repr, rule.value[:10])) + (", …" if len(rule.value) > 10 else "")
        return f"is not one of {listed}."
    return {
        "minimum": f"is below minimum {rule.value!r}.",
        "maximum": f"is above maximum {rule.value!r}.",
        "exclusiveMinimum": f"is not above {rule.value!r}.",
        "exclusiveMaximum": f"is not below {rule.value!r}.",
        "multipleOf": f"is not a multiple of {rule.value!r}.",
        "minLength": f"is shorter than {rule.value!r} characters.",
        "maxLength": f"is longer than {rule.value!r} characters.",
        "pattern": f"does not match the pattern {rule.value!r}.",
    }[rule.kind]


def _finding(column: Column, row: int, value: Any, rule: str, kind: str) -> Finding:
    return Finding(row, column.name, None if column.restricted else _shown(value), rule, kind)


def _shown(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.row))
