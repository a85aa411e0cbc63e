"""Stage `validate`: the newest batch and the whole keep the contract."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd

from mlops.contract.errors import Refused
from mlops.contract.model import Contract
from mlops.data import check, table
from mlops.data.batches import BatchFile, list_batches
from mlops.data.violation import Violation
from mlops.data.young import settled
from mlops.pipeline import dataset
from mlops.pipeline.params import load as load_params
from mlops.pipeline.stage import run, write_json
from mlops.settings import Settings


def _work(settings: Settings) -> str:
    agreed, batches = dataset.contract(settings), list_batches(settings.root)
    delay = load_params(settings.root).label_delay
    frames = {batch.path.name: settled(table.read_raw(batch.path), agreed, delay) for batch in batches}
    newest = batches[-1]
    found = {newest.path.name: check.check(frames[newest.path.name], agreed, newest.path.name)}
    if len(batches) > 1:
        whole = check.check(table.joined(list(frames.values())), agreed, "all batches")
        found["all batches"] = untold(whole, found[newest.path.name])
    write_json(settings.root / "reports" / "validation.json", _report(batches, frames, agreed, found))
    return judge(found, len(batches), sum(map(len, frames.values())))


def untold(whole: list[Violation], newest: list[Violation]) -> list[Violation]:
    """Leave out what of all batches is wrong in the newest alone, and told there."""
    told = {(violation.column, violation.rule, violation.count) for violation in newest if violation.count}
    return [violation for violation in whole if (violation.column, violation.rule, violation.count) not in told]


def judge(found: dict[str, list[Violation]], batches: int, rows: int) -> str:
    """Print what breaks the contract and stop if a rule of severity `error` is among it.

    Raises:
        Refused: One is.
    """
    violations = [violation for several in found.values() for violation in several]
    for violation in violations:
        print(f"{violation.severity}: {violation}", file=sys.stderr)
    errors = [violation for violation in violations if violation.severity == "error"]
    if errors:
        places = f"{len(errors)} place{'s' * (len(errors) != 1)}"
        raise Refused(f"the data breaks the contract in {places}, listed above. Nothing was trained.")
    return f"{rows} rows in {batches} batch{'es' * (batches != 1)} keep the contract; warnings: {len(violations)}"


def _report(
    batches: list[BatchFile],
    frames: dict[str, pd.DataFrame],
    agreed: Contract,
    found: dict[str, list[Violation]],
) -> dict[str, Any]:
    return {
        "contract": agreed.version,
        "batches": {batch.path.name: len(frames[batch.path.name]) for batch in batches},
        "violations": {part: [str(violation) for violation in several] for part, several in found.items()},
    }


if __name__ == "__main__":
    run("validate", _work)
