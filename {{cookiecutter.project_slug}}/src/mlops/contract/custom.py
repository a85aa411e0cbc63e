"""Reads custom properties that are ours, and values that must be one of a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from open_data_contract_standard.model import CustomProperty, SchemaProperty

from mlops.contract.errors import MlopsError
from mlops.contract.near import did_you_mean, near


def custom(entries: Sequence[CustomProperty] | None, known: tuple[str, ...], where: str) -> dict[str, Any]:
    """Read the custom properties that are ours; those of other tools stay, a misspelt one of ours is an error."""
    found: dict[str, Any] = {}
    if entries is not None and not isinstance(entries, list):
        raise MlopsError(f"{where}: customProperties is {entries!r}. Write a list of `property` and `value`.")
    for entry in entries or ():
        if entry.property in known:
            if entry.property in found:
                raise MlopsError(f"{where}: the custom property {entry.property!r} is there twice. Leave one.")
            found[str(entry.property)] = entry.value
        elif close := near(entry.property, known):
            raise MlopsError(f"{where}: unknown custom property {entry.property!r}. Did you mean {close!r}?")
    return found


def choice(value: Any, options: tuple[str, ...], what: str, here: str) -> Any:
    """Give a value back if it is one of the options.

    Raises:
        MlopsError: It is none; the message names the nearest.
    """
    if value not in options:
        raise MlopsError(f"{here}: {what} is {value!r}. {did_you_mean(value, options)}")
    return value


def leak_reviewed(source: SchemaProperty, here: str) -> bool:
    """Say whether somebody vouches for a column that looks like a leak of the target."""
    own = custom(source.customProperties, ("leak",), here)
    return "leak" in own and bool(choice(own["leak"], ("reviewed",), "leak", here))


def fairness(entries: Sequence[CustomProperty] | None, where: str) -> str | None:
    """Read why no column is `protected`, where the contract says so.

    Raises:
        MlopsError: It says something else than none, or gives no reason.
    """
    said = next((entry for entry in entries or () if entry.property == "fairness"), None)
    if said is None:
        return None
    choice(said.value, ("none",), "fairness", where)
    if not (said.description or "").strip():
        raise MlopsError(f"{where}: fairness is 'none' without a reason. Write it as the property's `description`.")
    return " ".join(str(said.description).split())
