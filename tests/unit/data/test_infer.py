from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from ruamel.yaml import YAML
from sklearn import datasets

from mlops.contract.document import parse
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.request import check as check_request
from mlops.data.check import check
from mlops.data.infer import Proposal, infer
from mlops.data.margin import auc_error, r2_error
from mlops.data.names import is_entity, is_identifier, is_protected
from mlops.data.plan import model_numbers, percent_to_test
from mlops.data.splitting import decide, sides
from mlops.data.table import read_raw, to_json, typed


def table(n: int = 300, seed: int = 0, **more: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    base = {"x": x, "z": rng.normal(size=n), "y": np.where(x + rng.normal(size=n) > 0.3, "good", "bad")}
    return pd.DataFrame(base | more)


def propose(frame: pd.DataFrame, folder: Path, target: str = "y", ending: str = "csv", **asked: Any) -> Proposal:
    path = folder / f"t.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    return infer(path, target, **asked)


def contract_of(proposal: Proposal) -> Contract:
    return parse(proposal.contract_yaml)


def roles(proposal: Proposal) -> dict[str, list[str]]:
    return {column.name: sorted(column.roles) for column in contract_of(proposal).columns if column.roles}


def fits(proposal: Proposal, path: Path) -> None:
    """The proposal holds for the table that it was made from, in every part that reads it."""
    contract, raw = contract_of(proposal), read_raw(path)
    assert check(raw, contract) == []
    frame = typed(raw, contract, path.name).frame
    rows = pd.DataFrame(to_json(frame.head(50), contract), dtype=object).to_dict("records")
    found = check_request(contract, rows)
    assert (found.refusals, found.warnings) == ((), ())
    params = yaml.safe_load(proposal.params_yaml)
    batch = np.zeros(len(frame), dtype=int)
    split = decide(frame, batch, contract, params["split"], params["window"], params.get("label_delay"))
    assert {"train", "test"} <= set(sides(frame, batch, contract, split))
    assert yaml.safe_load(proposal.contract_yaml) == YAML(typ="safe", pure=True).load(proposal.contract_yaml)
    assert list(yaml.safe_load(proposal.gates_yaml)) == ["metric", "margin", "when_unsure", "beats_dummy_by"]


@pytest.mark.parametrize(
    ("load", "task", "ending"),
    [
        (datasets.load_iris, "multiclass", "csv"),
        (datasets.load_wine, "multiclass", "parquet"),
        (datasets.load_breast_cancer, "binary", "csv"),
        (datasets.load_diabetes, "regression", "csv"),
        (datasets.load_digits, "multiclass", "parquet"),
    ],
)
def test_real_tables(load: Callable[..., Any], task: str, ending: str, tmp_path: Path) -> None:
    proposal = propose(load(as_frame=True).frame, tmp_path, "target", ending)
    assert yaml.safe_load(proposal.params_yaml)["task"] == task
    fits(proposal, tmp_path / f"t.{ending}")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_everything(ending: str, tmp_path: Path) -> None:
    n, rng = 400, np.random.default_rng(1)
    frame = table(n).assign(
        **{
            "Kunden Nr.": [f"k-{i}" for i in range(n)],
            "second id": [f"{i:08x}" for i in rng.permutation(n)],
            "größe.cm": rng.normal(170, 10, n),
            "on": rng.choice(["yes", "no"], n),
            "1e5": rng.choice(["x", "1e5", "12:30"], n),
            "day": pd.date_range("2020-01-01", periods=n).date,
            "empty": None,
            "constant": "x",
            "flag": rng.random(n) > 0.5,
            "count": pd.array(np.where(rng.random(n) > 0.1, rng.integers(0, 9, n), -1), "Int64"),
            "words": [f"lorem ipsum dolor sit amet {i} " * 4 for i in range(n)],
            "gender": rng.choice(["f", "m", None], n),
            "leak": 0.0,
        }
    )
    frame["leak"] = (frame["y"] == "good") * 2.0 + rng.random(n)
    frame.loc[frame["count"] == -1, "count"] = pd.NA
    proposal = propose(frame, tmp_path, ending=ending)
    assert roles(proposal) == {
        "y": ["target"],
        "Kunden Nr.": ["excluded"],
        "second id": ["id"],
        "on": ["slice"],
        "1e5": ["slice"],
        "day": ["time"],
        "empty": ["excluded"],
        "constant": ["excluded"],
        "words": ["excluded"],
        "gender": ["input", "protected"],
        "leak": ["excluded"],
    }
    contract = contract_of(proposal)
    assert (contract.column("count").kind, contract.column("count").required) == ("integer", False)
    assert contract.column("1e5").rules[0].value == ("12:30", "1e5", "x")
    assert contract.column("on").rules[0].value == ("no", "yes")
    assert "looks like a leak" in contract.column("leak").description
    fits(proposal, tmp_path / f"t.{ending}")


@pytest.mark.parametrize(
    ("labels", "task", "positive"),
    [
        (["no", "yes"], "binary", "yes"),
        ([0, 1], "binary", 1),
        ([False, True], "binary", True),
        (["a", "b", "c"], "multiclass", None),
        ([0, 1, 2], "multiclass", None),
        (list(np.linspace(0, 1, 200)), "regression", None),
        (list(range(40)), "regression", None),
    ],
)
def test_the_task_follows_from_the_target(labels: list[Any], task: str, positive: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = table(600).assign(y=np.array(labels)[rng.integers(0, len(labels), 600)])
    params = yaml.safe_load(propose(frame, tmp_path).params_yaml)
    assert (params["task"], params.get("positive")) == (task, positive)
    assert ("threshold" in params) == (task == "binary")


def test_the_rarer_label_is_the_positive_unless_one_is_asked_for(tmp_path: Path) -> None:
    frame = table(400).assign(y=np.where(np.arange(400) % 20 == 0, "fault", "fine"))
    assert yaml.safe_load(propose(frame, tmp_path).params_yaml)["positive"] == "fault"
    assert yaml.safe_load(propose(frame, tmp_path, positive="fine").params_yaml)["positive"] == "fine"


def test_what_was_asked_for_is_followed(tmp_path: Path) -> None:
    frame = table(400).assign(y=np.arange(400) % 7)
    assert yaml.safe_load(propose(frame, tmp_path).params_yaml)["task"] == "multiclass"
    assert yaml.safe_load(propose(frame, tmp_path, task="regression").params_yaml)["task"] == "regression"


@pytest.mark.parametrize("rows", [150, 400])
def test_every_class_is_on_both_sides_even_of_few_rows(rows: int, tmp_path: Path) -> None:
    frame = table(rows).assign(y=np.where(np.arange(rows) % 20 == 0, "rare", "common"))
    proposal = propose(frame, tmp_path)
    params, contract = yaml.safe_load(proposal.params_yaml), contract_of(proposal)
    typed_rows = typed(read_raw(tmp_path / "t.csv"), contract, "t").frame
    batch = np.zeros(rows, dtype=int)
    found = sides(typed_rows, batch, contract, decide(typed_rows, batch, contract, params["split"]))
    assert {("train", "rare"), ("train", "common"), ("test", "rare"), ("test", "common")} == set(
        zip(found, typed_rows["y"], strict=True)
    )


def test_a_time_that_would_leave_a_class_out_is_not_split_by(tmp_path: Path) -> None:
    frame = table(300, day=pd.date_range("2020-01-01", periods=300).date).assign(y=["a"] * 200 + ["b"] * 100)
    proposal = propose(frame, tmp_path)
    assert yaml.safe_load(proposal.params_yaml)["split"]["method"] == "random"
    assert any("lack the class" in line for line in proposal.decisions)


def test_two_times_that_both_order_the_rows_are_left_to_a_person(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=300)
    frame = table(300, a=days.date, b=(days + pd.Timedelta("1D")).date)
    assert "time" not in str(roles(propose(frame, tmp_path)))
    assert any("--time" in line for line in propose(frame, tmp_path).decisions)
    assert roles(propose(frame, tmp_path, time="b"))["b"] == ["time"]


def test_a_customer_with_several_rows_is_a_group(tmp_path: Path) -> None:
    proposal = propose(table(400, customer_id=np.arange(400) // 5), tmp_path)
    assert roles(proposal)["customer_id"] == ["group"]
    assert yaml.safe_load(proposal.params_yaml)["split"]["method"] == "group"
    fits(proposal, tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["time", "year", "dose"])
def test_a_count_beside_the_target_alone_is_an_input(name: str, tmp_path: Path) -> None:
    series = pd.DataFrame({name: 1900 + np.arange(120), "y": table(120)["x"]})
    proposal = propose(series, tmp_path)
    assert roles(proposal) == {"y": ["target"]}
    told = [line for line in proposal.decisions if "is no date" in line]
    assert [repr(name) in line for line in told] == ([True] if name != "dose" else [])
    fits(proposal, tmp_path / "t.csv")


def test_a_count_beside_other_inputs_names_the_rows_and_says_what_else_it_may_be(tmp_path: Path) -> None:
    proposal = propose(table(120, dose=range(120), time=range(7, 127)), tmp_path)
    assert roles(proposal) == {"dose": ["id"], "y": ["target"]}
    assert any("'dose'" in line and "if it is a measure" in line for line in proposal.decisions)


def test_a_leak_stays_where_rows_are_too_few_to_tell(tmp_path: Path) -> None:
    frame = table(100)
    frame["leak"] = (frame["y"] == "good") * 1.0
    proposal = propose(frame, tmp_path)
    assert "leak" not in roles(proposal)
    assert any("'leak'" in line and "too few to tell" in line for line in proposal.decisions)


def test_a_name_for_the_target_is_a_leak_in_every_task(tmp_path: Path) -> None:
    frame = table(600)
    frame["word"] = frame["y"].map({"good": "ok", "bad": "ko"})
    assert roles(propose(frame, tmp_path))["word"] == ["excluded"]
    numbers = frame.assign(y=frame["x"] * 2 + 1)
    assert roles(propose(numbers, tmp_path))["x"] == ["excluded"]
    classes = frame.assign(y=(np.arange(600) % 3).astype(str), other=np.arange(600) % 3 * 10.0)
    assert roles(propose(classes, tmp_path))["other"] == ["excluded"]


@pytest.mark.parametrize(
    ("change", "asked", "says"),
    [
        ({}, {"target": "why"}, "has no column 'why'.*Did you mean 'y'|Known are"),
        ({"y": None}, {}, "null in all 300 rows"),
        ({"y": "a"}, {}, "is 'a' in all 300 rows"),
        ({"y": [f"w{i}" for i in range(300)]}, {}, "300 different values"),
        ({"y": ["a"] * 297 + ["rare"] * 3}, {}, r"fewer than 5 rows: 'rare' \(3\)"),
        ({"x": None, "z": 1}, {}, "no column is left to predict 'y' from: 'x' null in every row"),
        ({}, {"task": "clasification"}, "the task 'clasification' is unknown"),
        ({}, {"task": "regression"}, "is a string, so the task is not regression"),
        ({}, {"task": "multiclass"}, "2 different values"),
        ({}, {"positive": "goood"}, "has no value 'goood'.*Did you mean 'good'"),
        ({}, {"time": "x"}, "time column 'x' is a number"),
        ({}, {"time": "when"}, "'when' is not in the table"),
        ({}, {"time": "y"}, "both target and time"),
        ({}, {"zone": "Mars/Base"}, "timezone 'Mars/Base' is unknown"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_once(
    change: dict[str, Any], asked: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(MlopsError, match=says) as told:
        propose(table(300).assign(**change), tmp_path, **asked)
    assert told.value.exit_code == 2


def test_few_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MlopsError, match="known in 49 rows; at least 50"):
        propose(table(49), tmp_path)


def test_null_targets_are_left_out_where_rows_have_a_time(tmp_path: Path) -> None:
    frame = table(300, day=pd.date_range("2020-01-01", periods=300).date)
    frame.loc[295:, "y"] = None
    proposal = propose(frame, tmp_path)
    assert not contract_of(proposal).target.required
    assert any("null in 5 of 300 rows" in line for line in proposal.decisions)
    fits(proposal, tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["3,14", "2,71"], "decimal comma"),
        (["01/02/2020", "03/02/2020"], "looks like dates"),
        ([str(number) for number in range(30)] + ["?"], "nearly all are numbers, but not '?'"),
        (["007", "008"], "leading zeros"),
        (["NA", "b"], "stay text"),
    ],
)
def test_what_nearly_was_another_kind_is_told(values: list[str], says: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    column = np.array(values, dtype=object)[rng.integers(0, len(values), 300)]
    proposal = propose(table(300, odd=column), tmp_path)
    assert contract_of(proposal).column("odd").kind == "string"
    assert any("'odd'" in line and says in line for line in proposal.decisions)


def test_the_standard_errors_are_those_of_the_papers() -> None:
    assert auc_error(0.75, 50, 50) == pytest.approx(0.0486, abs=2e-3)
    assert r2_error(0.5, 1000) == pytest.approx(0.0224, abs=1e-3)


def test_the_numbers_follow_the_size() -> None:
    assert [percent_to_test(rows) for rows in (50, 150, 400, 999, 1000, 10**6)] == [40, 40, 30, 20, 20, 20]
    assert model_numbers(100, 2)["min_samples_leaf"] == 5
    assert model_numbers(10**5, 2) == {"learning_rate": 0.1, "max_iter": 200, "max_leaf_nodes": 31}
    assert model_numbers(10**5, 50)["max_iter"] == 40


def test_what_names_say() -> None:
    assert is_protected("Sex") and is_protected("maritalStatus") and is_protected("age_years")
    assert not is_protected("average") and not is_protected("package") and not is_protected("stage")
    assert is_identifier("CustomerID") and is_identifier("row no.") and not is_identifier("idea")
    assert is_entity("customer_id") and is_entity("Patient") and not is_entity("customer_age")
