"""Fit, convert and compare, on a project folder without DVC."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import numpy_helper
from skl2onnx import supported_converters

from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.data import table
from mlops.pipeline import bundle, convert, dataset, parity, prepare
from mlops.pipeline.fit import Fitted, best_threshold, fit
from mlops.pipeline.labels import classes, encode
from mlops.pipeline.measures import Judged
from mlops.pipeline.params import load, parse
from mlops.pipeline.prepare import Prepared
from mlops.pipeline.train import spread
from mlops.serving.scorer import Scorer
from mlops.settings import Settings

MODEL = "from sklearn.linear_model import LogisticRegression\nfrom sklearn.pipeline import make_pipeline\n"


def trained(shop: Settings) -> tuple[Prepared, Fitted]:
    data = dataset.load(shop)
    prepared = prepare.divide(data, load(shop.root))
    return prepared, fit(shop, data.contract, load(shop.root), prepared.train, prepared.train["back"])


def served(shop: Settings, agreed: Contract, prepared: Prepared, fitted: Fitted, graph: onnx.ModelProto) -> np.ndarray:
    folder = shop.root / "build" / "bundle"
    bundle.write(shop, agreed, load(shop.root), fitted, graph, prepared.split, prepared.batches, folder)
    return Scorer.load(folder).scores(table.to_columns(prepared.test, agreed), len(prepared.test))


def test_the_bundle_scores_as_the_estimator_does(shop: Settings, agreed: Contract) -> None:
    prepared, fitted = trained(shop)
    scores = served(shop, agreed, prepared, fitted, convert.to_onnx(shop, fitted))
    frame = dataset.features(dataset.features_function(shop), agreed, prepared.test)
    assert parity.check(fitted, frame, scores) == 0
    assert [feature.name for feature in fitted.features if feature.constant] == ["empty"]


def test_a_graph_that_lies_is_found(shop: Settings, agreed: Contract) -> None:
    prepared, fitted = trained(shop)
    graph = convert.to_onnx(shop, fitted)
    for node in graph.graph.node:
        for attribute in node.attribute:
            if attribute.name == "nodes_values":
                attribute.floats[0] += 15
    scores = served(shop, agreed, prepared, fitted, graph)
    frame = dataset.features(dataset.features_function(shop), agreed, prepared.test)
    with pytest.raises(MlopsError, match="step 'histgradientboostingclassifier' converts to something else"):
        parity.check(fitted, frame, scores)


def test_edge_rows_hold_what_no_table_has(shop: Settings, agreed: Contract) -> None:
    raw = table.to_json(dataset.load(shop).frame, agreed)
    edges = parity.edge_rows(agreed, raw)
    assert {values[0] for values in edges.values()} == {None}
    assert edges["size of it"][1:] == ["never seen ☃", ""]
    assert edges["price.€"][1:] == [raw["price.€"][0]] * 2


def test_rows_with_a_null_and_edge_rows_are_among_those_scored_alone() -> None:
    full: list[object] = [1.0] * 1000
    rare, none = [*full], [None] * 1000
    rare[777] = None
    rows = parity.alone_rows({"full": full, "rare": rare, "none": none}, 1000)
    assert {777, 997, 998, 999} <= set(rows) and 50 <= len(set(rows)) == len(rows) < 70


def test_a_class_that_no_training_row_has_gets_probability_0(shop: Settings, agreed: Contract) -> None:
    data = dataset.load(shop)
    params = load(shop.root).model_copy(update={"task": "multiclass"})
    thirds = pd.Series(np.array(["a", "c"])[data.frame["back"].astype(int)], name="back")
    train = data.frame.assign(back=thirds)
    fitted = fit(shop, agreed, params, train, pd.concat([thirds, pd.Series(["b"])]))
    graph = convert.to_onnx(shop, fitted)
    (shop.root / "model.onnx").write_bytes(graph.SerializeToString())
    frame = dataset.features(dataset.features_function(shop), agreed, train)
    probabilities = fitted.scores(frame)
    assert fitted.classes == ("a", "b", "c")
    assert (probabilities[:, 1] == 0).all()
    assert [numpy_helper.to_array(i).shape for i in graph.graph.initializer if i.name == "__classes"] == [(2, 3)]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            "from sklearn.preprocessing import SplineTransformer\nfrom sklearn.compose import make_column_transformer\n"
            "def build(task, **params):\n"
            "    return make_pipeline(make_column_transformer((SplineTransformer(), ['1st'])), LogisticRegression())\n",
            r"step 'splinetransformer' \(SplineTransformer\) has no ONNX converter. Use KBinsDiscretizer",
        ),
        ("def build(task):\n    return LogisticRegression()\n", "unexpected keyword argument"),
        ("def build(task, **params):\n    return LogisticRegression()\n", "the estimator cannot be fitted on"),
        ("import not_a_module\n", "No module named 'not_a_module'"),
        ("", "has no attribute 'build'"),
    ],
)
def test_a_model_that_cannot_be_used_says_which_step(shop: Settings, model: str, words: str) -> None:
    (shop.root / "src" / "shop" / "model.py").write_text(MODEL + model, encoding="utf-8")
    with pytest.raises(MlopsError, match=words):
        convert.to_onnx(shop, trained(shop)[1])


def test_what_is_advised_against_cannot_be_converted_indeed() -> None:
    assert not {f"Sklearn{name}" for name in convert.INSTEAD} & set(supported_converters())


def test_columns_that_the_model_drops_do_no_harm(shop: Settings, agreed: Contract) -> None:
    (shop.root / "src" / "shop" / "model.py").write_text(
        "from sklearn.compose import make_column_transformer\nfrom sklearn.impute import SimpleImputer\n"
        + MODEL
        + "def build(task, **params):\n"
        "    impute = make_column_transformer((SimpleImputer(), ['price.€', '1st']))\n"
        "    return make_pipeline(impute, LogisticRegression())\n",
        encoding="utf-8",
    )
    prepared, fitted = trained(shop)
    scores = served(shop, agreed, prepared, fitted, convert.to_onnx(shop, fitted))
    frame = dataset.features(dataset.features_function(shop), agreed, prepared.test)
    assert parity.check(fitted, frame, scores) == 0


def test_own_conversion_is_used(shop: Settings) -> None:
    path = shop.root / "src" / "shop" / "model.py"
    path.write_text(path.read_text() + "\n\ndef to_onnx(fitted, example):\n    raise RuntimeError(len(example))\n")
    with pytest.raises(RuntimeError, match="4"):
        convert.to_onnx(shop, trained(shop)[1])


def test_an_edited_module_is_read_anew(shop: Settings, agreed: Contract) -> None:
    rows = dataset.load(shop).frame
    before = dataset.features(dataset.features_function(shop), agreed, rows)
    path = shop.root / "src" / "shop" / "features.py"
    path.write_text("def features(columns):\n    return {'only': columns['price.€']}\n")
    assert list(dataset.features(dataset.features_function(shop), agreed, rows)) == ["only"]
    assert list(before) != ["only"]


@pytest.mark.parametrize(
    ("target", "params", "expected"),
    [
        (pd.Series([True, False], name="y"), {"task": "binary", "positive": False}, (True, False)),
        (pd.Series([1, 0, 1], name="y"), {"task": "binary", "positive": 1}, (0, 1)),
        (pd.Series(["no", "yes"], name="y"), {"task": "binary", "positive": "no"}, ("yes", "no")),
        (pd.Series([3, 1, 2], name="y"), {"task": "multiclass"}, (1, 2, 3)),
        (pd.Series([0.5, 1.5], name="y"), {"task": "regression"}, ()),
    ],
)
def test_labels_keep_their_type_and_the_positive_is_last(
    target: pd.Series, params: dict[str, object], expected: tuple[object, ...]
) -> None:
    found = classes(target, load_like(params))
    assert found == expected
    assert [type(label) for label in found] == [type(label) for label in expected]
    if expected:
        assert [expected[number] for number in encode(target, found)] == target.tolist()


@pytest.mark.parametrize(
    ("labels", "positive", "words"),
    [
        (["a", "b", "c"], "a", "has 3"),
        (["a", "b"], "c", "positive 'c' is not a label"),
        ([1, 0], True, "positive True"),
    ],
)
def test_labels_that_do_not_fit_the_task(labels: list[object], positive: object, words: str) -> None:
    with pytest.raises(MlopsError, match=words):
        classes(pd.Series(labels, name="y"), load_like({"task": "binary", "positive": positive}))


def test_the_threshold_is_where_the_metric_is_best() -> None:
    score = np.linspace(0, 1, 200)
    judged = Judged((score > 0.7).astype(int), np.c_[1 - score, score])
    assert abs(best_threshold(judged, "f1") - 0.7) < 0.02


def test_a_metric_that_no_threshold_changes_finds_none() -> None:
    score = np.linspace(0, 1, 200)
    judged = Judged((score > 0.7).astype(int), np.c_[1 - score, score])
    with pytest.raises(MlopsError, match="roc_auc is the same for every threshold"):
        best_threshold(judged, "roc_auc")


def test_a_metric_that_the_graph_does_not_keep_is_found() -> None:
    truth = np.array([0, 1] * 50)
    expected = np.c_[1 - truth * 0.8, truth * 0.8]
    ties = expected + np.linspace(0, 1e-6, 200).reshape(100, 2)
    parity.check_metric("roc_auc", truth, expected, ties, 0.5)
    with pytest.raises(MlopsError, match=r"roc_auc is 0\.98 by model\.onnx and 1\.0 by the estimator"):
        served_scores = expected.copy()
        served_scores[0, 1] = 0.9
        parity.check_metric("roc_auc", truth, expected, served_scores, 0.5)


def test_parity_looks_at_rows_from_the_whole_of_a_sorted_table() -> None:
    rows = pd.DataFrame({"y": [0] * 30_000 + [1] * 3_000})
    looked_at = spread(rows, 5000)
    assert len(looked_at) == 5000
    assert looked_at["y"].mean() == pytest.approx(1 / 11, abs=0.001)
    assert len(spread(rows.head(7), 5000)) == 7


def test_a_metric_that_these_rows_do_not_define_is_left_to_evaluate() -> None:
    one_class = np.zeros(50, int)
    scores = np.full((50, 2), 0.5)
    parity.check_metric("roc_auc", one_class, scores, scores, 0.5)


def test_a_row_without_a_group_is_an_entity_of_its_own(agreed: Contract) -> None:
    grouped = replace(agreed, columns=(*agreed.columns, Column("who", "string", frozenset({"group"}))))
    names = dataset.entities(grouped, pd.DataFrame({"who": ["a", None, "a", None]}))
    assert names is not None
    assert len(set(names)) == 3
    assert names[0] == names[2]
    assert dataset.entities(agreed, pd.DataFrame({"who": ["a"]})) is None


def test_restricted_values_are_not_shown(shop: Settings) -> None:
    path = shop.root / "contract.yaml"
    hidden = "name: price.€, logicalType: number"
    path.write_text(path.read_text().replace(hidden, f"{hidden}, classification: restricted"))
    table_path = shop.root / "data" / "raw" / "0002-second.csv"
    pd.read_parquet(shop.root / "data" / "raw" / "0001-first.parquet").assign(**{"price.€": "123-45"}).to_csv(
        table_path, index=False
    )
    with pytest.raises(MlopsError, match=r"column 'price\.€': 600 values") as error:
        dataset.load(shop)
    assert "123-45" not in str(error.value)


def load_like(values: dict[str, object]):  # type: ignore[no-untyped-def]
    import yaml

    return parse(yaml.safe_dump({"split": {"method": "random"}, **values}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("task: [", "not valid YAML: line 1"),
        ("task: binary\nsplit: {method: time}\ntask: regression", "line 3: the key 'task' is there twice"),
        ("task: ranking\nsplit: {method: time}", "task:.*not 'ranking'"),
        ("task: binary\nsplit: {method: time}\nlerning_rate: 1", "lerning_rate"),
        ("task: binary\nsplit: {method: time, tset: 20%}", "split.tset"),
        ("", "the file"),
        ("task: binary\nthreshold: 7\nsplit: {method: time}", "threshold"),
        ("task: binary\nthreshold: .nan\nsplit: {method: time}", "threshold"),
    ],
)
def test_params_are_closed(text: str, words: str) -> None:
    with pytest.raises(MlopsError, match=words):
        parse(text)


def test_a_number_is_one_however_it_is_written() -> None:
    found = parse("task: binary\nsplit: {method: time}\nmodel: {learning_rate: 1e-1, max_iter: 1e2, name: 1e}")
    assert found.model == {"learning_rate": 0.1, "max_iter": 100.0, "name": "1e"}
