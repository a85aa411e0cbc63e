"""Proposes contract, parameters and gates for a table, and says what was decided and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from mlops.contract.document import parse
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.near import did_you_mean
from mlops.data.margin import METRICS, margin
from mlops.data.plan import Plan, model_numbers, plan_split
from mlops.data.profile import Profile, profile
from mlops.data.proposal import contract_yaml, gates_yaml, params_yaml
from mlops.data.roles import Roles, decide_roles
from mlops.data.table import read_raw, typed
from mlops.data.target import Target, decide_target

SHOWN_INPUTS = 12


@dataclass(frozen=True)
class Proposal:
    """Three files as text, and what was decided, one plain line each."""

    contract_yaml: str
    params_yaml: str
    gates_yaml: str
    decisions: list[str]


def infer(
    path: Path,
    target: str,
    *,
    task: str | None = None,
    positive: object | None = None,
    time: str | None = None,
    zone: str = "UTC",
    name: str | None = None,
) -> Proposal:
    """Propose the files for a table.

    Args:
        path: a CSV or Parquet file.
        target: the column to predict.
        task: binary, multiclass or regression, where it is not to be decided.
        positive: the positive label of a binary task, where it is not to be decided.
        time: the column that orders rows, where it is not to be decided.
        zone: the IANA zone of the times.
        name: what the data is called; the file's name where not given.

    Raises:
        MlopsError: The table cannot be used, and why.
    """
    path = Path(path)
    frame = read_raw(path)
    _check_target(frame, target, path)
    columns = {str(column): profile(frame[column], str(column), _zone(zone)) for column in frame.columns}
    _check_read(columns[target])
    decided = decide_target(columns[target], task, positive)
    if time == target:
        raise MlopsError(f"the column {time!r} cannot be both target and time. Name another with --time.")
    roles = decide_roles(columns, decided, time)
    text = contract_yaml(name or path.stem, zone, columns, decided, roles)
    contract = parse(text, "the proposed contract")
    plan = plan_split(typed(frame, contract, path.name, excluded=True).frame, contract, decided)
    limit = margin(decided, plan.test_rows)
    return Proposal(
        contract_yaml=text,
        params_yaml=params_yaml(decided, plan.split, model_numbers(plan.train_rows, len(decided.classes))),
        gates_yaml=gates_yaml(decided, limit),
        decisions=list(_told(path, columns, decided, roles, contract, plan, limit)),
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise MlopsError(f"the timezone {name!r} is unknown. Write one such as 'Europe/Berlin'.") from error


def _check_target(frame: pd.DataFrame, target: str, path: Path) -> None:
    names = [str(name) for name in frame.columns]
    if target not in names:
        raise MlopsError(f"{str(path)!r} has no column {target!r} to be the target. {did_you_mean(target, names)}")


def _check_read(column: Profile) -> None:
    if column.unread:
        raise MlopsError(f"target {column.name!r}: {column.note}. Correct or remove these rows.")


def _told(
    path: Path,
    columns: Mapping[str, Profile],
    target: Target,
    roles: Roles,
    contract: Contract,
    plan: Plan,
    limit: float,
) -> Iterator[str]:
    rows = target.rows + target.nulls
    yield f"table: {path.name!r}, {rows} rows and {len(columns)} columns."
    yield from target.decisions
    if target.nulls:
        yield f"target: null in {target.nulls} of {rows} rows, left out until it is known there."
    for column in columns.values():
        if column.note and "excluded" not in roles.tags.get(column.name, []):
            yield f"column {column.name!r}: {column.note}."
    yield from roles.decisions
    yield f"inputs: {_listed([column.name for column in contract.inputs])}."
    if any(rule.kind == "minimum" for column in contract.columns for rule in column.rules):
        yield "ranges: as seen and a tenth more on each side; what lies outside is a warning and does not stop a batch."
    if any(rule.kind == "enum" for column in contract.inputs for rule in column.rules):
        yield "enum: for text with few values that all repeat; another value stops a batch until contract.yaml has it."
    yield from plan.decisions
    yield (
        f"gate: {METRICS[target.task]}, margin {limit}: one standard error on {plan.test_rows} test rows, "
        "at least 0.005 and at most 0.05."
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN_INPUTS} more" if len(names) > SHOWN_INPUTS else ""
    return f"{len(names)} column{'s' * (len(names) > 1)}: {', '.join(map(repr, names[:SHOWN_INPUTS]))}{more}"
