"""Break what is guarded, see red, read why."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from living import LivingProject

pytestmark = pytest.mark.pipeline
FEATURES = "src/own_table/features.py"


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        (
            "import numpy as np\ndef features(columns):\n    price = columns['unit price']\n"
            "    return {'price': price - np.nanmean(price)}\n",
            2,
            "features.py looks at other rows",
        ),
        (
            "import numpy as np\ndef features(columns):\n    price = columns['unit price']\n"
            "    return {'price': np.where(np.isnan(price), np.nanmean(price), price), 'gift': columns['gift']}\n",
            2,
            "features.py looks at other rows",
        ),
        (
            "import pandas as pd\ndef features(columns):\n"
            "    return {'price': pd.Series(columns['unit price']).to_numpy()}\n",
            2,
            "features.py imports 'pandas', something that the server does not have",
        ),
        (
            "def features(columns):\n    return {'back': columns['returned'], 'price': columns['unit price']}\n",
            2,
            "asked for the column 'returned', which is no input of contract.yaml",
        ),
        ("def features(columns):\n    return {'price': columns['unit price'][:5]}\n", 2, "has the shape (5,)"),
        ("def features(columns):\n    return {'when': columns['sold at']}\n", 2, "Turn it into numbers or text"),
        ("def features(columns)\n", 2, "SyntaxError"),
    ],
    ids=["other rows", "the mean of other rows", "not in the server", "the target", "shape", "time", "syntax"],
)
def test_features_that_break_a_promise_do_not_train(project: LivingProject, body: str, code: int, words: str) -> None:
    (project.path / FEATURES).write_text(body, encoding="utf-8")
    assert words in project.stage("train", expect=code)


def test_a_constant_model_is_refused(project: LivingProject) -> None:
    project.edit("params.yaml", "max_iter:", "min_samples_leaf: 100000\n  max_iter:")
    project.dvc("repro")
    said = project.mlops("gate", expect=1)
    assert "BLOCK  dummy" in said
    assert "0.0% of the way" in said
    assert "BLOCK  champion" in said
    assert "NO: blocked by" in project.mlops("report")


def test_a_shuffled_target_is_refused(project: LivingProject) -> None:
    path = project.path / "data" / "raw" / "0001-sales.csv"
    table = pd.read_csv(path)
    table["returned"] = table["returned"].sample(frac=1, random_state=0).to_numpy()
    table.to_csv(path, index=False)
    project.dvc("add", "--quiet", "data/raw/0001-sales.csv")
    project.dvc("repro")
    said = project.mlops("gate", expect=1)
    assert "BLOCK  data" in said
    assert "0001-sales.csv is changed" in said
    assert "BLOCK  dummy" in said


def test_a_column_that_is_the_answer_is_refused(fresh: LivingProject, more: Callable[[int, int], pd.DataFrame]) -> None:
    table = more(0, 900)
    table["refund"] = (table["returned"] == "yes") * table["unit price"]
    path = fresh.path.parent / "sales.csv"
    table.to_csv(path, index=False)
    assert "looks like a leak" in fresh.mlops("contract", "infer", str(path), "--target", "returned")
    fresh.edit("contract.yaml", "name: refund\n        tags: [excluded]\n", "name: refund\n")
    fresh.mlops("data", "add", str(path))
    fresh.dvc("repro")
    fresh.commit("All that there is")
    said = fresh.mlops("gate", expect=1)
    assert "BLOCK  leak" in said
    assert "'refund': alone it tells the classes apart" in said


def test_the_bar_cannot_be_lowered_from_inside_a_pull_request(project: LivingProject) -> None:
    project.git("switch", "--quiet", "--create", "lower")
    body = "def features(columns):\n    return {name: columns[name] for name in ('gift', 'discount.percent')}\n"
    (project.path / FEATURES).write_text(body, encoding="utf-8")
    gates = project.path / "gates.yaml"
    gates.write_text("metric: roc_auc\nmargin: 0.4\nbeats_dummy_by: 0%\n", encoding="utf-8")
    project.dvc("repro")
    project.commit("A lower bar for a worse model")
    said = project.mlops("gate", "--base", "origin/main", expect=1)
    assert "gates.yaml of the base branch" in said
    assert "gates.yaml as changed here" in said
    gates.unlink()
    project.mlops("gate", "--base", "origin/main", expect=2)


def test_a_batch_that_breaks_the_contract_stops_the_pipeline(
    project: LivingProject, more: Callable[[int, int], pd.DataFrame]
) -> None:
    table = more(2400, 200)
    table["size"] = table["size"].where(table.index % 5 != 0, "XXXXL")
    path = project.path.parent / "later.csv"
    table.to_csv(path, index=False)
    said = project.mlops("data", "add", str(path), expect=1)
    assert "column 'size' of later.csv: 40 of 200 values" in said
    assert not list((project.path / "data" / "raw").glob("0002*"))
    project.mlops("data", "add", "--unchecked", str(path))
    assert "'XXXXL'" in project.stage("validate", expect=1)


def test_an_environment_that_is_not_there_has_no_champion_to_pass_without(project: LivingProject) -> None:
    said = project.mlops("gate", "--base", "origin/main", "--env", "stagin", expect=2)
    assert "No environment 'stagin'" in said and "Did you mean 'staging'?" in said
    (project.path / "reports" / "gate.json").write_text("{", encoding="utf-8")
    assert "Run `mlops gate` again" in project.mlops("report", expect=2)


def test_stale_results_are_not_judged(project: LivingProject) -> None:
    project.edit("params.yaml", "learning_rate: 0.1", "learning_rate: 0.2")
    said = project.mlops("gate", expect=2)
    assert "Run `dvc repro`" in said
