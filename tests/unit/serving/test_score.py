from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from unit.serving.bundle_factory import FEATURES, ROW, make_bundle
from unit.serving.processes import SOURCE, serving

from mlops.contract.errors import MlopsError
from mlops.environment import serving_python
from mlops.scoring import score, stopwatch
from mlops.serving.score import main

ENVS = "MLOPS_ENVS"


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with requirements/serve.txt alone."""
    return serving_python(SOURCE.parent / "requirements" / "serve.txt", tmp_path_factory.mktemp("envs"))


def raw(*rows: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in rows[0]}


def test_a_process_with_the_servers_packages_alone_scores_as_the_server_answers(bundle: Path, python: Path) -> None:
    rows = [ROW, ROW | {"depot": "x", "stops": 8}]
    scores = score(bundle, SOURCE, python, raw(*rows) | {"late": [None, True], "other": [[], {}]}, 2)
    with serving(bundle, python=python) as server:
        answers = server.predict(*rows).json["predictions"]
    assert scores.shape == (2, 2)
    assert scores[:, 1].tolist() == [answer["probability"] for answer in answers]


def test_features_that_import_what_the_server_lacks_name_it(tmp_path: Path, python: Path) -> None:
    bundle = make_bundle(tmp_path / "b", features=FEATURES.replace("import numpy", "import pandas\nimport numpy"))
    with pytest.raises(MlopsError, match=r"features\.py imports 'pandas', something that the server does not have"):
        score(bundle, SOURCE, python, raw(ROW), 1)


def test_a_value_that_is_no_json_is_refused_before_a_process_starts(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(MlopsError, match="not what a client could send"):
        score(bundle, SOURCE, tmp_path / "no-python", {"stops": [float("nan")]}, 1)


def run(bundle: Path, tmp_path: Path, document: Any) -> int:
    rows = tmp_path / "rows.json"
    rows.write_text(document if isinstance(document, str) else json.dumps(document))
    return main(["--bundle", str(bundle), "--rows", str(rows), "--out", str(tmp_path / "out.npy")])


def test_scores_are_written_as_numpy(bundles: dict[str, Path], tmp_path: Path) -> None:
    assert run(bundles["regression"], tmp_path, {"n": 2, "columns": raw(ROW, ROW)}) == 0
    scores = np.load(tmp_path / "out.npy")
    assert scores.shape == (2,)
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"n": 1, "columns": {k: [v] for k, v in ROW.items() if k != "länge cm"}}, "missing column 'länge cm'"),
        ({"n": 1, "columns": raw(ROW | {"stops": "three"})}, "column 'stops': 1 bad value: 'three' in row 0"),
        ({"n": 2, "columns": raw(ROW)}, "not a list of n = 2 values"),
        ({"n": -1, "columns": {}}, "n is -1"),
        ({"columns": {}}, "not {"),
        ('{"n": 1, "columns": {"stops": [NaN]}}', "NaN is no JSON"),
        ("[" * 100_000, "not {"),
    ],
)
def test_rows_that_cannot_be_scored_are_exit_2_in_one_line(
    bundle: Path, tmp_path: Path, document: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bundle, tmp_path, document) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out.npy").exists()


def test_a_bad_restricted_value_is_not_repeated(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(bundle, tmp_path, {"n": 1, "columns": raw(ROW | {"iban": 8675309})}) == 2
    assert "8675309" not in capsys.readouterr().err


def test_a_stopwatch_times_what_is_asked_and_is_gone_afterwards(bundle: Path) -> None:
    with stopwatch(bundle, SOURCE, Path(sys.executable), raw(ROW, ROW, ROW), 3) as watch:
        watch.wait_until_ready()
        assert 0 < watch.seconds(1, 5) < watch.seconds(2000, 1)
    assert not watch.running


def test_a_stopwatch_says_why_it_cannot_start(bundle: Path) -> None:
    with (
        stopwatch(bundle, SOURCE, Path(sys.executable), raw(ROW | {"stops": "three"}), 1) as watch,
        pytest.raises(MlopsError, match="1 bad value: 'three' in row 0"),
    ):
        watch.wait_until_ready()
    assert not watch.running


def test_a_stopwatch_that_hangs_is_stopped(bundle: Path, tmp_path: Path) -> None:
    package = tmp_path / "mlops" / "serving"
    package.mkdir(parents=True)
    (package / "score.py").write_text("input()\ninput()\n")
    with (
        stopwatch(bundle, tmp_path, Path(sys.executable), raw(ROW), 1, limit=0.2) as watch,
        pytest.raises(MlopsError, match="it took too long"),
    ):
        watch.wait_until_ready()
    assert not watch.running


def test_timing_and_scores_are_not_asked_for_at_once(bundle: Path, tmp_path: Path) -> None:
    for flags in ([], ["--timing", "--out", str(tmp_path / "out.npy")]):
        with pytest.raises(SystemExit):
            main(["--bundle", str(bundle), "--rows", "rows.json", *flags])
