"""What a pull request changes in data, contract, params and gates, a line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mlops.contract.text import decode, read_yaml

ABSENT = object()


def of_files(name: str, before: bytes | None, after: bytes | None) -> list[str]:
    """List the values of a YAML file that differ; list entries with a `name` are told apart by it."""
    old, new = (dict(_leaves(_read(name, text))) for text in (before, after))
    keys = [*old, *(key for key in new if key not in old)]
    return [_line(key, old.get(key, ABSENT), new.get(key, ABSENT)) for key in keys if _differ(old, new, key)]


def of_batches(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """List batches that are added, changed or dropped."""
    words = {name: "changed" for name in before.keys() & after.keys() if before[name] != after[name]}
    words |= {name: "added" for name in after.keys() - before.keys()}
    words |= {name: "dropped" for name in before.keys() - after.keys()}
    return [f"{name}: {words[name]}" for name in sorted(words)]


def _read(name: str, text: bytes | None) -> Any:
    return None if text is None else read_yaml(decode(text, name), name)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            named = item.get("name", item.get("property", number))
            yield from _leaves(item, f"{path}[{named}]")
    elif path:
        yield path, value


def _differ(old: dict[str, Any], new: dict[str, Any], key: str) -> bool:
    # 1, 1.0 and True are equal in Python and three things in YAML.
    return key not in old or key not in new or repr(old[key]) != repr(new[key])


def _line(key: str, before: Any, after: Any) -> str:
    if before is ABSENT:
        return f"{key}: {_show(after)}, new"
    if after is ABSENT:
        return f"{key}: {_show(before)}, gone"
    return f"{key}: {_show(before)} -> {_show(after)}"


def _show(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
