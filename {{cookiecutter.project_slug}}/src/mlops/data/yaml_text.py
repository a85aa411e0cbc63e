"""Values become YAML that every reader reads the same."""

from __future__ import annotations

import io
import re
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

PLAIN = re.compile(r"[^\W\d_][\w .,()%/+-]*", re.UNICODE)


def text(value: str) -> str:
    """Quote a text that some reader of YAML might take for something else, such as `no` or `1e5`."""
    plain = PLAIN.fullmatch(value) and value == value.strip() and len(value) <= 200
    return value if plain and yaml.safe_load(value) == value else DoubleQuotedScalarString(value)


def scalar(value: Any) -> Any:
    """Quote where needed; other scalars as they are."""
    return text(value) if isinstance(value, str) else value


def flow(value: Any) -> Any:
    """Write a mapping or a list on one line."""
    if isinstance(value, CommentedMap | CommentedSeq) and value.fa.flow_style():
        return value
    if isinstance(value, dict):
        mapping = CommentedMap({key: flow(item) for key, item in value.items()})
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list | tuple):
        sequence = CommentedSeq([flow(item) for item in value])
        sequence.fa.set_flow_style()
        return sequence
    return scalar(value)


def dump(document: CommentedMap, head: str) -> str:
    """Write a document below a comment line."""
    writer = YAML()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 120
    writer.allow_unicode = True
    writer.brace_single_entry_mapping_in_flow_sequence = True
    writer.representer.add_representer(float, _float)
    out = io.StringIO()
    out.write(f"# {head}\n")
    writer.dump(document, out)
    return out.getvalue()


def _float(representer: Any, value: float) -> Any:
    # YAML 1.1 reads 1e-05 as text; 1.0e-05 is a number to everyone.
    shown = re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    return representer.represent_scalar("tag:yaml.org,2002:float", shown)
