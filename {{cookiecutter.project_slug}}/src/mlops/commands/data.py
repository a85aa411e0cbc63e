"""`mlops data`: add a batch, bring the next one of the source, or make one of feedback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mlops.commands.contract import require_kept
from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.data import batches, feedback, feedback_table, table
from mlops.data.batches import BatchFile
from mlops.data.feedback import Joined
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


def pull(folder: Path | None) -> None:
    """Make a batch of what servers were asked and what became of it."""
    settings = find()
    where = feedback.folder_of(settings, folder)
    if not where.is_dir():
        raise MlopsError(
            f"{str(where)!r} is no folder. Name the one that servers write to (--feedback), "
            "or set [tool.mlops] feedback in pyproject.toml."
        )
    if not any((where / "inputs").glob("*.jsonl")):
        say(
            f"Nothing to add: {str(where)!r} holds no inputs/*.jsonl. A server writes them with --signing-key and "
            "--feedback; in a cluster feedback.secret and feedback.claim switch them on."
        )
        return
    agreed, now = contract(settings), datetime.now(UTC)
    found = feedback.join(settings, agreed, now, where)
    counted(found)
    if not found.rows:
        say("Nothing to add: no row that is old enough has an outcome.")
        return
    frame = feedback_table.table(agreed, found.rows, found.outcomes, found.name)
    require_kept(settings, agreed, feedback_table.stored(frame), found.name)
    _tell([batches.add_frame(settings.root, frame, found.name)])


def counted(found: Joined) -> None:
    """Say what was joined, and what was left out."""
    for line in _counts(found):
        say(line)


def _counts(found: Joined) -> Iterator[str]:
    yield f"joined    {len(found.rows)} rows with their outcomes, {found.late} of them late"
    yield f"pending   {found.pending} rows younger than label_delay"
    yield f"without   {found.without} rows old enough, without an outcome: left out"
    yield f"repeated  {found.repeated} outcomes told again, {found.conflicting} of them otherwise: the first counts"
    for count, told in (
        (found.replaced, "rows whose id a newer row or an earlier batch has"),
        (found.orphans, "outcomes whose inputs are not here"),
        (found.torn, "lines that were not written to their end: skipped"),
    ):
        if count:
            yield f"also      {count} {told}"
    if found.breaking:
        yield f"broken    {found.breaking} rows that break contract.yaml: left out for good"
    for (column, rule), count in sorted(found.broken.items()):
        yield f"          {count} by {rule!r} of column {column!r}"


def _tell(added: list[BatchFile]) -> None:
    for batch in added:
        say(f"data/raw/{batch.path.name}: added, tracked by DVC.")
    say("Next: dvc repro, then git add -A, git commit and dvc push.")
