"""What a pull request changes, in lines that a reviewer reads."""

from __future__ import annotations

import pytest

from mlops.gates.changes import of_batches, of_files

pytestmark = pytest.mark.unit


def test_values_are_named_by_their_path() -> None:
    before = b"model: {rate: 0.1, trees: 40}\nsplit: {test: 20%}\n"
    after = b"model: {rate: 0.2, trees: 40, depth: 3}\n"
    assert of_files("params.yaml", before, after) == [
        "model.rate: 0.1 -> 0.2",
        "split.test: 20%, gone",
        "model.depth: 3, new",
    ]


def test_columns_are_named_by_their_name_wherever_they_stand() -> None:
    before = b"schema:\n- properties:\n  - {name: a, tags: [slice]}\n  - {name: b, required: true}\n"
    after = b"schema:\n- properties:\n  - {name: b, required: 1}\n  - {name: a, tags: []}\n"
    assert of_files("contract.yaml", before, after) == [
        "schema[0].properties[a].tags: ['slice'] -> []",
        "schema[0].properties[b].required: True -> 1",
    ]


def test_a_file_that_was_not_there_is_new() -> None:
    assert of_files("gates.yaml", None, b"margin: 0.1\n") == ["margin: 0.1, new"]
    assert of_files("gates.yaml", b"margin: 0.1\n", b"margin: 0.1\n") == []


def test_batches() -> None:
    assert of_batches({"1": "a", "2": "b", "3": "c"}, {"1": "a", "2": "x", "4": "d"}) == [
        "2: changed",
        "3: dropped",
        "4: added",
    ]
