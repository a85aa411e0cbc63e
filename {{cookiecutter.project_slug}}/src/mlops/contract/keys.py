"""The closed list of keys that a contract may have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from open_data_contract_standard.model import CustomProperty, DataQuality, OpenDataContractStandard, SchemaObject

from mlops.contract.errors import MlopsError
from mlops.contract.near import did_you_mean

# Keys of a column that change what is checked are read; these only describe, or are the tools' of someone else.
DESCRIBE = {
    "id", "physicalType", "description", "businessName", "deprecated", "synonyms", "authoritativeDefinitions",
    "semanticType", "partitioned", "partitionKeyPosition", "transformSourceObjects", "transformLogic",
    "transformDescription", "examples", "criticalDataElement",
}  # fmt: skip
READ = {
    "name", "tags", "customProperties", "logicalType", "logicalTypeOptions", "required", "unique", "classification",
    "enum", "quality",
}  # fmt: skip
INSTEAD = {
    "primaryKey": "Write `tags: [id]`, `required: true` and `unique: true`.",
    "relationships": "A reference to another table is not checked here; say it in `description`.",
    "properties": "A table is flat: give each inner field a column of its own.",
    "items": "A table is flat: a list needs columns of its own.",
    "map": "A table is flat: a map needs columns of its own.",
    "physicalName": "Name the column as it is named in the data.",
    "encryptedName": "Name the column as it is named in the data.",
}


def check_keys(raw: Any, where: str) -> None:
    """Refuse what pydantic would pass over in silence: unknown keys at the levels that carry checks.

    Raises:
        MlopsError: A key is unknown or not supported, or the document is not the contract of one table.
    """
    if not isinstance(raw, dict):
        raise MlopsError(
            f"{where}: a contract is a mapping, this is {type(raw).__name__}. Start it with `apiVersion: v3.2.0`."
        )
    names = [field.alias or name for name, field in OpenDataContractStandard.model_fields.items()]
    _known(raw, names, where)
    if not re.fullmatch(r"v3\.2\.\d+", str(raw.get("apiVersion"))):
        raise MlopsError(
            f"{where}: apiVersion is {raw.get('apiVersion')!r}; only v3.2 is read here. Write `apiVersion: v3.2.0`."
        )
    if raw.get("kind") != "DataContract":
        raise MlopsError(f"{where}: kind is {raw.get('kind')!r}. Write `kind: DataContract`.")
    tables = raw.get("schema")
    if not isinstance(tables, list) or len(tables) != 1 or not isinstance(tables[0], dict):
        count = len(tables) if isinstance(tables, list) else 0
        raise MlopsError(
            f"{where}: `schema` has {count} tables; a model is made from exactly one. Leave one `- name: …`."
        )
    _known(tables[0], SchemaObject.model_fields, where)
    properties = tables[0].get("properties")
    if not isinstance(properties, list) or not properties:
        raise MlopsError(f"{where}: the table has no columns. List them under `schema: - properties:`.")
    _check_entries(raw, where)
    _check_entries(tables[0], where)
    for position, column in enumerate(properties, 1):
        _check_column(column, position, where)


def _check_column(column: Any, position: int, where: str) -> None:
    if not isinstance(column, dict):
        raise MlopsError(f"{where}: column {position} is {column!r}, not a mapping. Write `- name: …`.")
    name = column.get("name")
    if not isinstance(name, str) or not name.strip():
        raise MlopsError(f"{where}: column {position} has the name {name!r}, which is not text. Quote it: `name: '…'`.")
    here = f"{where}: column {name!r}"
    for key in column:
        if key in INSTEAD and column[key] not in (None, False):
            raise MlopsError(f"{here}: `{key}` is not supported. {INSTEAD[key]}")
    _known(column, (READ | DESCRIBE | set(INSTEAD) | {"primaryKeyPosition"}), here)
    _check_entries(column, here)
    for entry in column.get("enum") or ():
        if not isinstance(entry, dict) or "value" not in entry:
            raise MlopsError(f"{here}: the enum entry {entry!r} is not a mapping. Write `{{value: {entry}}}`.")


def _known(mapping: Mapping[Any, Any], known: Iterable[str], where: str) -> None:
    options = sorted(known)
    for key in mapping:
        if key not in options:
            raise MlopsError(f"{where}: unknown key {key!r}. {did_you_mean(key, options)}")


def _check_entries(holder: Mapping[Any, Any], here: str) -> None:
    for key, model in (("quality", DataQuality), ("customProperties", CustomProperty)):
        for entry in holder.get(key) or ():
            if not isinstance(entry, dict):
                raise MlopsError(f"{here}: the entry {entry!r} of `{key}` is not a mapping. Write `- {{…: …}}`.")
            _known(entry, model.model_fields, f"{here}: {key}")
