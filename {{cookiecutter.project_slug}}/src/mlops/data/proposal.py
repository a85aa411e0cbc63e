"""Writes what was decided as the three files that a person then owns."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from ruamel.yaml.comments import CommentedMap

from mlops.data.margin import METRICS
from mlops.data.profile import Profile
from mlops.data.roles import Roles
from mlops.data.target import Target
from mlops.data.yaml_text import dump, flow, scalar, text

ENUM_VALUES = 20
SLACK = 0.1
ONE_LINE = 100


def contract_yaml(name: str, zone: str, columns: Mapping[str, Profile], target: Target, roles: Roles) -> str:
    """Write the contract: the target first, then the other columns in their order."""
    order = [target.name, *(column for column in columns if column != target.name)]
    properties = [_column(columns[column], target, roles) for column in order]
    table = CommentedMap({"name": text(_slug(name)), "properties": properties})
    if duplicates := _duplicates([column for name, column in columns.items() if name not in roles.reasons]):
        table.insert(1, "quality", duplicates)
    document = CommentedMap(
        {
            "apiVersion": "v3.2.0",
            "kind": "DataContract",
            "id": text(_slug(name)),
            "name": text(name),
            "version": "1.0.0",
            "status": "active",
            "description": CommentedMap({"purpose": text(f"Predict {target.name} from what is known of a row.")}),
            "customProperties": [flow({"property": "timezone", "value": zone})],
            "schema": [table],
        }
    )
    return dump(document, "What one row of our data is: an Open Data Contract Standard document.")


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "table"


def _duplicates(columns: Sequence[Profile]) -> list[Any]:
    if any(column.unique for column in columns):
        return []
    seen = 100 * pd.DataFrame({column.name: column.values for column in columns}).duplicated().mean()
    rule = {
        "type": "library",
        "metric": "duplicateValues",
        "unit": "percent",
        "mustBeLessThan": math.ceil(1 + 2 * seen),
    }
    return [flow(rule | {"severity": "warning"})]


def _column(column: Profile, target: Target, roles: Roles) -> CommentedMap:
    tags = roles.tags.get(column.name, [])
    kind = target.kind if column.name == target.name else column.kind
    found = CommentedMap({"name": text(column.name)})
    if tags:
        found["tags"] = flow(tags)
    found["logicalType"] = kind
    if column.nulls == 0 and "excluded" not in tags:
        found["required"] = True
    if "excluded" not in tags:
        found.update(_rules(column, target, tags))
    if column.name in roles.reasons:
        reason = roles.reasons[column.name]
        found["description"] = text(f"Kept out: {reason}.")
    return found


def _rules(column: Profile, target: Target, tags: list[str]) -> dict[str, Any]:
    if column.name == target.name:
        return {"enum": _enum(list(target.classes))} if target.classes and target.kind != "boolean" else {}
    if "id" in tags or "group" in tags:
        return {"unique": True} if "id" in tags else {}
    if column.kind == "string":
        few = 2 <= column.distinct <= ENUM_VALUES and column.counts.min() >= 2
        return {"enum": _enum(sorted(map(str, column.counts.index)))} if few else {}
    if column.kind in ("number", "integer") and column.distinct > 1:
        low, high = _range(column)
        limits = flow({"minimum": low, "maximum": high})
        return {"logicalTypeOptions": limits, "customProperties": flow([{"property": "severity", "value": "warning"}])}
    return {}


def _enum(values: list[Any]) -> Any:
    entries = [flow({"value": value}) for value in values]
    return flow(entries) if sum(len(str(value)) + 11 for value in values) < ONE_LINE else entries


def _range(column: Profile) -> tuple[float, float]:
    """Give the range seen and a tenth more on each side, in round numbers; what was never negative stays so."""
    low, high = float(column.counts.index.min()), float(column.counts.index.max())
    room = SLACK * (high - low)
    below = 0.0 if 0 <= low <= room else _round(low - room, room, math.floor)
    bounds = (max(0.0, below) if low >= 0 else below, _round(high + room, room, math.ceil))
    return (int(bounds[0]), int(bounds[1])) if column.kind == "integer" else bounds


def _round(value: float, room: float, towards: Any) -> float:
    """Round outwards to a digit that matters beside the room that there is."""
    digits = 1 - math.floor(math.log10(room)) - 1 if room > 0 else 0
    digits = min(max(digits, -15), 15)
    step = 10.0**-digits
    rounded = round(towards(value / step) * step, max(digits, 0))
    return rounded if math.isfinite(rounded) else value


def params_yaml(target: Target, split: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """Write the numbers of the pipeline."""
    document = CommentedMap({"task": target.task})
    notes = {"task": "binary | multiclass | regression"}
    if target.task == "binary":
        document["positive"] = scalar(target.positive)
        document["threshold"] = flow({"maximize": "f1"})
        notes["threshold"] = "or a number; chosen on training folds"
    document["label_delay"] = "0d"
    notes["label_delay"] = "younger rows may have no target yet, for example 1d"
    document["split"] = flow(dict(split))
    notes["split"] = _split_note(str(split["method"]))
    document["window"] = "expanding"
    notes["window"] = "or {sliding: 6} batches"
    document["model"] = CommentedMap(model)
    _comment(document, notes)
    return dump(document, "The numbers of the pipeline. A change here trains.")


def _split_note(method: str) -> str:
    if method == "time":
        return "the newest by time; or a duration (30d), or newest_batch"
    return "a hash decides, so a row's side never changes"


def gates_yaml(target: Target, margin: float) -> str:
    """Write what is good enough."""
    document = CommentedMap(
        {"metric": METRICS[target.task], "margin": margin, "when_unsure": "warn", "beats_dummy_by": "10%"}
    )
    notes = {
        "metric": "the one that decides; any scikit-learn scorer",
        "margin": "a loss smaller than this is not a loss",
        "when_unsure": "too few rows to tell: warn | block",
        "beats_dummy_by": "of the way from the dummy's score to the best possible",
    }
    _comment(document, notes)
    return dump(
        document, 'What "good enough" means. A pull request is judged by this file as it stands on the main branch.'
    )


def _comment(document: CommentedMap, notes: Mapping[str, str]) -> None:
    for key, note in notes.items():
        document.yaml_add_eol_comment(note, key, column=50 if key == "split" else 32)
