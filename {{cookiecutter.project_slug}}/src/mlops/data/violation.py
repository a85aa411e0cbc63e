"""What a batch does that its contract forbids, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops.contract.model import Severity

SHOWN = 5


@dataclass(frozen=True)
class Violation:
    """A broken rule. `examples` are (value, row) pairs, rows counted from 1; none of a restricted column."""

    column: str | None
    rule: str
    severity: Severity
    count: int
    total: int
    says: str
    step: str
    examples: tuple[tuple[Any, int], ...] = ()
    file: str | None = None

    def __str__(self) -> str:
        where = f"column {self.column!r}" if self.column is not None else "table"
        file = f" of {self.file}" if self.file else ""
        return f"contract.yaml: {where}{file}: {self.says}{self._examples()}.\n{self.step}"

    def _examples(self) -> str:
        if not self.examples:
            return ""
        shown = ", ".join(f"{_plain(value)} at row {row}" for value, row in self.examples)
        return f" (for example {shown})"


def _plain(value: Any) -> str:
    """Show a value as a person would write it: no NumPy types, no novels."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).removesuffix("T00:00:00")
    text = repr(value.item() if hasattr(value, "item") else value)
    return text if len(text) <= 60 else text[:57] + "…"
