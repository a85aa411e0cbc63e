from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit.serving.bundle_factory import FEATURES, ROW, make_bundle
from unit.serving.processes import SOURCE

from mlops.contract.errors import MlopsError
from mlops.gates import cost
from mlops.gates.bar import Cost, Gates
from mlops.gates.cost import REQUESTS, Served, Timed, check_size, check_speed
from mlops.gates.match import Check

GATES = Gates(metric="roc_auc", margin=0.005)
WORK = "    print('at work', sum(range(300_000)))\n    sent, due ="
OLD = "import sys\nsys.exit('score: error: unrecognized arguments: --timing')\n"
DYING = "print('ready')\nprint(0.5)\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.fixture(scope="module")
def fast(folder: Path) -> Served:
    return served(make_bundle(folder / "fast"))


@pytest.fixture(scope="module")
def slow(folder: Path) -> Served:
    """The same model, behind features that do work of their own in each call, and talk."""
    return served(make_bundle(folder / "slow", features=FEATURES.replace("    sent, due =", WORK)))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "BUDGET", 0.0)


def served(bundle: Path, source: Path = SOURCE) -> Served:
    return Served(bundle, source, Path(sys.executable), {name: [value] * 7 for name, value in ROW.items()})


def test_a_bundle_is_weighed_beside_the_champions(fast: Served, slow: Served) -> None:
    found = check_size(fast.bundle, slow.bundle, GATES)
    assert found.outcome == "pass"
    assert found.details["bytes"] == sum(path.stat().st_size for path in fast.bundle.rglob("*.*"))
    assert found.details["champion_bytes"] > found.details["bytes"]
    assert "at most 100 MB" in found.words


def test_mutant_a_bundle_that_is_too_big_blocks(fast: Served) -> None:
    small = replace_cost(max_model_mb=0.001)
    assert check_size(fast.bundle, None, small).outcome == "block"


def test_mutant_features_that_work_too_long_block_and_what_they_print_is_no_answer(
    fast: Served, slow: Served, short: None
) -> None:
    found = check_speed(slow, fast, GATES)
    assert found.outcome == "block"
    assert found.words.startswith("Scoring takes longer than the champion, ")
    assert " ms) for one row" in found.words
    assert found.details["single_ratio"] > 2
    assert found.details["single_ms"] > 1 + found.details["champion_single_ms"]


def test_an_equal_bundle_passes_10_times_of_10(fast: Served, short: None) -> None:
    assert [check_speed(fast, fast, GATES).outcome for _ in range(10)] == ["pass"] * 10


def test_without_a_champion_the_time_is_told(fast: Served, short: None) -> None:
    found = check_speed(fast, None, GATES)
    assert found.outcome == "pass"
    assert found.words.startswith("There is no champion to compare with; one row ")
    assert found.details["single_ratio"] is None


@pytest.mark.parametrize("code", [OLD, DYING], ids=["too old", "dies"])
def test_a_champion_that_cannot_be_timed_is_not_compared(fast: Served, short: None, tmp_path: Path, code: str) -> None:
    package = tmp_path / "mlops" / "serving"
    package.mkdir(parents=True)
    (package / "score.py").write_text(code)
    found = check_speed(fast, replace(fast, source=tmp_path), GATES)
    assert found.outcome == "pass"
    assert "The champion cannot be timed, so speed is not compared" in found.words
    assert ("unrecognized arguments" in found.words) == (code == OLD)
    assert found.details["single_ms"] > 0


def test_a_champion_without_its_python_is_not_compared(fast: Served, short: None) -> None:
    assert "cannot be started" in check_speed(fast, replace(fast, python=Path("/no/python")), GATES).words


def test_a_challenger_that_cannot_be_timed_is_an_error(fast: Served) -> None:
    lacking = {name: values for name, values in fast.raw.items() if name != "stops"}
    with pytest.raises(MlopsError, match="missing column 'stops'"):
        check_speed(replace(fast, raw=lacking), fast, GATES)


def replace_cost(**cost_of: float) -> Gates:
    return GATES.model_copy(update={"cost": Cost(**cost_of)})


def speed(ours: list[float], theirs: list[float], gates: Gates = GATES) -> Check:
    """Judge milliseconds of single rows."""
    return cost._speed([Timed(REQUESTS[0], np.array(ours) / 1000, np.array(theirs) / 1000)], "", gates)


def test_a_difference_of_less_than_a_millisecond_is_nobodys_problem() -> None:
    found = speed([0.9] * 10, [0.1] * 10)
    assert found.outcome == "pass"
    assert "a difference too small to matter" in found.words
    assert speed([1.2] * 10, [0.1] * 10).outcome == "block"


def test_rounds_that_disagree_cannot_tell() -> None:
    ours, theirs = [9.0] * 6 + [3.0] * 4, [3.0] * 10
    assert speed(ours, theirs).outcome == "warn"
    assert speed(ours, theirs).words.startswith(
        "Cannot tell, as rounds differ: Scoring takes longer than the champion, 3 times (9 ms"
    )
    assert speed(ours, theirs, GATES.model_copy(update={"when_unsure": "block"})).outcome == "block"
    assert speed([9.0] * 9 + [3.0], theirs).outcome == "block"


def test_the_limit_is_the_bars() -> None:
    assert speed([5.0] * 10, [3.0] * 10).outcome == "pass"
    assert speed([5.0] * 10, [3.0] * 10, replace_cost(max_slowdown=1.5)).outcome == "block"
