"""The smoke test that train writes: rows made from the contract alone, answers that the bundle itself gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from unit.serving.bundle_factory import LABELS, make_bundle

from mlops.contract.document import parse
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.request import check
from mlops.contract.task import Task
from mlops.pipeline import smoke
from mlops.pipeline.plausible import values
from mlops.serving.predictor import Predictor

HEAD = (
    "apiVersion: v3.2.0\nkind: DataContract\nid: t\nversion: 1.0.0\nstatus: active\nschema:\n- name: t\n  properties:\n"
)
TARGET = "  - {name: y, tags: [target], logicalType: boolean}\n"


def contract(*columns: str) -> Contract:
    return parse(HEAD + TARGET + "".join(f"  - {{{column}}}\n" for column in columns))


def made(column: str) -> list[Any]:
    agreed = contract(f"name: x, {column}")
    return values(agreed, agreed.column("x"))


@pytest.mark.parametrize("task", LABELS)
def test_every_row_is_accepted_and_answered(task: str, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", task)
    assert smoke.write(bundle) == ""
    first = (bundle / "smoke.json").read_bytes()
    smoke.write(bundle)
    assert (bundle / "smoke.json").read_bytes() == first
    document = json.loads(first)
    agreed = Predictor.load(bundle).scorer.contract
    assert len(document["rows"]) == len(document["predictions"]) >= 5
    for row in document["rows"]:
        checked = check(agreed, [row])
        assert checked.refusals == checked.warnings == ()
    for prediction in document["predictions"]:
        assert {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}[task] in prediction


def test_values_are_the_ends_of_a_range_and_what_lies_between() -> None:
    assert made("logicalType: number, logicalTypeOptions: {minimum: 1, maximum: 5}") == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert made("logicalType: integer, logicalTypeOptions: {exclusiveMinimum: 0, exclusiveMaximum: 3}") == [1, 2]
    assert made("logicalType: number, logicalTypeOptions: {minimum: 0.1, maximum: 0.5, multipleOf: 0.2}") == [0.2, 0.4]
    assert made("logicalType: date, logicalTypeOptions: {minimum: 2024-01-01, maximum: 2024-01-05}")[::4] == [
        "2024-01-01",
        "2024-01-05",
    ]
    assert made("logicalType: timestamp, logicalTypeOptions: {minimum: '9999-12-31T23:59:59'}") == [
        "9999-12-31T23:59:59"
    ]
    assert made("logicalType: string, enum: [{value: a}, {value: 'no'}]") == ["a", "no"]
    assert made("logicalType: boolean") == [True, False]
    assert {len(text) for text in made("logicalType: string, logicalTypeOptions: {minLength: 3, maxLength: 3}")} == {3}


@pytest.mark.parametrize(
    "pattern",
    ["^[A-Z]{3}-\\d{4}$", "^(north|south)$", "^[^a-z]+$", "^\\w+@\\w+\\.(de|com)$", "^\\s?x.y\\S$", "^((ab){2,}c*)+$"],
)
def test_a_text_matches_the_pattern(pattern: str) -> None:
    assert made(f"logicalType: string, logicalTypeOptions: {{pattern: '{pattern}'}}")


@pytest.mark.parametrize(
    "options",
    [
        "",
        "minimum: 7",
        "maximum: -7",
        "minimum: -1.0e+308, maximum: 1.0e+308",
        "maximum: -1.0e+308, multipleOf: 1.0e-9",
    ],
)
def test_any_range_gives_numbers(options: str) -> None:
    found = made(f"logicalType: number, logicalTypeOptions: {{{options}}}")
    assert found or "multipleOf" in options
    whole = made(f"logicalType: integer, logicalTypeOptions: {{{options}}}")
    assert whole or "308" in options


def test_a_contract_whose_columns_are_all_required_has_one_row_a_value() -> None:
    agreed = contract("name: a, logicalType: boolean, required: true", "name: b, logicalType: string, required: true")
    rows = smoke.rows(agreed)
    assert len(rows) == len({json.dumps(row) for row in rows}) > 2
    assert all(row.keys() == {"a", "b"} and None not in row.values() for row in rows)


def test_what_may_be_missing_is_left_out_once_and_null_once() -> None:
    agreed = contract("name: a, logicalType: boolean", "name: b, logicalType: boolean")
    rows = smoke.rows(agreed)
    assert rows[0] == {}
    assert None in rows[-1].values()


def test_names_that_break_things_do_not_break_this() -> None:
    for name in ('a"b', "a\\\\b", "ü €", "__proto__", "null", "a.b", "a\\u2028b"):
        agreed = contract(f'name: "{name}", logicalType: number, required: true'.replace('a"b', 'a\\"b'))
        assert smoke.rows(agreed)


def test_where_no_value_can_be_made_it_says_for_which_column() -> None:
    agreed = contract(
        "name: x, required: true, logicalType: string, logicalTypeOptions: {pattern: '(?=z{40}).{41}$'}, "
        "customProperties: [{property: serving, value: reject}]"
    )
    assert smoke.rows(agreed) == []
    assert smoke.lacking(agreed) == "no value could be made for 'x'"


def test_a_rule_that_is_only_warned_about_does_not_stop_a_row() -> None:
    agreed = contract("name: x, required: true, logicalType: string, logicalTypeOptions: {pattern: '(?=z{40}).{41}$'}")
    (row, *_) = smoke.rows(agreed)
    assert check(agreed, [row]).refusals == ()


def task(kind: str, classes: tuple[Any, ...] = ()) -> Task:
    return Task(kind, "y", classes, 0.3, "p", (), {}, ())  # type: ignore[arg-type]


def test_a_label_that_hangs_on_a_digit_is_no_expectation() -> None:
    binary = task("binary", (False, True))
    assert smoke.expected(binary, {"prediction": True, "probability": 0.3000001}) == {"probability": 0.3}
    assert smoke.expected(binary, {"prediction": True, "probability": 0.3123456}) == {
        "prediction": True,
        "probability": 0.31235,
    }
    many = task("multiclass", (1, 2, 3))
    shares = {"1": 0.4000004, "2": 0.4000001, "3": 0.1999995}
    assert smoke.expected(many, {"prediction": 1, "probabilities": shares}) == {
        "probabilities": {"1": 0.4, "2": 0.4, "3": 0.2}
    }
    assert smoke.expected(task("regression"), {"prediction": 123456.789, "id": 7}) == {"prediction": 123457.0, "id": 7}


def test_a_model_without_an_answer_leaves_an_empty_test_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> bytes:
        raise MlopsError("no score")

    bundle = make_bundle(tmp_path / "bundle")
    monkeypatch.setattr(Predictor, "answer", fails)
    assert smoke.write(bundle) == "the model answers no row made from the contract"
    assert json.loads((bundle / "smoke.json").read_text()) == {"predictions": [], "rows": []}
