"""What a column's name says about it."""

from __future__ import annotations

import re

PROTECTED = {"sex", "gender", "race", "ethnicity", "ethnic", "age", "religion", "nationality"}
PROTECTED |= {"disability", "disabled", "marital"}
ENTITY = {"patient", "subject", "user", "customer", "participant", "person", "client", "account", "device"}
ENTITY |= {"household", "student", "player", "session", "machine", "store"}
IDENTIFIER = {
    "id",
    "ids",
    "uuid",
    "guid",
    "key",
    "number",
    "no",
    "code",
    "index",
    "rownames",
    "row",
    "identifier",
    "pk",
}
ROW_NUMBER = {"unnamed", "index", "rownames", "rownumber", "rowid", "row"}
CALENDAR = {"year", "yr", "month", "day", "hour", "minute", "week", "weekday", "quarter"}
CLOCK = {"time", "date", "period"}
BIRTH = {"birth", "dob", "birthday", "birthdate", "born"}


def words(name: str) -> frozenset[str]:
    """Split a name into its lower-case words: `CustomerID`, `customer_id` and `customer id` are the same two."""
    parts = re.sub(r"([a-z\d])([A-Z])", r"\1 \2", name)
    parts = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", parts)
    return frozenset(part.casefold() for part in re.split(r"[\W_]+", parts) if part)


def is_protected(name: str) -> bool:
    """Whether the name is that of a personal trait by which people must not be treated differently."""
    return bool(words(name) & PROTECTED)


def is_identifier(name: str) -> bool:
    """Whether the name is that of an identifier or of a row number."""
    return bool(words(name) & IDENTIFIER)


def is_entity(name: str) -> bool:
    """Whether the name is that of someone or something to whom several rows may belong."""
    found = words(name)
    return found == {"id"} or (bool(found & ENTITY) and (len(found) == 1 or bool(found & IDENTIFIER)))


def is_row_number(name: str) -> bool:
    """Whether the name is one that programs give to the number of a row."""
    return bool(words(name) & ROW_NUMBER)


def is_calendar(name: str) -> bool:
    """Whether the name is that of a part of a date."""
    return bool(words(name) & CALENDAR)


def is_time(name: str) -> bool:
    """Whether the name is that of a time or of a part of one."""
    return bool(words(name) & (CALENDAR | CLOCK))


def is_birth(name: str) -> bool:
    """Whether the name is that of a date of birth, which orders people and not rows."""
    return bool(words(name) & BIRTH)
