"""Write docs/reference/commands.md of the project from the commands themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
PATH = PROJECT / "docs" / "reference" / "commands.md"
HEAD = """# Commands

Exit codes: 0 done; 1 the answer is no (refused, held, not the same); 2 it could not be answered (bad input, network,
missing object). `mlops --debug COMMAND` shows where an error comes from.
"""


def commands() -> str:
    """Render every command with its arguments and options."""
    from typer.main import get_command

    from mlops.cli import app

    return "\n".join([HEAD, *(_section(name, command) for name, command in _leaves(get_command(app), "mlops"))])


def _leaves(command: Any, name: str) -> list[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(name, command)]
    itself = [(name, command)] if command.invoke_without_command else []
    return [*itself, *(leaf for word, sub in inner.items() for leaf in _leaves(sub, f"{name} {word}"))]


def _section(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *(p.name.upper() for p in arguments)])
    rows = [f"| `{p.name.upper()}` | {p.help} |" for p in arguments]
    rows += [f"| `{', '.join(p.opts)}` | {p.help}{_default(p)} |" for p in options]
    table = ["| argument | says |", "| --- | --- |", *rows, ""] if rows else []
    return "\n".join([f"## `{usage}`", "", command.help, "", *table])


def _default(option: Any) -> str:
    return "" if option.default in (None, False, "") or option.required else f" Default `{option.default}`."


if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT / "src"))
    PATH.write_text(commands(), encoding="utf-8")
