"""Text of files as it is written, and YAML as plain values: no key twice, and nothing read in two ways."""

from __future__ import annotations

import re
from typing import Any

import yaml

from mlops.contract.errors import MlopsError


class _Loader(yaml.SafeLoader):
    """The safe loader; a key twice is an error, and `1e5` is a number as in YAML 1.2."""


_Loader.yaml_implicit_resolvers = {key: list(value) for key, value in yaml.SafeLoader.yaml_implicit_resolvers.items()}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key is no plain word", key.start_mark)
        if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
            raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} is there twice", key.start_mark)
        seen.add(str(key.value))
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def decode(content: bytes, where: str) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Raises:
        MlopsError: It is something else.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MlopsError(f"{where}: not UTF-8 text (byte {error.start}). Save it as UTF-8.") from error


def read_yaml(text: str, where: str) -> Any:
    """Read a YAML document.

    Raises:
        MlopsError: The text is not YAML, or a key is there twice.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MlopsError(f"{where}: not valid YAML: {_oneline(error)}. Correct that line.") from error


def _oneline(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())
