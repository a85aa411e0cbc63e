"""The page beside the comment: whole, by itself, the same each time, its colours the reader's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from unit.gates.rendering import seen
from unit.gates.reporting import IMPORTANCE, METRICS, Json, curves, first, regression_curves, report, two_bars

from mlops.contract.errors import MlopsError
from mlops.gates.reporting.plots import plots
from mlops.gates.reporting.write import write

EVERY = [
    "ROC curve", "Precision and recall", "Calibration", "Confusion of the challenger", "Slices, worst first",
    "Permutation importance", "The metric over releases, each on its own rows",
]  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "metrics.json").write_text(json.dumps(METRICS), encoding="utf-8")
    (tmp_path / "reports" / "importance.json").write_text(json.dumps(IMPORTANCE), encoding="utf-8")
    return tmp_path


def page(root: Path, made: Json, notebook: str = "") -> str:
    return write(root, made, notebook)[1].read_text(encoding="utf-8")


def test_it_is_the_same_bytes_each_time(root: Path) -> None:
    assert page(root, report()) == page(root, json.loads(json.dumps(report())))


def test_it_needs_nothing_but_itself(root: Path) -> None:
    text = page(root, two_bars())
    found = seen(text)
    policy = next(value for _, name, value in found.attributes if value.startswith("default-src"))
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not re.search(r"https?:|@import|url\((?!#)|<script|<link|<iframe", text)
    assert found.balanced
    assert str(root) not in text


def test_it_tells_what_the_comment_tells(root: Path) -> None:
    found = seen(page(root, two_bars()))
    said = " ".join([*found.prose, *found.code])
    for part in (
        "NO: blocked by slices.",
        "2 bars were applied",
        "Metric, by gates.yaml as changed here",
        "Overrides",
        "Gates that do not block",
        "Slices: the groups",
        "Where the model errs most",
        "Fairness: gaps",
        "Behaviour",
        "Cost",
        "What changes",
        "a linear model",
        "1 batch, 26,398 rows",
    ):
        assert part in said, part


def test_every_plot_has_a_title_and_no_colour_of_its_own(root: Path) -> None:
    drawn = plots(report(), IMPORTANCE)
    assert [title for title, _ in drawn] == EVERY
    ids: list[str] = []
    for title, svg in drawn:
        found = seen(svg)
        assert found.balanced
        assert ("svg", "role", "img") in found.attributes
        assert title in found.code  # the text of its <title>
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!-)", re.sub(r'(?:url\(|href=")#[\w-]+', "", svg)), title
        ids += [value for _, name, value in found.attributes if name == "id"]
        for used in re.findall(r'(?:url\(|href=")#([\w-]+)', svg):
            assert used in ids
    assert len(ids) == len(set(ids))


def test_regression_has_residuals_instead_of_curves_of_classes() -> None:
    made = report(curves={"challenger": regression_curves(), "champion": None})
    assert [title for title, _ in plots(made)][:2] == ["Residuals", "Calibration"]


def test_many_classes_are_drawn_without_numbers() -> None:
    many = {"confusion": [[3] * 30] * 30, "classes": [f"class {i}" for i in range(30)]}
    [(_, svg)] = plots(first() | {"curves": {"challenger": many}})
    assert "class 3" not in svg


def test_what_is_not_known_is_not_drawn() -> None:
    assert plots(first()) == []


def test_without_curves_in_the_report_those_of_evaluate_are_drawn(root: Path) -> None:
    (root / "reports" / "curves.json").write_text(json.dumps(curves()), encoding="utf-8")
    assert "ROC curve" in page(root, first())


def test_the_notebook_is_linked_only_where_a_browser_may_go(root: Path) -> None:
    for address, linked in (("https://mlflow.example.com/?a=1&b=2", True), ("javascript:alert(1)", False)):
        found = seen(page(root, first(), address))
        assert [value for tag, name, value in found.attributes if (tag, name) == ("a", "href")] == [address] * linked


def test_the_address_of_the_notebook_is_read_from_the_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.com")
    markdown, html = write(root, first())
    assert all("https://mlflow.example.com" in path.read_text(encoding="utf-8") for path in (markdown, html))


def test_a_report_beside_it_that_is_cut_off_is_named(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "metrics.json").write_text('{"metrics": ', encoding="utf-8")
    with pytest.raises(MlopsError, match=r"metrics\.json: not valid JSON .* Run `dvc repro evaluate`"):
        write(tmp_path, report())
    (tmp_path / "reports" / "metrics.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(MlopsError, match=r"metrics\.json: not a report, but list\. Run `dvc repro evaluate`"):
        write(tmp_path, report())
