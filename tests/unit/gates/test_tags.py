"""The base branch's tags count, whatever a pull request makes of the contract."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mlops.contract.document import parse
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.gates.tags import differ, limited, tagged
from mlops.pipeline import dataset, prepare
from mlops.settings import Settings

pytestmark = pytest.mark.unit
BASE = """
apiVersion: v3.2.0
kind: DataContract
id: a
version: 1.0.0
status: active
schema:
  - name: a
    properties:
      - {name: y, logicalType: boolean, tags: [target]}
      - {name: x, logicalType: number, tags: [slice]}
      - {name: sex, logicalType: string, tags: [protected]}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data" / "raw").mkdir(parents=True)
    table = pd.DataFrame({"y": [True, False] * 3, "x": [1, 2, 3, 4, 5, 6], "sex": list("abcdef")})
    table.to_csv(tmp_path / "data" / "raw" / "0001-a.csv", index=False)
    return Settings(tmp_path, "a", "a", "a.features", "a.model")


def rows_of(settings: Settings, agreed: Contract) -> pd.DataFrame:
    rows = prepare.numbered(dataset.load(settings, agreed))
    return rows.iloc[[4, 1, 2]].reset_index(drop=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tags: [protected]", "tags: [excluded]"),
        ("tags: [protected]", "tags: [id]"),
        ("      - {name: sex, logicalType: string, tags: [protected]}\n", ""),
        ("logicalType: number, tags: [slice]", "logicalType: string, tags: []"),
    ],
    ids=["excluded", "other role", "gone", "other type"],
)
def test_a_column_untagged_here_is_still_judged_by(settings: Settings, old: str, new: str) -> None:
    base, ours = parse(BASE), parse(BASE.replace(old, new))
    rows = rows_of(settings, ours)
    found = {r: tagged(r, base, ours, rows, lambda c: dataset.load(settings, c)) for r in ("slice", "protected")}
    assert found["slice"]["x"].tolist() == [5, 2, 3]
    assert found["protected"]["sex"].tolist() == ["e", "b", "c"]
    assert differ(base, ours)


def test_a_column_that_is_gone_from_the_data_cannot_be_judged_by(settings: Settings) -> None:
    base, ours = parse(BASE), parse(BASE.replace("      - {name: sex, logicalType: string, tags: [protected]}\n", ""))
    path = settings.root / "data" / "raw" / "0001-a.csv"
    pd.read_csv(path).drop(columns="sex").to_csv(path, index=False)
    rows = rows_of(settings, ours)
    with pytest.raises(MlopsError, match="the base branch judges rows by 'sex', which cannot be read"):
        tagged("protected", base, ours, rows, lambda c: dataset.load(settings, c))


def test_the_same_tags_read_nothing_again(settings: Settings) -> None:
    base = parse(BASE)

    def read(contract: Contract) -> dataset.Dataset:
        raise AssertionError("read")

    assert tagged("slice", base, base, rows_of(settings, base), read)["x"].tolist() == [5, 2, 3]
    assert not differ(base, parse(BASE.replace("version: 1.0.0", "version: 1.0.1")))


def test_the_limits_and_secrets_of_the_base_hold_whatever_a_pull_request_makes_of_them() -> None:
    limits = "logicalTypeOptions: {minimum: 0}, classification: restricted"
    base = parse(BASE.replace("name: x, logicalType: number", f"name: x, logicalType: number, {limits}"))
    narrow = "logicalTypeOptions: {maximum: -1}, tags: [slice]}\n      - {name: new, logicalType: string"
    ours = parse(BASE.replace("logicalType: number, tags: [slice]", f"logicalType: number, {narrow}"))
    found = limited(ours, base)
    assert [rule.kind for rule in found.column("x").rules] == ["minimum"]
    assert found.column("x").restricted
    assert found.column("new") == ours.column("new")
    assert limited(ours, ours) == ours
