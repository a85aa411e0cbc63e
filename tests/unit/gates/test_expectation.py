from __future__ import annotations

import pytest
import yaml
from baking import PROJECT

from mlops.contract.errors import MlopsError
from mlops.gates.bar import parse
from mlops.gates.breaking import described
from mlops.gates.expectation import Expectation

BAR = "metric: roc_auc\nmargin: 0.005\nbehaviour:\n  - "


def read(text: str) -> Expectation:
    return parse(BAR + text + "\n").behaviour[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{column: distance, change: "*1.02", prediction: {within: 0.10}}', "distance *1.02"),
        ('{column: income, change: "+1000", prediction: {never: falls, by: 0.01}}', "income +1000"),
        ('{column: due, change: "-2h", prediction: {never: rises, class: late}}', "due -2h"),
        ("{column: gender, change: swap, prediction: {within: 5%}, allow: 2%}", "gender swap"),
        ('{column: note, change: {to: ""}, prediction: {same: label}}', "note to ''"),
        ("{column: seen, change: missing, prediction: {at_least: 0, at_most: 1}}", "seen missing"),
        (
            "{where: {claims: {min: 5}, day: [2024-01-01, null]}, prediction: {label: true}}",
            "where claims is at least 5 and day is 2024-01-01 or missing",
        ),
        ("{name: sane, prediction: {at_least: 0}}", "on any row"),
    ],
)
def test_what_the_reference_shows_is_read(text: str, said: str) -> None:
    assert described(read(text)) == said


def test_the_example_declares_one() -> None:
    asked = parse((PROJECT / "gates.yaml").read_text(encoding="utf-8")).behaviour
    assert [described(one) for one in asked] == ["distance *1.02"]


def test_shares_and_units_are_numbers() -> None:
    asked = read('{column: due, change: "-2h", prediction: {within: 5%}, allow: 2%}')
    assert asked.change is not None
    assert (asked.change.amount, asked.allow) == (-7200.0, 0.02)
    assert (asked.prediction.within, asked.prediction.relative) == (0.05, True)
    yaml.safe_dump(asked.model_dump(mode="json"))  # the report writes it as plain values


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{colum: a, prediction: {within: 1}}", r"'behaviour.0.colum' is not a gate of this version. .*'column'"),
        ("{column: a, change: swap, prediction: {wihtin: 1}}", r"unknown key 'wihtin'. Did you mean 'within'"),
        ("{column: a, change: swap, prediction: {relative: true}}", "Known are within, never, by, same"),
        ("{column: a, change: {into: 1}, prediction: {within: 1}}", "unknown key 'into'"),
        ("{where: {a: {mim: 1}}, prediction: {at_least: 1}}", r"where.a: unknown key 'mim'. Did you mean 'min'"),
        ("{where: {a: []}, prediction: {at_least: 1}}", "no value is meant"),
        ("{where: {a: {}}, prediction: {at_least: 1}}", "no value is meant"),
        ("{column: a, change: +1000, prediction: {within: 1}}", r'quote a number: "\+1000"'),
        ("{column: a, change: shuffle, prediction: {within: 1}}", r'no change; write "\*1.02"'),
        ('{column: a, change: "*-1", prediction: {within: 1}}', "no change"),
        ("{column: a, prediction: {within: 1}}", "`column` and `change` belong together"),
        ("{prediction: {within: 1}}", "`within`, `never` and `same` need a `column`"),
        ("{column: a, change: swap, prediction: {within: 1, never: falls}}", "ask one thing"),
        ("{column: a, change: swap, prediction: {}}", "ask one thing"),
        ("{column: a, change: swap, prediction: {within: 1, by: 0.1}}", "`by` is the tolerance of `never`"),
        ("{column: a, change: swap, prediction: {same: label, class: x}}", "beside `same` or `label`"),
        ("{column: a, change: swap, prediction: {never: drops}}", "'falls' or 'rises'"),
        ("{column: a, change: swap, prediction: {within: .nan}}", "finite"),
        ("{column: a, change: swap, prediction: {within: -1}}", "greater than or equal to 0"),
        ("{column: a, change: swap, prediction: {within: 1}, allow: 100%}", "less than 1"),
        ("{column: a, change: swap, prediction: small}", "write a mapping"),
    ],
)
def test_an_expectation_that_pretends_is_an_error(text: str, words: str) -> None:
    with pytest.raises(MlopsError, match=words):
        read(text)
