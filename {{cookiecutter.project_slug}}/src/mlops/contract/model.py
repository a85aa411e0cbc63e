"""What a contract says, as values: columns with their roles and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from mlops.contract.errors import MlopsError

Kind = Literal["number", "integer", "boolean", "string", "date", "timestamp"]
Severity = Literal["error", "warning"]
Serving = Literal["warn", "reject"]
Scalar = str | int | float | bool
RuleKind = Literal[
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "unique",
]

ROLES = frozenset({"time", "slice", "protected", "input", "id", "group", "target", "excluded"})
NEVER_INPUT = frozenset({"id", "group", "target", "excluded"})
NEVER_REQUESTED = frozenset({"target", "excluded"})
OPTIONAL_IN_REQUEST = frozenset({"protected", "id", "group"})


@dataclass(frozen=True)
class Rule:
    """One limit on the values of a column.

    `severity` is what a breach means in a training batch, `serving` what it means in a request.
    """

    kind: RuleKind
    value: Scalar | tuple[Scalar, ...]
    severity: Severity = "error"
    serving: Serving = "warn"


@dataclass(frozen=True)
class TableRule:
    """One limit on a whole batch: a count or a share of rows compared with a value (`op` is ODCS's `mustBe…`)."""

    metric: str
    op: str
    value: float | tuple[float, float]
    unit: Literal["rows", "percent"] = "rows"
    column: str | None = None
    severity: Severity = "error"


@dataclass(frozen=True)
class Column:
    """One column of the table and what it is for.

    `leak_reviewed` says that somebody has looked at a column which alone all but gives the target, and vouches for it.
    """

    name: str
    kind: Kind
    roles: frozenset[str] = frozenset()
    required: bool = False
    description: str = ""
    rules: tuple[Rule, ...] = ()
    restricted: bool = False
    leak_reviewed: bool = False

    @property
    def is_input(self) -> bool:
        """Whether `features()` gets the column."""
        if self.roles & NEVER_INPUT:
            return False
        return "protected" not in self.roles or "input" in self.roles

    @property
    def in_request(self) -> bool:
        """Whether a client may send the column."""
        return not self.roles & NEVER_REQUESTED

    @property
    def required_in_request(self) -> bool:
        """Whether a request without a value for the column is refused."""
        return self.required and self.in_request and (self.is_input or not self.roles & OPTIONAL_IN_REQUEST)


@dataclass(frozen=True)
class Contract:
    """What one row of the data is; `fairness` is the reason why no column is `protected`, where it gives one."""

    id: str
    name: str
    version: str
    sha256: str
    timezone: ZoneInfo
    columns: tuple[Column, ...]
    table_rules: tuple[TableRule, ...] = ()
    purpose: str = ""
    fairness: str | None = None

    def column(self, name: str) -> Column:
        """Look a column up by name.

        Raises:
            MlopsError: The contract has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise MlopsError(f"contract.yaml has no column {name!r}. It has {', '.join(c.name for c in self.columns)}.")

    def having(self, role: str) -> tuple[Column, ...]:
        """List the columns with a role, in the contract's order."""
        return tuple(column for column in self.columns if role in column.roles)

    @property
    def inputs(self) -> tuple[Column, ...]:
        """The columns that `features()` gets."""
        return tuple(column for column in self.columns if column.is_input)

    @property
    def requested(self) -> tuple[Column, ...]:
        """The columns that a client may send."""
        return tuple(column for column in self.columns if column.in_request)

    @property
    def target(self) -> Column:
        """The column that is predicted."""
        return self.having("target")[0]

    @property
    def time(self) -> Column | None:
        """The column that orders rows."""
        return next(iter(self.having("time")), None)

    @property
    def group(self) -> Column | None:
        """The column that names the entity a row belongs to."""
        return next(iter(self.having("group")), None)

    @property
    def id_column(self) -> Column | None:
        """The column that names the row."""
        return next(iter(self.having("id")), None)
