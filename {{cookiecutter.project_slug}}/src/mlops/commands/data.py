"""`mlops data`: add a batch, or bring the next one of the source."""

from __future__ import annotations

from pathlib import Path

from mlops.commands.contract import require_kept
from mlops.commands.words import say
from mlops.data import batches, table
from mlops.data.batches import BatchFile
from mlops.pipeline.dataset import contract
from mlops.settings import find


def add(file: Path, name: str | None, *, unchecked: bool) -> None:
    """Check a table by the contract, copy it to data/raw and track it with DVC."""
    settings = find()
    frame = table.read_raw(file)
    if not unchecked:
        require_kept(settings, contract(settings), frame, file.name)
    _tell([batches.add(settings.root, file, name)])


def following(*, initial: bool) -> None:
    """Bring the batches that the source has next."""
    added = batches.arrive(find(), initial)
    if added:
        _tell(added)
    else:
        say("The batches of the first day are here already.")


def _tell(added: list[BatchFile]) -> None:
    for batch in added:
        say(f"data/raw/{batch.path.name}: added, tracked by DVC.")
    say("Next: dvc repro, then git add -A, git commit and dvc push.")
