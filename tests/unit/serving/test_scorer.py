from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from unit.serving.bundle_factory import FEATURES, LABELS, ROW, make_bundle

from mlops.contract.columns import to_columns
from mlops.contract.errors import MlopsError
from mlops.contract.task import load_task
from mlops.serving import scorer as scorer_module
from mlops.serving.scorer import Scorer


def columns_of(scorer: Scorer, rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    names = [column.name for column in scorer.contract.inputs]
    return to_columns(scorer.contract, {name: [row.get(name) for row in rows] for name in names}, names)


def varied(n: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    return [
        ROW | {"länge cm": float(rng.normal()), "stops": int(rng.integers(9)), "depot": rng.choice(["north", "x", ""])}
        for _ in range(n)
    ]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_one_row_at_a_time_permuted_and_in_chunks_score_alike(
    bundles: dict[str, Path], task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scorer, rows = Scorer.load(bundles[task]), varied(50)
    whole = scorer.scores(columns_of(scorer, rows), 50)
    single = np.concatenate([scorer.scores(columns_of(scorer, [row]), 1) for row in rows])
    reverse = scorer.scores(columns_of(scorer, rows[::-1]), 50)[::-1]
    monkeypatch.setattr(scorer_module, "CHUNK", 7)
    chunked = scorer.scores(columns_of(scorer, rows), 50)
    assert whole.dtype == np.float64
    assert whole.shape == ((50,) if task == "regression" else (50, len(LABELS[task])))
    for other in (single, reverse, chunked):
        np.testing.assert_allclose(other, whole, rtol=0, atol=1e-6)


def test_predictions_follow_threshold_argmax_and_value(bundles: dict[str, Path]) -> None:
    binary, multiclass, regression = (Scorer.load(bundles[t]) for t in ("binary", "multiclass", "regression"))
    assert binary.predictions(np.array([[0.61, 0.39], [0.6, 0.4]])) == [False, True]
    assert multiclass.predictions(np.array([[0.2, 0.5, 0.3]])) == ["late"]
    assert regression.predictions(np.array([1.5])) == [1.5]


def test_no_rows_give_no_scores(bundles: dict[str, Path]) -> None:
    scorer = Scorer.load(bundles["multiclass"])
    assert scorer.scores(columns_of(scorer, []), 0).shape == (0, 3)


def test_a_score_that_is_not_finite_is_an_error(bundle: Path) -> None:
    scorer = Scorer.load(bundle)
    with pytest.raises(MlopsError, match=r"nan.* for row 1: a score must be a finite number"):
        scorer.scores(columns_of(scorer, [ROW, ROW | {"stops": None}]), 2)


def test_reading_a_bundle_leaves_no_trace_in_it(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    before = listing(bundle)
    Scorer.load(bundle)
    assert listing(bundle) == before


def listing(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_two_bundles_keep_their_own_features(tmp_path: Path) -> None:
    one = Scorer.load(make_bundle(tmp_path / "one"))
    features = FEATURES.replace('columns["stops"]', 'columns["stops"] * 0')
    other = Scorer.load(make_bundle(tmp_path / "other", features=features))
    rows = [ROW | {"stops": 9}]
    assert not np.array_equal(one.scores(columns_of(one, rows), 1), other.scores(columns_of(other, rows), 1))


def test_the_projects_own_package_stays_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "src" / "mine"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text("where = 'project'\n")
    monkeypatch.syspath_prepend(str(own.parent))
    import mine  # type: ignore[import-not-found]

    Scorer.load(make_bundle(tmp_path / "bundle", package="mine"))
    assert sys.modules["mine"] is mine
    assert str(tmp_path / "bundle") not in sys.path


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("import polars_of_tomorrow\n", r"imports 'polars_of_tomorrow', something that the server does not have"),
        ("from parcels.helpers import x\n", r"imports 'parcels.helpers', which the bundle lacks"),
        ("def features(columns:\n", r"features.py: does not import: SyntaxError"),
        ("1 / 0\n", r"does not import: ZeroDivisionError"),
        ("x = 1\n", r"defines no function 'features'"),
    ],
)
def test_features_that_cannot_be_imported_say_why(tmp_path: Path, features: str, message: str) -> None:
    with pytest.raises(MlopsError, match=message):
        Scorer.load(make_bundle(tmp_path / "bundle", features=features))


def test_a_feature_that_the_model_was_trained_with_may_not_vanish(tmp_path: Path) -> None:
    scorer = Scorer.load(make_bundle(tmp_path / "b", features=FEATURES.replace('"stops":', '"halts":')))
    with pytest.raises(MlopsError, match="features\\(\\) returns no 'stops'"):
        scorer.scores(columns_of(scorer, [ROW]), 1)


def test_a_constant_feature_is_zero_whatever_features_says(bundle: Path, tmp_path: Path) -> None:
    noisy = make_bundle(tmp_path / "b", features=FEATURES.replace('columns["weight"] * np.nan', 'columns["weight"]'))
    one, other = Scorer.load(bundle), Scorer.load(noisy)
    np.testing.assert_array_equal(one.scores(columns_of(one, [ROW]), 1), other.scores(columns_of(other, [ROW]), 1))


def test_a_class_too_few_in_the_graph_is_an_error(bundles: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(bundles["multiclass"], tmp_path / "b")
    shutil.copy(bundles["binary"] / "model.onnx", tmp_path / "b" / "model.onnx")
    scorer = Scorer.load(tmp_path / "b")
    with pytest.raises(MlopsError, match=r"shape \(1, 2\), but \(1, 3\) is due"):
        scorer.scores(columns_of(scorer, [ROW]), 1)


@pytest.mark.parametrize("name", ["task.json", "contract.yaml", "model.onnx", "parcels/features.py"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    bundle = make_bundle(tmp_path / "b")
    (bundle / name).unlink()
    with pytest.raises(MlopsError, match=name):
        Scorer.load(bundle)


def test_a_graph_with_other_inputs_is_refused(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "b")
    task = load_task(bundle / "task.json")
    graph = onnx.load(tmp_path / "b" / "model.onnx")
    (tmp_path / "b" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(MlopsError, match="no graph that ONNX Runtime reads"):
        Scorer.load(tmp_path / "b")
    onnx.save(graph, tmp_path / "b" / "model.onnx")
    text = (tmp_path / "b" / "task.json").read_text().replace('"f1"', '"g1"')
    (tmp_path / "b" / "task.json").write_text(text)
    with pytest.raises(MlopsError, match=r"wants \['f1'\]"):
        Scorer.load(tmp_path / "b")
    assert task.features[1].onnx == "f1"
