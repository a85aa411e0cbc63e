from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from counting import calls
from unit.data.tables import contract

from mlops.contract.model import Contract
from mlops.data.check import check

Y = "name: y, tags: [target], logicalType: number"


def one(rest: str, *, table: str = "") -> Contract:
    return contract(Y, f"name: x, {rest}", table=table)


def raw(*values: str) -> pd.DataFrame:
    return pd.DataFrame({"y": ["1"] * len(values), "x": values}, dtype=object)


@pytest.mark.parametrize(
    ("kind", "rules", "good", "bad", "says", "example"),
    [
        ("number", "", "1", "one", "cannot be read as a number", "'one'"),
        ("integer", "", "1", "1.5", "cannot be read as an integer", "'1.5'"),
        ("string", "required: true", "a", "", "are null, but the column is required", None),
        ("string", "enum: [{value: a}]", "a", "b", "not one of 'a'", "'b'"),
        ("integer", "enum: [{value: 1}]", "1", "2", "not one of 1", "2"),
        ("boolean", "enum: [{value: true}]", "true", "false", "not one of True", "False"),
        ("date", "enum: [{value: 2020-01-01}]", "2020-01-01", "2020-01-02", "not one of '2020-01-01'", "2020-01-02"),
        ("number", "OPTIONS: {minimum: -60.0}", "1", "-999", "below minimum -60.0", "-999.0"),
        ("number", "OPTIONS: {maximum: 5}", "5", "6", "above maximum 5", "6.0"),
        ("number", "OPTIONS: {exclusiveMinimum: 5}", "6", "5", "not above 5", "5.0"),
        ("integer", "OPTIONS: {exclusiveMaximum: 5}", "4", "5", "not below 5", "5"),
        ("number", "OPTIONS: {multipleOf: 0.1}", "0.3", "0.35", "not a multiple of 0.1", "0.35"),
        (
            "date",
            "OPTIONS: {minimum: 2020-01-01}",
            "2020-01-01",
            "2019-12-31",
            "below minimum '2020-01-01'",
            "2019-12-31",
        ),
        ("string", "OPTIONS: {maxLength: 2}", "ab", "abc", "longer than 2 characters", "'abc'"),
        ("string", "OPTIONS: {minLength: 2}", "ab", "a", "shorter than 2 characters", "'a'"),
        ("string", "OPTIONS: {pattern: '(?i)B$'}", "ab", "bc", "not matching the pattern '(?i)B$'", "'bc'"),
        ("string", "classification: restricted, enum: [{value: a}]", "a", "secret", "not one of 'a'", None),
    ],
)
def test_each_rule_passes_good_values_and_tells_of_bad_ones(
    kind: str, rules: str, good: str, bad: str, says: str, example: str | None
) -> None:
    rest = ", ".join(filter(None, [f"logicalType: {kind}", rules.replace("OPTIONS", "logicalTypeOptions")]))
    assert check(raw(good, good, good), one(rest)) == []
    (found,) = check(raw(good, bad, good), one(rest), "b.csv")
    shown = f" (for example {example} at row 2)" if example else ""
    first, second = str(found).split("\n")
    assert first == f"contract.yaml: column 'x' of b.csv: 1 of 3 values {says}{shown}."
    assert second.startswith("Correct the data, or ")
    assert found.severity == "error"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("unit: percent, mustBeLessThan: 20", "nullValues is 33.333 %, mustBeLessThan is 20 %"),
        ("mustNotBeBetween: [1, 3]", "nullValues is 1, mustNotBeBetween is 1 to 3"),
        ("mustBe: 0", "nullValues is 1, mustBe is 0"),
    ],
)
def test_rules_on_the_nulls_of_a_column(rule: str, says: str) -> None:
    own = one(f"logicalType: string, quality: [{{metric: nullValues, {rule}}}]")
    assert check(raw("a", "b", "c"), own) == []
    assert says in str(check(raw("a", "", "c"), own)[0])


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("metric: rowCount, mustBeGreaterThan: 3", True),
        ("metric: rowCount, mustBeGreaterOrEqualTo: 3", False),
        ("metric: rowCount, mustBe: 4", True),
        ("metric: rowCount, mustNotBe: 3", True),
        ("metric: rowCount, mustBeBetween: [1, 3]", False),
        ("metric: rowCount, mustNotBeBetween: [1, 2]", False),
        ("metric: duplicateValues, mustBe: 0", True),
        ("metric: duplicateValues, unit: percent, mustBeLessOrEqualTo: 34", False),
    ],
)
def test_rules_on_whole_batches(rule: str, broken: bool) -> None:
    own = one("logicalType: string", table=f"    quality: [{{{rule}}}]\n")
    assert len(check(raw("a", "a", "b"), own)) == broken


def test_unique_shows_what_repeats_and_nulls_do_not_repeat() -> None:
    (found,) = check(raw("a", "", "", "a"), one("logicalType: string, unique: true"))
    assert (found.rule, found.count, found.examples) == ("unique", 2, (("a", 1), ("a", 4)))


def test_at_most_five_examples_are_shown_and_no_value_twice() -> None:
    (found,) = check(raw(*"bbbcdefgh"), one("logicalType: string, enum: [{value: a}]"))
    assert (found.count, found.examples) == (9, (("b", 1), ("c", 4), ("d", 5), ("e", 6), ("f", 7)))


def test_a_table_of_something_else_is_told_and_not_counted() -> None:
    rules = "{metric: duplicateValues, unit: percent, mustBeLessThan: 1}, {metric: rowCount, mustBeGreaterThan: 0}"
    own = one("logicalType: string", table=f"    quality: [{rules}]\n")
    found = check(pd.DataFrame({"other": ["1", "2"]}, dtype=object), own)
    assert [violation.rule for violation in found] == ["column missing", "column missing", "column unknown"]


def test_missing_and_unknown_columns() -> None:
    own = contract(Y, "name: delay, logicalType: number", "name: out, tags: [excluded], logicalType: string")
    missing, unknown = check(pd.DataFrame({"y": ["1"], "dlay": ["2"]}, dtype=object), own)
    assert (missing.rule, missing.severity) == ("column missing", "error")
    assert "Is it 'dlay' there?" in str(missing)
    assert (unknown.column, unknown.severity) == ("dlay", "warning")


def test_names_that_differ_in_case_are_different_columns() -> None:
    limit = "logicalType: number, logicalTypeOptions: {maximum: 5}"
    own = contract(Y, "name: p95, logicalType: number", f"name: P95, {limit}", "name: 'a.b \"c', logicalType: number")
    frame = pd.DataFrame({"y": ["1"], "p95": ["9"], "P95": ["1"], 'a.b "c': ["1"]}, dtype=object)
    assert check(frame, own) == []
    assert [violation.column for violation in check(frame.assign(P95="6", p95="1"), own)] == ["P95"]


def test_warnings_come_after_errors_and_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("y,x,z\n1,5,\n1,6,q\n", encoding="utf-8")
    warn = "customProperties: [{property: severity, value: warning}]"
    own = contract(
        Y, f"name: x, logicalType: number, logicalTypeOptions: {{maximum: 5}}, {warn}", "name: z, logicalType: number"
    )
    assert [(v.column, v.severity, v.file) for v in check(tmp_path / "b.csv", own)] == [
        ("z", "error", "b.csv"),
        ("x", "warning", "b.csv"),
    ]


def test_it_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    check(raw("a"), one("logicalType: string, enum: [{value: b}]"))
    assert capfd.readouterr() == ("", "")


def test_a_further_row_is_less_than_a_call_for_each_of_its_columns() -> None:
    limits = "logicalTypeOptions: {minimum: -9, maximum: 9}"
    own = contract(
        "name: n0, tags: [target], logicalType: number",
        *(f"name: n{i}, logicalType: number, required: true, {limits}" for i in range(1, 20)),
        *(f"name: s{i}, logicalType: string, enum: [{{value: a}}, {{value: b}}, {{value: c}}]" for i in range(5)),
    )

    def work(rows: int) -> int:
        rng = np.random.default_rng(0)
        numbers = {f"n{i}": rng.normal(size=rows) for i in range(20)}
        words = {f"s{i}": rng.choice(list("abc"), rows).astype(object) for i in range(5)}
        frame = pd.DataFrame(numbers | words)
        return calls(lambda: check(frame, own))

    assert work(10_000) - work(1000) < 25 * 9000
