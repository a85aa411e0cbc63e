"""Leaves the few rows of feedback out that break the contract; many are for a person to judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from mlops.contract.columns import Json, convert
from mlops.contract.limits import breaches, nulls
from mlops.contract.model import Contract
from mlops.data.feedback_files import Row

FEW = 0.05
Broken = Counter[tuple[str, str]]


def sieve(agreed: Contract, rows: Sequence[Row], outcomes: Sequence[Json]) -> tuple[list[Row], list[Json], Broken]:
    """Keep the rows of which no value breaks a rule of severity `error`.

    A request with such a value is answered with a warning, so one client's slip would hold up all feedback. Where more
    than `FEW` of the rows break a rule, all stay: then the world or the contract changed, and the check refuses them.

    Args:
        agreed: The contract.
        rows: What was predicted.
        outcomes: What became of it, in the same order.

    Returns:
        The rows and outcomes that stay, and how many rows were left out by column and rule.
    """
    out = np.zeros(len(rows), dtype=bool)
    broken: Broken = Counter()
    for column in agreed.columns:
        if "excluded" in column.roles or column.restricted:
            continue
        target = column.name == agreed.target.name
        array, bad = convert(agreed, column, outcomes if target else [row.get(column.name) for _, row in rows])
        wrong = np.zeros(len(rows), dtype=bool)
        wrong[[item.row for item in bad]] = True
        found = [("type", wrong)]
        if column.required:
            found.append(("required", nulls(array) & ~wrong))
        for rule in column.rules:
            # Which of two equal values is wrong is not for a row to say.
            if rule.severity == "error" and rule.kind != "unique":
                found.append((rule.kind, breaches(rule, column.kind, array)))
        for kind, rows_of in found:
            if rows_of.any():
                broken[column.name, kind] += int(rows_of.sum())
                out |= rows_of
    if not broken or out.sum() > FEW * len(rows):
        return list(rows), list(outcomes), Counter()
    stay = np.flatnonzero(~out).tolist()
    return [rows[index] for index in stay], [outcomes[index] for index in stay], broken
