from __future__ import annotations

import pandas as pd
import pytest

from mlops.contract.document import parse
from mlops.data.check import check
from mlops.data.young import settled

CONTRACT = parse("""
apiVersion: v3.2.0
kind: DataContract
id: a
version: 1.0.0
status: active
schema:
  - name: a
    properties:
      - {name: y, logicalType: boolean, tags: [target], required: true}
      - {name: at, logicalType: timestamp, tags: [time], required: true}
""")


def rows(*targets: str) -> pd.DataFrame:
    return pd.DataFrame({"y": targets, "at": [f"2024-01-{day + 1:02d}T00:00:00" for day in range(len(targets))]})


@pytest.mark.parametrize(
    ("targets", "delay", "errors"),
    [
        (("true", "false", "true", ""), "1d", 0),
        (("true", "false", "", ""), "1d", 1),
        (("true", "false", "", ""), "2d", 0),
        (("", "false", "true", "true"), "2d", 1),
        (("true", "false", "true", ""), "0d", 1),
    ],
)
def test_a_young_row_may_lack_its_target_an_old_one_may_not(targets: tuple[str, ...], delay: str, errors: int) -> None:
    found = check(settled(rows(*targets), CONTRACT, delay), CONTRACT)
    assert len([violation for violation in found if violation.column == "y"]) == errors, found


def test_a_table_without_these_columns_is_left_to_the_check() -> None:
    frame = rows("true").drop(columns="at")
    assert settled(frame, CONTRACT, "1d") is frame
