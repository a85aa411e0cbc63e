from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from unit.serving.bundle_factory import CONTRACT, LABELS, make_bundle

from mlops.contract.document import parse as parse_contract
from mlops.contract.errors import MlopsError
from mlops.contract.task import Task
from mlops.data import table
from mlops.gates.bar import parse
from mlops.gates.behaviour import check_behaviour
from mlops.gates.match import Check, Match
from mlops.gates.tags import limited
from mlops.gates.variants import without_optional
from mlops.pipeline.measures import Floats, Judged
from mlops.pipeline.served import Raw
from mlops.serving.score import score as score_rows
from mlops.serving.scorer import Scorer

Model = Callable[[dict[str, np.ndarray]], np.ndarray]
KINDS = {"binary": "boolean", "multiclass": "string", "regression": "number"}
ROWS = 2400


def parcels(n: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    sent = pd.Timestamp("2024-05-01T08:00") + pd.to_timedelta(rng.integers(0, 10_000, n), unit="min")
    return pd.DataFrame(
        {
            "late": rng.choice(["true", "false"], n),
            "sent at": sent.strftime("%Y-%m-%dT%H:%M:%S"),
            "parcel.id": [f"p-{i}" for i in range(n)],
            "sender": "x",
            "länge cm": rng.uniform(1, 199, n).round(1).astype(str),
            "stops": [str(v) if v else "" for v in rng.integers(0, 9, n)],
            "express": rng.choice(["true", "false"], n),
            "depot": rng.choice(["north", "south", ""], n),
            "due": sent.strftime("%Y-%m-%d"),
            "gender": rng.choice(["f", "m"], n),
            "age": rng.integers(18, 90, n).astype(str),
            "iban": rng.choice(["DE12", "FR34"], n),
            "weight": rng.uniform(0, 29, n).round(2).astype(str),
        }
    )


def numbers(raw: Raw) -> dict[str, np.ndarray]:
    """Read what a client sent the way a model would: null is NaN."""
    plain = ("länge cm", "stops", "weight", "age", "express")
    arrays = {name: np.array(raw[name], dtype=float) for name in plain}
    return arrays | {name: np.array(raw[name], dtype=object) for name in raw if name not in plain}


def scorer(model: Model, task: str = "binary", sent: list[Raw] | None = None) -> Callable[[Raw, int], Floats]:
    def score(raw: Raw, n: int) -> Floats:
        json.dumps(raw, allow_nan=False)
        if sent is not None:
            sent.append(raw)
        found = np.broadcast_to(model(numbers(raw)), (n,) if task != "multiclass" else (n, 3)).astype(float)
        return np.stack([1 - found, found], axis=1) if task == "binary" else found

    return score


def matched(score: Callable[[Raw, int], Floats], task: str = "binary", rows: pd.DataFrame | None = None) -> Match:
    agreed = parse_contract(CONTRACT.replace("TARGET", "late").replace("KIND", KINDS[task]), "contract.yaml")
    raw = parcels() if rows is None else rows
    raw = raw if task == "binary" else raw.assign(late="1" if task == "regression" else "late")
    frame = table.typed(raw, agreed, "parcels").frame
    scores = score(table.to_json(frame, agreed), len(frame))
    threshold = 0.4 if task == "binary" else None
    facts = Task(task, "late", LABELS[task], threshold, "parcels", (), {}, ())  # type: ignore[arg-type]
    return Match(facts, agreed, frame, frame, Judged(np.zeros(len(frame), int), scores, threshold))


def tried(model: Model, *items: str, task: str = "binary", rows: pd.DataFrame | None = None) -> Check:
    score = scorer(model, task)
    bar = "metric: roc_auc\nmargin: 0.005\n" + "behaviour:\n" * bool(items) + "".join(f"  - {i}\n" for i in items)
    found = check_behaviour(matched(score, task, rows), parse(bar), score)
    json.dumps(found.details, allow_nan=False)
    return found


def smooth(raw: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(0.2 + 0.3 * raw["länge cm"] / 200 + 0.01 * np.nan_to_num(raw["stops"]))


LENGTH = '{column: länge cm, change: "*1.02", prediction: {within: 0.10}}'
STOPS = '{column: stops, change: "+1", prediction: {never: falls}}'
LONG = "{where: {länge cm: {min: 150}, depot: north}, prediction: {at_least: 0.4}}"


def test_what_holds_passes_and_all_is_scored_in_one_call() -> None:
    sent: list[Raw] = []
    score = scorer(smooth, sent=sent)
    match = matched(score)
    bar = parse(f"metric: roc_auc\nmargin: 0.005\nbehaviour:\n  - {LENGTH}\n  - {STOPS}\n  - {LONG}\n")
    found = check_behaviour(match, bar, score)
    assert (found.outcome, found.words) == (
        "pass",
        "All 3 expectations hold; predictions exist when every optional input is missing.",
    )
    assert [check["rows"] for check in found.details["checks"]][::3] == [1000, 200]
    assert [len(raw["stops"]) for raw in sent[1:]] == [1000 + 1000 + 200]


def test_nothing_declared_still_tries_without_optional_inputs() -> None:
    assert tried(smooth).words == "Nothing declared; predictions exist when every optional input is missing."


def test_an_optional_input_called_self_is_left_out_like_others() -> None:
    agreed = SimpleNamespace(inputs=[SimpleNamespace(name="self", required=False)])
    found: Any = without_optional(SimpleNamespace(agreed=agreed, rows=pd.DataFrame({"self": ["no", "yes"]})), 2)
    assert found.changed["self"].isna().all()


def test_mutant_a_jump_where_nothing_should_matter_blocks_with_a_row() -> None:
    found = tried(lambda raw: smooth(raw) + 0.4 * (np.floor(raw["länge cm"]) % 7 == 3), LENGTH, STOPS)
    assert found.outcome == "block"
    assert found.words.startswith(
        "1 of 2 expectations is broken: länge cm *1.02 moves the prediction by more than 0.1 in "
    )
    check = found.details["checks"][0]
    assert f"in {check['violations']} of 1,000 rows, for example from" in found.words
    example = check["example"]
    assert example["after"] == pytest.approx(1.02 * example["before"])
    assert abs(example["prediction_after"] - example["prediction_before"]) > 0.1
    assert example["row"]["iban"] == "•••"
    assert {"länge cm", "gender", "parcel.id"}.isdisjoint(example["row"])


def test_mutant_a_wrong_direction_blocks_and_a_tolerance_or_a_share_lets_it_pass() -> None:
    def falls(raw: dict[str, np.ndarray]) -> np.ndarray:
        return smooth(raw) - 0.05 * (raw["stops"] == 4)

    found = tried(falls, STOPS)
    assert found.outcome == "block"
    assert "stops +1 lowers the prediction in" in found.words
    assert "at stops 3 -> 4." in found.words
    assert tried(falls, STOPS.replace("falls", "falls, by: 0.05")).outcome == "pass"
    assert tried(falls, STOPS.replace("}}", "}, allow: 20%}")).outcome == "pass"
    assert "(1 % may)" in tried(falls, STOPS.replace("}}", "}, allow: 1%}")).words
    assert tried(falls, STOPS.replace("+1", "-1").replace("falls", "rises")).outcome == "block"


def test_mutant_a_case_that_must_be_sure_blocks() -> None:
    found = tried(lambda raw: 0.5 - 0.2 * (raw["länge cm"] > 190), LONG)
    assert found.outcome == "block"
    assert "where länge cm is at least 150 and depot is north the prediction is below 0.4 in" in found.words
    assert "for example 0.3 at länge cm 19" in found.words
    label = LONG.replace("at_least: 0.4", "label: true")
    assert "the label is not True" in tried(lambda raw: 0.5 - 0.2 * (raw["länge cm"] > 190), label).words
    assert tried(lambda raw: 0.5, label).outcome == "pass"


@pytest.mark.parametrize(
    ("item", "model"),
    [
        ("{column: depot, change: swap, prediction: {within: 0.05}}", lambda r: 0.3 + 0.1 * (r["depot"] == "south")),
        ("{column: iban, change: swap, prediction: {same: label}}", lambda r: 0.35 + 0.1 * (r["iban"] == "DE12")),
        ("{column: express, change: swap, prediction: {within: 0.05}}", lambda r: 0.3 + 0.1 * r["express"]),
        ('{column: depot, change: {to: ""}, prediction: {within: 0}}', lambda r: 0.3 + 0.1 * (r["depot"] == "")),
        ("{column: stops, change: {to: 8}, prediction: {within: 0}}", lambda r: 0.3 + 0.1 * (r["stops"] == 8)),
        ("{column: stops, change: missing, prediction: {within: 0.05}}", lambda r: 0.3 + 0.1 * np.isnan(r["stops"])),
        ('{column: due, change: "+1d", prediction: {within: 0}}', lambda r: 0.3 + 0.1 * day(r, "2024-05-03")),
        (
            "{column: due, change: {to: 2024-05-03}, prediction: {within: 0}}",
            lambda r: 0.3 + 0.1 * day(r, "2024-05-03"),
        ),
        ("{column: due, change: swap, prediction: {within: 0}}", lambda r: 0.3 + 0.1 * day(r, "2024-05-03")),
        ("{column: due, change: {to: null}, prediction: {within: 0}}", lambda r: 0.3 + 0.1 * day(r, None)),
        ('{column: sent at, change: "+2h", prediction: {at_most: 0.3}}', lambda r: 0.3 + 0.1 * hour(r, "10")),
        ('{column: stops, change: "*1.01", prediction: {within: 0}}', lambda r: 0.3 + 0.01 * np.nan_to_num(r["stops"])),
    ],
)
def test_mutants_each_kind_of_change_is_seen(item: str, model: Model) -> None:
    assert tried(model, item).outcome == "block"
    assert tried(lambda raw: 0.3, item).outcome == "pass"


def day(raw: dict[str, np.ndarray], wanted: str | None) -> np.ndarray:
    return np.array([text == wanted for text in raw["due"]])


def hour(raw: dict[str, np.ndarray], wanted: str) -> np.ndarray:
    return np.array([text[11:13] == wanted for text in raw["sent at"]])


def test_changed_values_are_what_a_client_could_send() -> None:
    sent: list[Raw] = []
    score = scorer(smooth, sent=sent)
    items = ('{column: stops, change: "-3"', '{column: länge cm, change: "*1.5"', '{column: stops, change: "*1.01"')
    bar = "".join(f"  - {item}, prediction: {{within: 9}}}}\n" for item in items)
    found = check_behaviour(matched(score), parse(f"metric: roc_auc\nmargin: 0.005\nbehaviour:\n{bar}"), score)
    first, second, third = (check["rows"] for check in found.details["checks"][:3])
    stops, lengths = sent[1]["stops"], sent[1]["länge cm"][first : first + second]
    assert {type(v) for v in stops} == {int, type(None)}
    assert min(stops[:first]) == 0
    assert max(lengths) <= 200
    assert set(stops[first + second : first + second + third]) == set(range(2, 10))


def test_mutant_a_graph_that_needs_an_optional_input_blocks_by_its_name(tmp_path: Path) -> None:
    outcomes = {}
    for task in ("binary", "regression"):  # a linear model, which gives NaN for null, and a tree
        loaded = Scorer.load(make_bundle(tmp_path / task, task))
        full = parcels(60).assign(stops="3", depot="north")
        match = matched(scorer(lambda raw: 0.5, task), task, full)
        bar = parse(f"metric: roc_auc\nmargin: 0.005\nbehaviour:\n  - {LENGTH}\n")
        outcomes[task] = check_behaviour(match, bar, lambda raw, n, s=loaded: score_rows(s, raw, n))  # type: ignore[misc]
    assert outcomes["binary"].outcome == "block"
    assert "With every optional input missing there is no prediction: model.onnx gave [nan" in outcomes["binary"].words
    assert outcomes["regression"].details["checks"][-1]["outcome"] == "pass"


def test_mutant_a_prediction_that_is_no_number_blocks() -> None:
    found = tried(lambda raw: np.where(np.isnan(raw["stops"]), np.nan, 0.3), rows=parcels().assign(stops="3"))
    assert (found.outcome, found.details["checks"][0]["violations"]) == ("block", 200)


def test_a_scorer_that_fails_on_one_expectation_is_blamed_for_that_one() -> None:
    def fails(raw: dict[str, np.ndarray]) -> np.ndarray:
        if (raw["depot"] == "").any() or None in raw["depot"]:
            raise MlopsError("features() failed: no depot.")
        return smooth(raw)

    empty = '{column: depot, change: {to: ""}, prediction: {within: 0.1}}'
    found = tried(fails, LENGTH, empty, rows=parcels().assign(depot="north"))
    assert found.words == (
        "1 of 2 expectations is broken: depot to '' cannot be scored: features() failed: no depot. "
        "With every optional input missing there is no prediction: features() failed: no depot."
    )
    assert [check["outcome"] for check in found.details["checks"]] == ["pass", "block", "block"]


def test_a_restricted_value_is_not_shown() -> None:
    swap = "{column: iban, change: swap, where: {iban: FR34}, prediction: {within: 0}}"
    found = tried(lambda raw: 0.35 + 0.1 * (raw["iban"] == "DE12"), swap)
    assert "for example from 0.35 to 0.45 at iban ••• -> •••." in found.words
    assert "DE12" not in found.words + json.dumps(found.details)


@pytest.mark.parametrize(
    "item",
    [
        "{where: {länge cm: {min: 5000}}, prediction: {at_least: 0.5}}",
        '{column: länge cm, change: "+500", prediction: {within: 0.1}}',
        '{column: stops, change: "*1", prediction: {within: 0.1}}',
    ],
)
def test_an_expectation_that_no_row_can_try_warns(item: str) -> None:
    found = tried(smooth, item)
    assert found.outcome == "warn"
    assert "1 of 1 expectations could not be tried: " in found.words
    assert "as no test row" in found.words


def test_multiclass_looks_at_a_class_or_at_the_largest_change() -> None:
    def classes(raw: dict[str, np.ndarray]) -> np.ndarray:
        part = np.nan_to_num(raw["stops"]) / 40
        return np.stack([0.2 + part, np.full(len(part), 0.5), 0.3 - part], axis=1)

    up = '{column: stops, change: "+2", prediction: {PREDICTION}}'
    asked = {
        "within: 0.049": "block",
        "within: 0.051": "pass",
        "within: 0.01, class: late": "pass",
        "never: falls, class: on time": "block",
        "never: falls, class: früh": "pass",
        "same: label": "pass",
    }
    found = {p: tried(classes, up.replace("PREDICTION", p), task="multiclass").outcome for p in asked}
    assert found == asked
    words = tried(classes, up.replace("PREDICTION", "within: 0.049"), task="multiclass").words
    assert " for class früh at stops " in words


def test_a_regression_may_move_by_a_share_of_its_value() -> None:
    def tenth(raw: dict[str, np.ndarray]) -> np.ndarray:
        return 10 * raw["länge cm"]

    item = '{column: länge cm, change: "*1.05", prediction: {within: SHARE}}'
    assert tried(tenth, item.replace("SHARE", "5.1%"), task="regression").outcome == "pass"
    found = tried(tenth, item.replace("SHARE", "4.9%"), task="regression")
    assert "moves the prediction by more than 4.9 % in 1,000 of 1,000 rows" in found.words


@pytest.mark.parametrize(
    ("item", "task", "words"),
    [
        (LENGTH.replace("länge", "lange"), "binary", "no column 'lange cm' .*Did you mean 'länge cm'"),
        ("{where: {not: 1}, prediction: {at_least: 1}}", "binary", "no column 'not'"),
        ("{where: {note: a}, prediction: {at_least: 1}}", "binary", "no column 'note' that is not excluded"),
        ("{where: {stops: many}, prediction: {at_least: 1}}", "binary", "'many' is not an integer"),
        ("{where: {depot: {min: 3}}, prediction: {at_least: 1}}", "binary", "has no min and max"),
        ("{column: gender, change: swap, prediction: {within: 0}}", "binary", "is no input"),
        (LENGTH.replace("länge cm", "depot"), "binary", "does not fit column 'depot', a string"),
        (STOPS.replace("stops", "due"), "binary", r"Write a unit, as in \+1d"),
        (STOPS.replace("+1", "+1d"), "binary", "Leave the unit 'd' out"),
        (STOPS.replace("stops", "due").replace("+1", "+2h"), "binary", "whole days"),
        ("{column: länge cm, change: missing, prediction: {within: 0}}", "binary", "is required"),
        ("{column: depot, change: {to: east}, prediction: {within: 0}}", "binary", "does not allow 'east'"),
        ("{column: stops, change: {to: 1.5}, prediction: {within: 0}}", "binary", "not a whole number"),
        (LENGTH.replace("0.10", "10%"), "binary", "a share of a probability"),
        (LENGTH.replace("within: 0.10", "label: 1"), "binary", "1 is no class of the model. Classes are False, True"),
        (STOPS, "multiclass", "name whose probability"),
        (LENGTH.replace("within: 0.10", "same: label"), "regression", "predicts a number"),
    ],
)
def test_an_expectation_that_does_not_fit_is_an_error_that_says_why(item: str, task: str, words: str) -> None:
    def model(raw: dict[str, np.ndarray]) -> Any:
        return np.full((len(raw["stops"]), 3), 1 / 3) if task == "multiclass" else 0.5

    with pytest.raises(MlopsError, match=words):
        tried(model, item, task=task)


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ("depot: null", lambda t: t["depot"] == ""),
        ("depot: [north, null]", lambda t: t["depot"] != "south"),
        ("stops: 3, express: true", lambda t: (t["stops"] == "3") & (t["express"] == "true")),
        ("stops: {min: 7, max: 8}", lambda t: t["stops"].isin(["7", "8"])),
        ("due: {min: 2024-05-03}", lambda t: t["due"] >= "2024-05-03"),
        ("sent at: {max: 2024-05-03T12:00:00}", lambda t: t["sent at"] <= "2024-05-03T12:00:00"),
        ("late: true, gender: f", lambda t: (t["late"] == "true") & (t["gender"] == "f")),
    ],
)
def test_where_chooses_the_rows_that_are_meant(where: str, meant: Callable[[pd.DataFrame], pd.Series]) -> None:
    rows = parcels(900)
    found = tried(smooth, f"{{where: {{{where}}}, prediction: {{at_least: 2}}}}", rows=rows)
    count = int(meant(rows).sum())
    assert 0 < count < 900
    assert [found.details["checks"][0][key] for key in ("rows", "violations")] == [count, count]


def test_a_pull_request_that_narrows_a_range_does_not_take_an_expectation_with_it() -> None:
    score = scorer(lambda sent: sent["länge cm"] / 200)
    asked = parse(
        "metric: roc_auc\nmargin: 0.005\nbehaviour: [{column: länge cm, change: '+20', prediction: {within: 0.01}}]\n"
    )
    match = matched(score)
    text = CONTRACT.replace("TARGET", "late").replace("KIND", "boolean").replace("maximum: 200", "maximum: 1.5")
    narrowed = replace(match, agreed=parse_contract(text, "contract.yaml"))
    assert check_behaviour(narrowed, asked, score).outcome == "warn"
    by_the_bar = replace(narrowed, agreed=limited(narrowed.agreed, match.agreed))
    assert check_behaviour(by_the_bar, asked, score).outcome == "block"
