"""The reference profile of a bundle, `profile.json`: how the rows of the newest held-out window fall into bins."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mlops.contract.errors import MlopsError

NAME = "profile.json"
NULL, BELOW, ABOVE, UNSEEN = "null", "below", "above", "unseen"
# Rows in these bins have rules of their own; those in the others make the distribution.
OUTSIDE = (NULL, BELOW, ABOVE, UNSEEN)
Kind = Literal["input", "prediction"]
Form = Literal["number", "category", "presence"]
Rule = Literal["distribution", "nulls", "range", "unseen"]


@dataclass(frozen=True)
class Slice:
    """The rows with one value of one column."""

    column: str
    value: str

    def __str__(self) -> str:
        return f"{self.column}={self.value}"


@dataclass(frozen=True)
class Part:
    """The reference rows of one slice (None: the whole window), by bin, and what G has to exceed by rule.

    Rows of `below`, `above` and `unseen` are what a clean window is expected to have, as so many of the window's rows.
    """

    slice: Slice | None
    rows: dict[str, float]
    critical: dict[Rule, float]


@dataclass(frozen=True)
class Monitored:
    """One column, or the predictions, and its bins.

    A number's bin i holds values in (edges[i-1], edges[i]]; what lies outside `range` is `below` or `above`, where
    there is a range. A category's bin i holds categories[i], the bin after them every other value that is in
    `known`, and `unseen` the rest; with no `known` nothing is unseen. Of a column that is only `presence` all that
    is counted is whether it has a value.
    """

    kind: Kind
    name: str
    form: Form
    edges: tuple[float, ...] = ()
    range: tuple[float, float] | None = None
    categories: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The bins in order; `null` is the last one."""
        if self.form == "presence":
            return ("0", NULL)
        if self.form == "number":
            inside = [str(number) for number in range_of(len(self.edges) + 1)]
            return (*inside, *((BELOW, ABOVE) if self.range else ()), NULL)
        inside = [str(number) for number in range_of(len(self.categories) + 1)]
        return (*inside, *((UNSEEN,) if self.known else ()), NULL)

    def meaning(self, label: str) -> str:
        """Say which values a bin holds."""
        if not label.isdigit():
            return label
        at = int(label)
        if self.form == "presence":
            return "any"
        if self.form == "category":
            return self.categories[at] if at < len(self.categories) else "other"
        low, high = (-float("inf"), *self.edges)[at], (*self.edges, float("inf"))[at]
        return f"({low:g}, {high:g}]"


@dataclass(frozen=True)
class Outcomes:
    """What became of the reference rows of one slice, in the terms in which outcomes are counted: see `feedback`."""

    slice: Slice | None
    counts: dict[str, float]


@dataclass(frozen=True)
class Profile:
    """The reference window: its rows and times, what is monitored, and the slices by which outcomes are counted."""

    rows: int
    start: str | None
    end: str | None
    monitored: tuple[Monitored, ...]
    slices: dict[str, tuple[str, ...]]
    outcomes: tuple[Outcomes, ...] = ()

    def parts(self) -> Iterator[tuple[Monitored, Part]]:
        """Go through all that is compared with a window."""
        return ((column, part) for column in self.monitored for part in column.parts)

    def dump(self, path: Path) -> None:
        """Write the profile as JSON, stable byte for byte."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")


def load_profile(path: Path) -> Profile:
    """Read a `profile.json`.

    Raises:
        MlopsError: The file is missing or is no profile.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Profile(
            rows=raw["rows"],
            start=raw["start"],
            end=raw["end"],
            monitored=tuple(_monitored(**column) for column in raw["monitored"]),
            slices={name: tuple(values) for name, values in raw["slices"].items()},
            outcomes=tuple(Outcomes(_slice(item["slice"]), item["counts"]) for item in raw["outcomes"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MlopsError(
            f"{path}: no readable profile ({error!r}). `dvc repro train` writes that of the bundle, `mlops monitoring "
            "profile FILE --out PROFILE` that of a file."
        ) from error


def _monitored(
    kind: Kind,
    name: str,
    form: Form,
    edges: list[float],
    range: list[float] | None,
    categories: list[str],
    known: list[str],
    parts: list[dict[str, Any]],
) -> Monitored:
    read = tuple(Part(_slice(part["slice"]), part["rows"], part["critical"]) for part in parts)
    ends = None if range is None else (range[0], range[1])
    return Monitored(kind, name, form, tuple(edges), ends, tuple(categories), tuple(known), read)


def _slice(raw: dict[str, str] | None) -> Slice | None:
    return None if raw is None else Slice(**raw)


# `range` is also a field above, by the name that people know it by.
range_of = range
