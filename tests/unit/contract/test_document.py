from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from mlops.contract.document import load, parse
from mlops.contract.errors import MlopsError

BASE = """\
apiVersion: v3.2.0
kind: DataContract
id: flights
version: 1.0.0
customProperties:
  - {property: timezone, value: America/New_York}
  - {property: fairness, value: none, description: Airports are no persons.}
schema:
  - name: flights
    quality:
      - {type: library, metric: rowCount, mustBeGreaterThan: 10}
    properties:
      - {name: late, tags: [target], logicalType: boolean, required: true}
      - {name: when, tags: [time], logicalType: timestamp, logicalTypeOptions: {minimum: 2013-01-01}}
      - {name: origin, tags: [slice, protected, input], logicalType: string, enum: [{value: EWR}, {value: "no"}]}
      - name: distance
        logicalType: number
        classification: restricted
        logicalTypeOptions: {minimum: 1, maximum: 1e4}
        customProperties: [{property: severity, value: warning}, {property: serving, value: reject}]
        quality: [{metric: nullValues, unit: percent, mustBeLessThan: 5, severity: warning}]
"""


def test_it_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text(BASE, encoding="utf-8")
    contract = load(path)
    assert contract.sha256 == sha256(BASE.encode()).hexdigest()
    assert (str(contract.timezone), contract.fairness, contract.target.name) == (
        "America/New_York",
        "Airports are no persons.",
        "late",
    )
    assert [column.name for column in contract.inputs] == ["when", "origin", "distance"]
    distance = contract.column("distance")
    assert distance.restricted
    assert [(r.kind, r.value, r.severity, r.serving) for r in distance.rules] == [
        ("minimum", 1, "warning", "reject"),
        ("maximum", 1e4, "warning", "reject"),
    ]
    assert contract.column("when").rules[0].value == "2013-01-01"
    assert contract.column("origin").rules[0].value == ("EWR", "no")
    assert [(r.metric, r.op, r.value, r.unit, r.column, r.severity) for r in contract.table_rules] == [
        ("rowCount", "mustBeGreaterThan", 10.0, "rows", None, "error"),
        ("nullValues", "mustBeLessThan", 5.0, "percent", "distance", "warning"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("v3.2.0", "v2.2.2", "apiVersion is 'v2.2.2'"),
        ("DataContract", "Contract", "kind is 'Contract'"),
        ("fairness, value: none", "fairness, value: nine", "fairness is 'nine'. Did you mean 'none'"),
        (", description: Airports are no persons.", "", "fairness is 'none' without a reason"),
        ("id: flights", "ID: flights", "Did you mean 'id'"),
        ("version: 1.0.0", "version: 1.0", "version is 1.0"),
        ("America/New_York", "America/New_Yrok", "Did you mean 'America/New_York'"),
        ("property: timezone", "property: timezones", "Did you mean 'timezone'"),
        ("tags: [target]", "tags: [taget]", "column 'late': unknown tag 'taget'.*Did you mean 'target'"),
        ("tags: [target]", "tags: []", "0 columns are tagged `target`"),
        ("tags: [time]", "tags: [target]", "2 columns are tagged|is the target but is a timestamp"),
        ("tags: [time]", "tags: [time, excluded]", "contradict"),
        ("tags: [slice, protected, input]", "tags: [time]", "at most one column"),
        ("tags: [slice, protected, input]", "tags: [id, input]", "cannot be an input"),
        ("logicalType: boolean", "logicalType: bool", "Did you mean 'boolean'"),
        ("logicalType: boolean", "logicalType: date", "is the target but is a date"),
        ("name: when", "name: late", "column 'late' is there 2 times"),
        ("name: origin", "name: on", "column 3 has the name True.*Quote it"),
        ("name: origin", "name: 2020", "column 3 has the name 2020"),
        ('value: "no"', "value: no", "enum value False is no string.*Quote it"),
        ('{value: "no"}', "JFK", "enum entry 'JFK' is not a mapping"),
        ("enum:", "enums:", "Did you mean 'enum'"),
        ("minimum: 1, ", "minimun: 1, ", "Did you mean 'minimum'"),
        ("minimum: 1, ", "minLength: 1, ", "option of a number is 'minLength'"),
        ("minimum: 1, ", "minimum: '1', ", "'1' is no number"),
        ("minimum: 1, ", "minimum: 20000, ", "is above `maximum`"),
        ("minimum: 2013-01-01", "minimum: yesterday", "not ISO 8601"),
        ("classification: restricted", "classification: restrictd", "Did you mean 'restricted'"),
        ("property: severity", "property: severty", "Did you mean 'severity'"),
        ("value: warning}, {", "value: warn}, {", "Did you mean 'warning'"),
        ("metric: nullValues", "metric: nullValue", "Did you mean 'nullValues'"),
        ("metric: nullValues", "metric: missingValues", "nullValues"),
        ("mustBeLessThan: 5", "mustBeLess: 5", "Did you mean 'mustBeLessThan'"),
        ("mustBeLessThan: 5", "mustBeLessThan: 5, mustBe: 1", "2 comparisons"),
        ("mustBeLessThan: 5", "mustBeBetween: [5]", "mustBeBetween.*lower and the upper|List should have at least 2"),
        ("mustBeLessThan: 5", "mustBeBetween: [9, 5]", "`mustBeBetween` is \\[9.*lower and the upper limit"),
        ("type: library", "type: sql", "type of a quality rule is 'sql'"),
        ("required: true", "primaryKey: true", "`tags: \\[id\\]`"),
        ("required: true", "required: maybe", "column 'late' → required is 'maybe'"),
        ("required: true", "required: true, required: true", "line 13.*'required' is there twice"),
        ("schema:", "schema: [", "not valid YAML: line"),
        ("schema:", "? [a]\n: b\nschema:", "not valid YAML: line .*a key is no plain word"),
        ("schema:", "customProperties: 5\nschema:", "customProperties"),
    ],
)
def test_what_is_not_understood_is_an_error_that_says_what_is_meant(old: str, new: str, says: str) -> None:
    assert old in BASE
    with pytest.raises(MlopsError, match=says):
        parse(BASE.replace(old, new, 1))


def test_invalid_values_are_the_enum_or_pattern_that_they_state() -> None:
    arguments = "arguments: {validValues: [EWR], pattern: '^E'}"
    quality = f"quality: [{{metric: invalidValues, {arguments}, mustBe: 0, severity: warning}}]"
    contract = parse(BASE.replace('enum: [{value: EWR}, {value: "no"}]', quality))
    assert [(rule.kind, rule.value, rule.severity) for rule in contract.column("origin").rules] == [
        ("enum", ("EWR",), "warning"),
        ("pattern", "^E", "warning"),
    ]


@pytest.mark.parametrize("text", ["", "[]", "1", "schema: []", "a: &a [*a]", "\t", "- 1"])
def test_what_is_no_contract_is_an_error(text: str) -> None:
    with pytest.raises(MlopsError):
        parse(text)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MlopsError, match="cannot be read"):
        load(tmp_path / "contract.yaml")
    (tmp_path / "contract.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(MlopsError, match="not UTF-8"):
        load(tmp_path / "contract.yaml")
