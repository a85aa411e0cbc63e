"""Reads contract.yaml, an Open Data Contract Standard document, by a closed list of what is understood."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from open_data_contract_standard.model import OpenDataContractStandard, SchemaObject, SchemaProperty
from pydantic import ValidationError

from mlops.contract.custom import custom, fairness, leak_reviewed
from mlops.contract.errors import MlopsError
from mlops.contract.keys import check_keys
from mlops.contract.model import NEVER_INPUT, ROLES, Column, Contract
from mlops.contract.near import did_you_mean, near
from mlops.contract.quality import table_rules
from mlops.contract.rules import column_rules
from mlops.contract.text import decode, read_yaml

KINDS = ("number", "integer", "boolean", "string", "date", "timestamp")
ONE_ONLY = ("time", "group", "id")
RESTRICTED = {"public": False, "internal": False, "confidential": True, "restricted": True}


def load(path: Path) -> Contract:
    """Read a contract from a file.

    Raises:
        MlopsError: The file cannot be read, or is no contract that is understood in full.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MlopsError(f"{path}: cannot be read: {error.strerror}. `mlops contract infer` writes one.") from error
    return parse(decode(content, str(path)), path.name, sha256(content).hexdigest())


def parse(text: str, where: str = "contract.yaml", digest: str | None = None) -> Contract:
    """Read a contract from text.

    Args:
        text: the YAML document.
        where: what messages call the file.
        digest: sha256 of the file's bytes; of the text's where not given.

    Raises:
        MlopsError: The text is no contract that is understood in full.
    """
    raw = read_yaml(text, where)
    check_keys(raw, where)
    document = _document(raw, where)
    table = document.schema_[0] if document.schema_ else SchemaObject()
    columns = tuple(_column(column, where) for column in table.properties or ())
    _check_roles(columns, where)
    own = custom(document.customProperties, ("timezone", "fairness"), where)
    return Contract(
        id=document.id or "",
        name=document.name or document.id or "",
        version=document.version or "",
        sha256=digest or sha256(text.encode()).hexdigest(),
        timezone=_zone(own.get("timezone", "UTC"), where),
        columns=columns,
        table_rules=table_rules(table, where),
        purpose=(document.description.purpose or "") if document.description else "",
        fairness=fairness(document.customProperties, where),
    )


def _document(raw: dict[str, Any], where: str) -> OpenDataContractStandard:
    try:
        document = OpenDataContractStandard(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise MlopsError(
            f"{where}: {_place(raw, first['loc'])} is {first['input']!r}: {first['msg']}. "
            "Correct it (quote text that looks like a number, a date or yes/no)."
        ) from error
    for key in ("id", "version"):
        if not getattr(document, key):
            example = "1.0.0" if key == "version" else "my-table"
            raise MlopsError(f"{where}: `{key}` is missing. Write for example `{key}: {example}`.")
    return document


def _place(raw: Any, steps: tuple[int | str, ...]) -> str:
    """Name a place as a person would: columns by their names."""
    words: list[str] = []
    for step in steps:
        if isinstance(raw, list | dict):
            raw = (
                raw[step]
                if (isinstance(raw, list) and isinstance(step, int) and step < len(raw))
                else (raw.get(step) if isinstance(raw, dict) else None)
            )
        named = isinstance(raw, dict) and words[-1:] == ["properties"]
        words.append(f"column {raw['name']!r}" if named else str(step))
    return " → ".join(words)


def _column(source: SchemaProperty, where: str) -> Column:
    name = source.name or ""
    here = f"{where}: column {name!r}"
    kind = source.logicalType
    if kind not in KINDS:
        raise MlopsError(f"{here}: logicalType is {kind!r}. {did_you_mean(kind, KINDS)}")
    for tag in source.tags or ():
        if tag not in ROLES:
            raise MlopsError(
                f"{here}: unknown tag {tag!r}; a tag is the column's role. {did_you_mean(tag, sorted(ROLES))}"
            )
    level = source.classification or "internal"
    if level not in RESTRICTED:
        raise MlopsError(f"{here}: classification is {level!r}. {did_you_mean(level, RESTRICTED)}")
    return Column(
        name=name,
        kind=kind,  # type: ignore[arg-type]  # checked above
        roles=frozenset(source.tags or ()),
        required=bool(source.required),
        description=source.description or "",
        rules=column_rules(source, here),
        restricted=RESTRICTED[level],
        leak_reviewed=leak_reviewed(source, here),
    )


def _check_roles(columns: tuple[Column, ...], where: str) -> None:
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise MlopsError(f"{where}: column {name!r} is there {names.count(name)} times. Leave one.")
    targets = [column.name for column in columns if "target" in column.roles]
    if len(targets) != 1:
        raise MlopsError(
            f"{where}: {len(targets)} columns are tagged `target` {targets!r}; exactly one must be. "
            "Write `tags: [target]`."
        )
    for role in ONE_ONLY:
        having = [column.name for column in columns if role in column.roles]
        if len(having) > 1:
            raise MlopsError(
                f"{where}: {having!r} are all tagged `{role}`; at most one column can be. Take the tag from the others."
            )
    for column in columns:
        _check_role(column, f"{where}: column {column.name!r}")
    if not any(column.is_input for column in columns):
        raise MlopsError(
            f"{where}: no column is an input, so nothing can be predicted from. Take the tag from at least one."
        )


def _check_role(column: Column, here: str) -> None:
    roles = sorted(column.roles)
    if len(roles) > 1 and column.roles & {"target", "excluded"}:
        raise MlopsError(f"{here}: the tags {roles!r} contradict each other; `target` and `excluded` stand alone.")
    if "input" in column.roles and column.roles & NEVER_INPUT:
        raise MlopsError(f"{here}: the tags {roles!r} contradict each other; it cannot be an input. Take one away.")
    if "time" in column.roles and column.kind not in ("date", "timestamp"):
        raise MlopsError(
            f"{here}: is tagged `time` but is a {column.kind}. Make it a date or a timestamp, or take the tag away."
        )
    if "target" in column.roles and column.kind in ("date", "timestamp"):
        raise MlopsError(
            f"{here}: is the target but is a {column.kind}. A target is a number, an integer, a boolean or a string."
        )


def _zone(name: Any, where: str) -> ZoneInfo:
    if isinstance(name, str) and name in available_timezones():
        return ZoneInfo(name)
    found = near(name, available_timezones())
    hint = f"Did you mean {found!r}?" if found else "Write an IANA name such as 'Europe/Berlin' or 'UTC'."
    raise MlopsError(f"{where}: the timezone {name!r} is unknown. {hint}")
