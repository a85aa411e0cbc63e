"""Is a column the answer in disguise? One input that alone all but gives the target is not known before it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mlops.contract.model import Column, Contract
from mlops.contract.task import Task
from mlops.data.leaks import enough, gives_away
from mlops.data.profile import Profile
from mlops.data.target import Target
from mlops.gates.match import Check


def check_leaks(agreed: Contract, task: Task, train: pd.DataFrame, base: Contract | None = None) -> Check:
    """Look at each input of the training rows alone; the rule is the one by which a contract is inferred.

    A column for which somebody vouches counts as good; where the base branch did not yet, the report says so.
    """
    truth = _profile(agreed.target, train)
    counts: dict[Any, int] = {} if task.task == "regression" else dict(truth.counts)
    target = Target(agreed.target.name, agreed.target.kind, task.task, counts, rows=len(train))
    if not enough(target):
        return Check("leak", "pass", "Too few training rows, or too few of a class, to tell a leak from a good column.")
    suspects = [column for column in agreed.inputs if "time" not in column.roles]
    found = {column.name: gives_away(_profile(column, train), truth, target) for column in suspects}
    words = [f"{c.name!r}: {found[c.name]}" for c in suspects if found[c.name] and not c.leak_reviewed]
    if not words:
        return _vouched([c.name for c in suspects if found[c.name]], base)
    advice = (
        "If it is known before the target, write `customProperties: [{property: leak, value: reviewed}]` "
        "at the column in contract.yaml; else tag it `excluded`."
    )
    # Where every one of several inputs is as good, the question is easy.
    outcome = "warn" if len(words) == len(suspects) > 1 else "block"
    return Check("leak", outcome, f"Looks like a leak of the target: {'; '.join(words)}. {advice}")  # type: ignore[arg-type]


def _vouched(names: list[str], base: Contract | None) -> Check:
    before = {c.name for c in base.columns if c.leak_reviewed} if base else set(names)
    fresh = [repr(name) for name in names if name not in before]
    if not fresh:
        return Check("leak", "pass", "No input alone gives the target.")
    words = f"Looks like a leak of the target, and this pull request vouches that it is none: {', '.join(fresh)}."
    return Check("leak", "warn", words)


def _profile(column: Column, rows: pd.DataFrame) -> Profile:
    return Profile(column.name, column.kind, rows[column.name], unread=0)
