"""What a report is made of, before it is Markdown or HTML: nothing in it is markup, so nothing can be forged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Name:
    """A value out of data, contract, parameters, file names or people's hands."""

    text: object


@dataclass(frozen=True)
class Strong:
    """What the eye should find first."""

    text: str


@dataclass(frozen=True)
class Mark:
    """An outcome, told by a word and a colour."""

    outcome: str


@dataclass(frozen=True)
class Link:
    """A link to an address that the caller has checked."""

    text: str
    url: str


Inline = str | Name | Strong | Mark | Link
Cell = Inline | tuple[Inline, ...]


WORDS = {"pass": "passes", "warn": "warns", "block": "blocks"}


@dataclass(frozen=True)
class Paragraph:
    """One paragraph."""

    content: Cell


@dataclass(frozen=True)
class Bullets:
    """A list of points."""

    points: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Rows below a head; `align` has one letter a column, `l` or `r`; `more` rows were left out."""

    head: tuple[str, ...]
    align: str
    rows: tuple[tuple[Cell, ...], ...]
    more: int = 0


@dataclass(frozen=True)
class Trend:
    """A line over releases, oldest first."""

    metric: str
    points: tuple[tuple[str, float], ...]


Block = Paragraph | Bullets | Table | Trend


@dataclass(frozen=True)
class Section:
    """A titled part; `fold` hides what few will read, and `keep` says which parts leave last when room is short."""

    title: str
    blocks: tuple[Block, ...]
    fold: Literal["no", "open", "closed"] = "no"
    keep: int = 100


@dataclass(frozen=True)
class Document:
    """A whole report: `outcome` is what the headline says in one word."""

    env: str
    outcome: Literal["pass", "warn", "block"]
    headline: str
    lead: tuple[Block, ...]
    sections: tuple[Section, ...] = field(default_factory=tuple)


def table(head: str, align: str, rows: list[tuple[Cell, ...]], most: int = 50) -> Table:
    """Make a table from a head of names with `|` between them, cut to its first rows."""
    return Table(tuple(part.strip() for part in head.split("|")), align, tuple(rows[:most]), max(0, len(rows) - most))
