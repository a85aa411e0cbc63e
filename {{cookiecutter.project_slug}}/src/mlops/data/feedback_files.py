"""Reads the files that servers keep of what they were asked and what became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops.contract.columns import Json

Id = tuple[int, str]  # time in ms of UTC, random digits
Row = tuple[Id, dict[str, Json]]


@dataclass
class Outcomes:
    """The outcome of each prediction, and whether it came late: the first that was told is the one."""

    values: dict[Id, tuple[int, Json, bool]] = field(default_factory=dict)
    repeated: int = 0
    conflicting: int = 0

    def take(self, name: Id, told: int, outcome: Json, late: bool) -> None:
        """Take an outcome that was told at a time in ms."""
        known = self.values.get(name)
        if known is not None:
            self.repeated += 1
            self.conflicting += known[1] != outcome
        if known is None or told < known[0]:
            self.values[name] = (told, outcome, late)


@dataclass
class Files:
    """A folder with `inputs` and `outcomes`; `torn` counts lines that were not written to their end."""

    folder: Path
    torn: int = 0

    def outcomes(self) -> Outcomes:
        """Read all outcomes."""
        found = Outcomes()
        for line in self._lines("outcomes"):
            name = (int(line["at"]), str(line["nonce"]))
            found.take(name, int(line["told"]), line["outcome"], bool(line["late"]))
        return found

    def rows(self) -> Iterator[Row]:
        """Go through the rows that were predicted."""
        for line in self._lines("inputs"):
            rows, digits = line["request"]["rows"], line["nonces"]
            width = len(digits) // len(rows)
            for number, row in enumerate(rows):
                yield (int(line["at"]), digits[number * width : (number + 1) * width]), row

    def _lines(self, kind: str) -> Iterator[dict[str, Any]]:
        for path in sorted((self.folder / kind).glob("*.jsonl")):
            with path.open("rb") as file:
                for text in file:
                    if not text.strip():
                        continue
                    try:
                        line = json.loads(text)
                    except ValueError:
                        self.torn += 1
                        continue
                    yield line
