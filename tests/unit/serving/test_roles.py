"""The role table of the design, seen by a client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit.serving.bundle_factory import ROW
from unit.serving.processes import Server, serving


def test_a_row_is_answered_with_label_probability_id_and_release(server: Server) -> None:
    answer = server.predict(ROW, ROW | {"parcel.id": "p-2"}).json
    first, second = answer["predictions"]
    assert first["prediction"] is (first["probability"] >= 0.4)
    assert 0 < first["probability"] < 1
    assert (first["id"], second["id"]) == ("p-1", "p-2")
    assert answer["release"] == "20240501-1"
    assert answer["warnings"] == []


def test_classes_and_numbers(bundles: dict[str, Path]) -> None:
    with serving(bundles["multiclass"]) as server:
        answer = server.predict(ROW).json
    (found,) = answer["predictions"]
    assert list(found["probabilities"]) == ["früh", "late", "on time"]
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert found["prediction"] == max(found["probabilities"], key=found["probabilities"].get)
    assert answer["release"] is None
    with serving(bundles["regression"]) as server:
        (found,) = server.predict(ROW | {"parcel.id": None}).json["predictions"]
    assert list(found) == ["prediction"]
    assert isinstance(found["prediction"], float)


@pytest.mark.parametrize("name", ["sent at", "länge cm"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_required_input_must_be_there_and_not_null(server: Server, name: str, gone: bool) -> None:
    row = {key: value for key, value in ROW.items() if key != name} if gone else ROW | {name: None}
    answer = server.predict(row)
    assert answer.status == 422
    assert answer.json["detail"][0]["column"] == name
    assert "required" in answer.json["detail"][0]["message"]


@pytest.mark.parametrize("name", ["parcel.id", "gender", "sender", "depot", "due"])
def test_what_is_optional_may_be_left_out(server: Server, name: str) -> None:
    answer = server.predict({key: value for key, value in ROW.items() if key != name})
    # Without `due` this model has no number, which the server says instead of answering NaN.
    assert answer.status == (500 if name == "due" else 200)


@pytest.mark.parametrize(("name", "value"), [("late", True), ("note", "x"), ("lenght", 1)])
def test_target_excluded_and_unknown_columns_are_refused_by_name(server: Server, name: str, value: Any) -> None:
    answer = server.predict(ROW | {name: value})
    assert answer.status == 422
    assert repr(name) in answer.json["detail"][0]["message"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("länge cm", "40"),
        ("länge cm", True),
        ("länge cm", 10**400),
        ("stops", 1.5),
        ("stops", []),
        ("express", "yes"),
        ("express", 1),
        ("depot", 7),
        ("depot", {"a": 1}),
        ("due", "tomorrow"),
        ("sent at", "2024-13-01T00:00:00"),
        ("sent at", 1714550400),
        ("parcel.id", 5),
        ("gender", 1),
    ],
)
def test_a_value_of_another_type_is_refused(server: Server, name: str, value: Any) -> None:
    answer = server.predict(ROW, ROW | {name: value})
    assert answer.status == 422, answer.body
    assert [(found["row"], found["column"]) for found in answer.json["detail"]] == [(1, name)]


@pytest.mark.parametrize(("name", "value"), [("länge cm", 500), ("stops", -1), ("depot", "west"), ("iban", "too long")])
def test_a_value_out_of_range_is_answered_with_a_warning(server: Server, name: str, value: Any) -> None:
    answer = server.predict(ROW | {name: value})
    assert answer.status == 200
    assert [found["column"] for found in answer.json["warnings"]] == [name]


def test_a_rule_may_reject_in_serving(server: Server) -> None:
    answer = server.predict(ROW | {"weight": 31})
    assert answer.status == 422
    assert "maximum" in answer.json["detail"][0]["message"]


def test_restricted_values_reach_no_message_and_no_log(bundle: Path) -> None:
    with serving(bundle) as server:
        warned = server.predict(ROW | {"iban": "SECRET-ONE"})
        refused = server.predict(ROW | {"iban": ["SECRET-TWO"]})
        server.predict(ROW | {"iban": "SECRET-THREE", "due": None})
        assert server.terminate() == 0
    assert (warned.status, refused.status) == (200, 422)
    assert b"SECRET" not in warned.body + refused.body
    assert "SECRET" not in str(server.lines)
    assert [line["http.response.status_code"] for line in server.lines if line["event.action"] == "request"] == [
        200,
        422,
        500,
    ]


def test_openapi_describes_the_rows_by_their_roles(server: Server) -> None:
    document = server.request("GET", "/openapi.json").json
    post = document["paths"]["/predict"]["post"]
    row = post["requestBody"]["content"]["application/json"]["schema"]["properties"]["rows"]["items"]
    assert set(row["properties"]) == set(ROW) | {"sender"}
    assert row["required"] == ["sent at", "länge cm"]
    assert row["properties"]["länge cm"]["x-expected"] == {"minimum": 1, "maximum": 200}
    assert row["properties"]["länge cm"]["description"].startswith("Longest side.")
    assert row["properties"]["depot"]["x-expected"] == {"enum": ["north", "south"]}
    assert row["properties"]["weight"]["maximum"] == 30
    assert row["properties"]["sent at"]["format"] == "date-time"
    assert document["info"]["title"] == "Parcels"
    assert {"/livez", "/readyz", "/version"} <= set(document["paths"])
    assert server.request("GET", "/docs").status == 200
