"""The champion is never asked about rows that it was trained on, whatever a pull request makes of the contract."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops.contract.document import parse as parse_contract
from mlops.contract.errors import MlopsError
from mlops.contract.task import Batch, Task
from mlops.data import splitting
from mlops.delivery.champion import Champion
from mlops.gates import rows as gate_rows
from mlops.gates.contest import aligned, require_comparable
from mlops.gates.rows import incumbent, raw_for, trained_on, unseen
from mlops.pipeline import dataset, prepare
from mlops.pipeline.params import parse as parse_params
from mlops.settings import Settings

CONTRACT = """
apiVersion: v3.2.0
kind: DataContract
id: a
version: 1.0.0
status: active
schema:
  - name: a
    properties:
      - {name: y, logicalType: boolean, tags: [target]}
      - {name: x, logicalType: number}
      - {name: w, logicalType: number}
"""
PARAMS = "task: binary\npositive: true\nsplit: {method: random, test: 40%}\n"


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """A project with a champion trained on its first batch, and a second batch since."""
    (tmp_path / "data" / "raw").mkdir(parents=True)
    for number in (1, 2):
        table(number).to_csv(tmp_path / "data" / "raw" / f"000{number}-a.csv", index=False)
    (tmp_path / "contract.yaml").write_text(CONTRACT)
    return Settings(tmp_path, "a", "a", "a.features", "a.model")


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"y": rng.random(200) < 0.5, "x": rng.random(200), "w": rng.random(200)})


@pytest.fixture
def champion(project: Settings) -> Champion:
    agreed = parse_contract(CONTRACT)
    first = project.root / "data" / "raw" / "0001-a.csv"
    frame = table(1).astype({"y": "boolean"})
    split = splitting.decide(frame, np.zeros(200, int), agreed, {"method": "random", "test": "40%"})
    bundle = project.root / "champion" / "build" / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "contract.yaml").write_text(CONTRACT)
    sha = hashlib.sha256(first.read_bytes()).hexdigest()
    Task("binary", "y", (False, True), 0.5, "a", (), split.to_json(), (Batch("0001-a.csv", sha, 200),)).dump(
        bundle / "task.json"
    )
    return Champion(None, project.root / "champion")  # type: ignore[arg-type]  # its record is not looked at


def test_its_training_rows_are_those_that_it_split_off_itself(project: Settings, champion: Champion) -> None:
    standing = incumbent(project, champion)
    mask = trained_on(standing.task, standing.data)
    alone = prepare.divide(dataset.load(project), parse_params(PARAMS))
    own = alone.train[alone.train[prepare.BATCH] == 0]
    assert mask[200:].sum() == 0, "the second batch came later"
    assert sorted(np.flatnonzero(mask)) == sorted(own[prepare.ROW])


def test_the_same_settings_leave_no_overlap(project: Settings, champion: Champion) -> None:
    test = prepare.divide(dataset.load(project), parse_params(PARAMS)).test
    assert len(unseen(incumbent(project, champion), test)) == len(test)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: w, logicalType: number", "name: w, logicalType: number, tags: [excluded]"),
        ("      - {name: w, logicalType: number}\n", ""),
        ("name: x, logicalType: number", "name: x, logicalType: number, tags: [id]"),
    ],
    ids=["excluded", "dropped", "id"],
)
def test_a_changed_contract_does_not_hide_what_it_was_trained_on(
    project: Settings, champion: Champion, old: str, new: str
) -> None:
    (project.root / "contract.yaml").write_text(CONTRACT.replace(old, new))
    test = prepare.divide(dataset.load(project), parse_params(PARAMS)).test
    standing = incumbent(project, champion)
    truly = {(0, row) for row in np.flatnonzero(trained_on(standing.task, standing.data))}
    kept = unseen(standing, test)
    assert not truly & set(gate_rows.keys(kept))
    assert set(gate_rows.keys(test)) - truly == set(gate_rows.keys(kept))


def test_a_change_of_role_deals_no_row_anew(project: Settings) -> None:
    before = prepare.divide(dataset.load(project), parse_params(PARAMS)).test
    text = CONTRACT.replace("name: w, logicalType: number", "name: w, logicalType: number, tags: [excluded]")
    (project.root / "contract.yaml").write_text(text)
    after = prepare.divide(dataset.load(project), parse_params(PARAMS)).test
    assert set(gate_rows.keys(before)) == set(gate_rows.keys(after))
    assert "w" not in after


def test_too_few_rows_are_not_judged(project: Settings, champion: Champion) -> None:
    standing = incumbent(project, champion)
    everything = prepare.numbered(dataset.load(project))
    seen = everything[:200][trained_on(standing.task, standing.data)[:200]]
    with pytest.raises(MlopsError, match=r"the champion was trained on 1\d\d of the 1\d\d test rows; 0 are too few"):
        unseen(standing, seen)


def test_the_champion_reads_raw_values_by_its_own_contract(project: Settings, champion: Champion) -> None:
    text = CONTRACT.replace("name: w, logicalType: number", "name: w, logicalType: string, tags: [excluded]")
    (project.root / "contract.yaml").write_text(text)
    test = prepare.divide(dataset.load(project), parse_params(PARAMS)).test
    raw = raw_for(incumbent(project, champion).data, test)
    both = pd.concat([table(1), table(2)], ignore_index=True)
    expected = both["w"].to_numpy()[200 * test[prepare.BATCH] + test[prepare.ROW]]
    np.testing.assert_allclose(raw["w"], expected)


def test_data_that_the_champion_cannot_read_are_not_judged(project: Settings, champion: Champion) -> None:
    path = project.root / "data" / "raw" / "0002-a.csv"
    table(2).drop(columns="w").to_csv(path, index=False)
    with pytest.raises(MlopsError, match=r"the champion cannot read today's data: .*column 'w' is missing"):
        incumbent(project, champion)


def test_scores_are_put_under_the_same_labels() -> None:
    ours = Task("multiclass", "y", ("a", "b", "c"), None, "p", (), {}, ())
    theirs = Task("multiclass", "y", ("c", "a"), None, "p", (), {}, ())
    scores = np.array([[0.9, 0.1], [0.2, 0.8]])
    np.testing.assert_array_equal(aligned(scores, theirs, ours), [[0.1, 0, 0.9], [0.8, 0, 0.2]])


def test_a_retyped_target_cannot_be_compared() -> None:
    """A champion all of whose classes are unknown would get 0 for each, and lose to any model."""
    theirs = Task("multiclass", "y", (0, 1, 2), None, "p", (), {}, ())
    with pytest.raises(MlopsError, match="the champion's classes are 0, 1, 2, this model's '0', '1', '2', and none is"):
        require_comparable(theirs, replace(theirs, classes=("0", "1", "2")))
    require_comparable(theirs, replace(theirs, classes=(1, 2, 3)))
