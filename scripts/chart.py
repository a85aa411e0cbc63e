"""Write docs/reference/chart.md of the project from the comments in the chart's values.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
VALUES = PROJECT / "deploy" / "chart" / "values.yaml"
PATH = PROJECT / "docs" / "reference" / "chart.md"
HEAD = """# Values of the chart

What can be set in `deploy/envs/<env>/values.yaml`; the rest stays as it is here. Another key, or a value of another
type, is refused. `release` is in `release.yaml` beside it, which only commands write.

A change there applies when it is merged. A change of `deploy/chart` reaches an environment with its next release.

| key | default | says |
| --- | --- | --- |
"""
KEY = re.compile(r"( *)([A-Za-z]+):")


def comments(text: str) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """Yield the path of each key that has a line of its own, and its `# --` comment."""
    above: list[str] = []
    said = None
    for line in text.splitlines():
        if line.lstrip().startswith("# -- "):
            said = line.lstrip()[5:]
        elif found := KEY.match(line):
            above[len(found[1]) // 2 :] = [found[2]]
            yield tuple(above), said
            said = None


def page(text: str) -> str:
    """Render the table, without the keys that only hold others."""
    said = dict(comments(text))
    holding = {path[:-1] for path in said}
    rows = [(path, comment) for path, comment in said.items() if path not in holding]
    defaults = yaml.safe_load(text)
    return HEAD + "".join(
        f"| `{'.'.join(path)}` | `{_default(defaults, path)}` | {comment} |\n" for path, comment in rows
    )


def _default(values: Any, path: tuple[str, ...]) -> str:
    for key in path:
        values = values[key]
    if isinstance(values, str):
        return values or '""'
    return re.sub(r'"([\w.-]+)"', r"\1", json.dumps(values))


if __name__ == "__main__":
    PATH.write_text(page(VALUES.read_text(encoding="utf-8")), encoding="utf-8")
