"""`mlops settings`."""

from __future__ import annotations

from dataclasses import fields

from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.settings import Settings, find


def settings() -> None:
    """Print every setting as KEY=VALUE, one a line: what a CI job's outputs take."""
    for line in lines(find()):
        say(line)


def lines(found: Settings) -> list[str]:
    """Render the settings; one that is not set has no value.

    Raises:
        MlopsError: A value has a line break: its rest would be read as another setting.
    """
    values = {each.name: getattr(found, each.name) for each in fields(found) if each.name != "root"}
    texts = {name: "" if value is None else str(value) for name, value in values.items()}
    for name, text in texts.items():
        if not text.isprintable():
            raise MlopsError(f"pyproject.toml: [tool.mlops]: {name} is {text!r}: write it in one line of plain text.")
    return [f"{name}={text}" for name, text in texts.items()]
