from __future__ import annotations

import pytest
from unit.data.tables import contract

from mlops.contract.request import check

OURS = contract(
    "name: y, tags: [target], logicalType: boolean",
    "name: kept out, tags: [excluded], logicalType: string",
    "name: order, tags: [id], logicalType: integer, required: true",
    "name: who, tags: [group], logicalType: string, required: true",
    "name: sex, tags: [protected], logicalType: string, required: true",
    "name: age, tags: [protected, input], logicalType: integer, required: true",
    "name: origin, logicalType: string, required: true, enum: [{value: EWR}]",
    "name: miles, logicalType: number, logicalTypeOptions: {minimum: 1, maximum: 9}",
    "name: code, logicalType: string, logicalTypeOptions: {maxLength: 2}, "
    "customProperties: [{property: serving, value: reject}]",
    "name: salary, logicalType: number, classification: restricted, logicalTypeOptions: {minimum: 0}",
)
ROW = {"age": 3, "origin": "EWR"}


def test_a_good_row_passes_and_gives_the_inputs() -> None:
    found = check(OURS, [{**ROW, "order": 7, "who": "a", "sex": "f"}, ROW])
    assert (found.refusals, found.warnings, found.ids) == ((), (), (7, None))
    assert list(found.columns) == ["age", "origin", "miles", "code", "salary"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"age": None}, "row 1: column 'age': is required but missing or null."),
        ({"origin": ""}, "row 1: column 'origin': is required but missing or null."),
        ({"age": "3"}, "row 1: column 'age': '3' is not an integer."),
        ({"age": True}, "row 1: column 'age': True is not an integer."),
        ({"miles": float("nan")}, "row 1: column 'miles': nan is not a finite number."),
        ({"miles": float("inf")}, "row 1: column 'miles': inf is not a finite number."),
        ({"mils": 1}, "row 1: column 'mils': is no column of the contract. Did you mean 'miles'?"),
        ({"y": True}, "row 1: column 'y': is the target and has no place in a request. Leave it out."),
        ({"kept out": "x"}, "row 1: column 'kept out': is excluded and has no place in a request. Leave it out."),
        ({"code": "abc"}, "row 1: column 'code': 'abc' is longer than 2 characters."),
        ({"salary": "secret"}, "row 1: column 'salary': is not a number."),
        ({"order": "x"}, "row 1: column 'order': 'x' is not an integer."),
    ],
)
def test_what_is_refused(change: dict[str, object], says: str) -> None:
    found = check(OURS, [ROW, {**ROW, **change}])  # type: ignore[dict-item]
    assert [str(finding) for finding in found.refusals] == [says]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"origin": "JFK"}, "row 1: column 'origin': 'JFK' is not one of 'EWR'."),
        ({"miles": 0.5}, "row 1: column 'miles': 0.5 is below minimum 1."),
        ({"miles": 10}, "row 1: column 'miles': 10 is above maximum 9."),
        ({"salary": -1}, "row 1: column 'salary': is below minimum 0."),
    ],
)
def test_what_is_answered_with_a_warning(change: dict[str, object], says: str) -> None:
    found = check(OURS, [ROW, {**ROW, **change}])  # type: ignore[dict-item]
    assert found.refusals == ()
    assert [str(finding) for finding in found.warnings] == [says]


def test_a_row_that_lacks_a_required_input_is_refused_once() -> None:
    assert [finding.column for finding in check(OURS, [{}]).refusals] == ["age", "origin"]


def test_no_rows_are_no_findings() -> None:
    assert check(OURS, []).refusals == ()


def test_unknown_names_are_told_up_to_a_bound() -> None:
    found = check(OURS, [{**ROW, **{f"mils{number}": 1 for number in range(5000)}}])
    assert len(found.refusals) == 1000
    assert str(found.refusals[0]).endswith("Did you mean 'miles'?")
    assert str(found.refusals[-1]) == "row 0: column 'mils999': is no column of the contract."
    (long,) = check(OURS, [{**ROW, "x" * 10_000: 1}]).refusals
    assert len(long.column) < 100
