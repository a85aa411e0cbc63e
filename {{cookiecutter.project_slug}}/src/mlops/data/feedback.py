"""Makes a batch of what servers were asked and what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from mlops.contract.columns import Json
from mlops.contract.document import load
from mlops.contract.errors import MlopsError, Refused
from mlops.contract.model import Column, Contract
from mlops.contract.text import decode, read_yaml
from mlops.data import batches
from mlops.data.batches import BatchFile
from mlops.data.boundary import duration
from mlops.data.check import check
from mlops.data.feedback_files import Files, Id, Row
from mlops.data.feedback_known import without_known
from mlops.data.feedback_sieve import Broken, sieve
from mlops.data.feedback_table import ages, stored, table
from mlops.settings import Settings

STAMP = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"\d{4}-feedback-(\d{8}T\d{6}Z)\..+")
TOGETHER = 10_000
SHOWN = 10


@dataclass
class Joined:
    """The rows that became of age since the last batch, with their outcomes, and what was left out.

    `pending` rows are younger than `label_delay`; those `without` an outcome are older and lost to training;
    `replaced` have an id of the contract that a newer row or an earlier batch has; `orphans` are outcomes without
    inputs; `breaking` rows broke the contract, by column and rule in `broken`.
    """

    until: datetime
    rows: list[Row] = field(default_factory=list)
    outcomes: list[Json] = field(default_factory=list)
    pending: int = 0
    without: int = 0
    late: int = 0
    replaced: int = 0
    orphans: int = 0
    repeated: int = 0
    conflicting: int = 0
    torn: int = 0
    breaking: int = 0
    broken: Broken = field(default_factory=Broken)

    @property
    def name(self) -> str:
        """The batch's name, by which the next one knows where to begin."""
        return f"feedback-{self.until.strftime(STAMP)}"


def folder_of(settings: Settings, folder: Path | None = None) -> Path:
    """Find the folder of feedback: the one given, or that of `[tool.mlops] feedback`."""
    return folder if folder is not None else settings.root / settings.feedback


def arrive(
    settings: Settings, now: datetime, folder: Path | None = None, hear: Callable[[Joined], None] | None = None
) -> list[BatchFile]:
    """Add the batch that feedback has to give; none where there is nothing new.

    Args:
        settings: The project to which it is added.
        now: The time, with its zone.
        folder: Where the servers' files lie, if not where `[tool.mlops] feedback` says.
        hear: Is told what was joined and what was left out, before anything is checked or added.

    Raises:
        Refused: The rows break the contract; the message lists where.
        MlopsError: The contract wants what is never kept, or DVC fails.
    """
    agreed = load(settings.root / "contract.yaml")
    found = join(settings, agreed, now, folder_of(settings, folder))
    if hear:
        hear(found)
    if not found.rows:
        return []
    frame = table(agreed, found.rows, found.outcomes, found.name)
    broken = [item for item in check(stored(frame), agreed, found.name) if item.severity == "error"]
    if broken:
        more = f"; and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
        raise Refused(f"{found.name} breaks contract.yaml: {'; '.join(map(str, broken[:SHOWN]))}{more}")
    return [batches.add_frame(settings.root, frame, found.name)]


def join(settings: Settings, agreed: Contract, now: datetime, folder: Path) -> Joined:
    """Join inputs and outcomes; a row is in the one batch in whose time it comes of age.

    A row's age counts from its prediction, or from its own time where that is later.

    Raises:
        MlopsError: A required column is restricted, so that it was never kept.
    """
    _require_kept(agreed)
    delay = pd.Timedelta(duration(_label_delay(settings.root), "label_delay"))
    until = (pd.Timestamp(now).tz_convert(UTC) - delay).floor("s").to_pydatetime()
    after, files, found = watermark(settings.root), Files(folder), Joined(until)
    outcomes = files.outcomes()
    seen: set[Id] = set()
    rows = files.rows()
    while some := list(islice(rows, TOGETHER)):
        for (name, row), age in zip(some, ages(agreed, some).tolist(), strict=True):
            if name in seen:
                continue
            seen.add(name)
            told = outcomes.values.get(name)
            if age > _ms(until):
                found.pending += 1
            elif after is not None and age <= _ms(after):
                continue
            elif told is None:
                found.without += 1
            else:
                found.rows.append((name, row))
                found.late += told[2]
    found.orphans = len(outcomes.values.keys() - seen)
    found.repeated, found.conflicting, found.torn = outcomes.repeated, outcomes.conflicting, files.torn
    _settle(found, agreed, settings.root)
    joined = len(found.rows)
    told_of = [outcomes.values[name][1] for name, _ in found.rows]
    found.rows, found.outcomes, found.broken = sieve(agreed, found.rows, told_of)
    found.breaking = joined - len(found.rows)
    return found


def watermark(root: Path) -> datetime | None:
    """Read until when feedback is in data/raw already, whether its batches were pulled or not."""
    names = [match[1] for path in (root / "data" / "raw").glob("*") if (match := NAME.fullmatch(path.name))]
    return datetime.strptime(max(names), STAMP).replace(tzinfo=UTC) if names else None


def _settle(found: Joined, agreed: Contract, root: Path) -> None:
    """Order the rows by time; of those with one id of the contract the newest stays, and none that a batch has."""
    found.rows.sort(key=lambda row: row[0])
    if agreed.id_column is None:
        return
    newest: dict[Any, Id] = {row[agreed.id_column.name]: name for name, row in found.rows if _named(row, agreed)}
    kept = [
        (name, row) for name, row in found.rows if not _named(row, agreed) or newest[row[agreed.id_column.name]] == name
    ]
    kept = without_known(root, agreed, kept)
    found.replaced, found.rows = len(found.rows) - len(kept), kept


def _named(row: dict[str, Json], agreed: Contract) -> bool:
    return agreed.id_column is not None and row.get(agreed.id_column.name) is not None


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _require_kept(agreed: Contract) -> None:
    for column in _never_kept(agreed):
        raise MlopsError(
            f"contract.yaml: column {column.name!r} is restricted and required, and restricted values are never kept: "
            "feedback cannot give its rows. Bring labelled rows with `mlops data add FILE` instead."
        )


def _never_kept(agreed: Contract) -> Iterator[Column]:
    return (
        column
        for column in agreed.columns
        if column.restricted and "excluded" not in column.roles and (column.required or "target" in column.roles)
    )


def _label_delay(root: Path) -> Any:
    path = root / "params.yaml"
    try:
        raw = read_yaml(decode(path.read_bytes(), "params.yaml"), "params.yaml")
    except OSError as error:
        raise MlopsError(f"{path}: not readable: {error.strerror}. Run `mlops contract infer`.") from error
    return raw.get("label_delay", "0d") if isinstance(raw, dict) else "0d"
