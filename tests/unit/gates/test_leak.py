"""What looks like the target in disguise blocks; only where all of several inputs do, the question may be easy."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from mlops.contract.model import Column, Contract
from mlops.contract.task import Task
from mlops.gates.leak import check_leaks

pytestmark = pytest.mark.unit
TASK = Task("binary", "y", (False, True), 0.5, "x", (), {}, ())


def rows(*disguised: str) -> pd.DataFrame:
    random = np.random.default_rng(0)
    truth = random.random(1000) < 0.4
    columns = {n: n.startswith("leak") * 1.0 * truth + random.normal(0, 0.01, 1000) for n in disguised}
    return pd.DataFrame({"y": pd.array(truth, dtype="boolean"), **columns})


@pytest.mark.parametrize(
    ("inputs", "outcome"),
    [
        (("good", "fine"), "pass"),
        (("leak", "good"), "block"),
        (("leak",), "block"),  # no other input is left that could say how easy the question is
        (("leak", "leak2"), "warn"),
    ],
)
def test_one_input_that_gives_the_target_blocks(inputs: tuple[str, ...], outcome: str) -> None:
    columns = (Column("y", "boolean", frozenset({"target"})), *(Column(name, "number") for name in inputs))
    agreed = Contract("x", "x", "1.0.0", "", ZoneInfo("UTC"), columns)
    assert check_leaks(agreed, TASK, rows(*inputs)).outcome == outcome


def test_a_column_that_a_pull_request_vouches_for_is_named() -> None:
    target = Column("y", "boolean", frozenset({"target"}))
    base = Contract(
        "x", "x", "1.0.0", "", ZoneInfo("UTC"), (target, Column("leak", "number"), Column("good", "number"))
    )
    vouched = (target, Column("leak", "number", leak_reviewed=True), Column("good", "number"))
    ours = Contract("x", "x", "1.0.0", "", ZoneInfo("UTC"), vouched)
    found = check_leaks(ours, TASK, rows("leak", "good"), base)
    assert (found.outcome, "vouches that it is none: 'leak'" in found.words) == ("warn", True)
    assert check_leaks(ours, TASK, rows("leak", "good"), ours).outcome == "pass"
