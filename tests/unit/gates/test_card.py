"""The model card: from what is there, the same each time, and known to be old when it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from baking import PROJECT
from unit.gates.rendering import caught, rendered
from unit.gates.reporting import FAIRNESS, IMPORTANCE, METRICS

from mlops.contract.errors import MlopsError, Refused
from mlops.gates.reporting import card as cards
from mlops.gates.reporting.notes import SECTIONS
from mlops.settings import Settings

HOSTILE = "</details><script>@everyone"
CONTRACT = f"""
apiVersion: v3.2.0
kind: DataContract
id: flights
name: Flights
version: 1.2.0
status: active
description: {{purpose: Predict delays.}}
schema:
  - name: flights
    properties:
      - {{name: late, tags: [target], logicalType: boolean, required: true}}
      - {{name: carrier, tags: [slice], logicalType: string, description: "{HOSTILE}"}}
      - {{name: "{HOSTILE}", tags: [protected], logicalType: string}}
      - {{name: distance, logicalType: number}}
"""
TASK = {
    "task": "binary", "target": "late", "classes": [False, True], "threshold": 0.31, "package": "p", "split": {},
    "features": [{"name": "distance", "onnx": "f0", "kind": "float", "constant": True}],
    "batches": [{"name": "0001-january.csv", "sha256": "ab" * 32, "rows": 26398}],
}  # fmt: skip
NOTES = (
    "<!-- help -->\n\n## intended use\n\nFor **planning**.\n\n## Caveats and Recommendations\n\n<!-- nothing yet -->\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    files = {
        "contract.yaml": CONTRACT,
        "params.yaml": "task: binary\npositive: true\nsplit: {method: time, test: newest_batch}\nmodel: {depth: 3}\n",
        "pyproject.toml": '[project]\nname = "flights"\ndescription = "Delays."\nlicense = "MIT"\n[tool.mlops]\n',
        "build/bundle/task.json": json.dumps(TASK),
        "reports/metrics.json": json.dumps(METRICS | {"undefined": {"f1": "one class only"}}),
        "reports/slices.json": json.dumps({"carrier": {HOSTILE: {"rows": 900, "roc_auc": 0.7}, "HA": {"rows": 3}}}),
        "reports/fairness.json": json.dumps({"columns": FAIRNESS}),
        "reports/importance.json": json.dumps(IMPORTANCE),
        "docs/model-card.notes.md": NOTES,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return Settings(tmp_path, "flights", "p", "p.features", "p.model")


def body(text: str) -> str:
    return text.split("---\n", 2)[2]


def test_it_has_the_sections_of_the_paper_in_their_order(project: Settings) -> None:
    assert tuple(re.findall(r"^## (.*)$", cards.render(project), flags=re.MULTILINE)) == SECTIONS


def test_each_section_says_what_is_known(project: Settings) -> None:
    found = rendered(body(cards.render(project)))
    said = " ".join([*found.prose, *found.code])
    for part in (
        "Delays.",
        "depth=3",
        "Predict delays.",
        "planning",
        "26,398 rows",
        "newest_batch",
        "0.7142 to 0.7290",
        "A linear model has 0.6911",
        "one class only",
        "true positive rate",
        "scheduled_departure",
        "0.310",
        "26,300 rows that the model was not trained on",
        "Features that were null in every training row",
    ):
        assert part in said, part


@pytest.mark.parametrize(
    ("delay", "method", "said"), [("2d", "time", True), ("0d", "time", False), ("2d", "random", False)]
)
def test_the_gap_before_the_held_out_rows_is_told_where_there_is_one(
    project: Settings, delay: str, method: str, said: bool
) -> None:
    text = f"task: binary\npositive: true\nlabel_delay: {delay}\nsplit: {{method: {method}, test: 20%}}\n"
    (project.root / "params.yaml").write_text(text, encoding="utf-8")
    assert ("No row of the last 2d before those held out is trained on" in cards.render(project)) is said


def test_values_are_inert_and_notes_are_markdown(project: Settings) -> None:
    found = rendered(body(cards.render(project)))
    assert found.balanced
    assert not {"script", "details", "a", "img"} & set(found.tags)
    assert caught(found) == []
    assert "strong" in found.tags


def test_front_matter_is_what_hubs_read(project: Settings) -> None:
    front = yaml.safe_load(cards.render(project).split("---\n")[1])
    assert (front["license"], front["library_name"], front["pipeline_tag"]) == ("mit", "onnx", "tabular-classification")
    [result] = front["model-index"][0]["results"]
    assert result["metrics"][0] == {"type": "roc_auc", "value": 0.7216}
    assert front["metrics"][0] == "roc_auc"


def test_a_license_that_no_hub_knows_is_other(project: Settings) -> None:
    path = project.root / "pyproject.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"MIT"', '"LicenseRef-Proprietary"'), encoding="utf-8")
    assert "license: other\n" in cards.render(project)


def test_it_names_no_day_and_no_machine(project: Settings, tmp_path: Path) -> None:
    text = cards.render(project)
    assert text == cards.render(project)
    assert str(tmp_path) not in text
    assert not re.search(r"\b20\d\d-\d\d-\d\d", text)


def test_what_nobody_wrote_is_said(project: Settings) -> None:
    nobody = "Nobody has written this yet"
    assert cards.render(project).count(nobody) == 2
    (project.root / "docs" / "model-card.notes.md").unlink()
    assert cards.render(project).count(nobody) == 3


def test_a_heading_that_is_no_section_is_named_with_the_near_one(project: Settings) -> None:
    (project.root / "docs" / "model-card.notes.md").write_text("## Intended Uses\n\nx\n", encoding="utf-8")
    with pytest.raises(MlopsError, match=r"'Intended Uses' is not a section.*Did you mean 'Intended Use'") as caught_:
        cards.render(project)
    assert caught_.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("reports/metrics.json", "0.7216", "0.7217"), ("reports/slices.json", "900", "901"),
     ("reports/fairness.json", "0.27", "0.28"), ("reports/importance.json", "0.091", "0.092"),
     ("docs/model-card.notes.md", "planning", "fun"), ("params.yaml", "depth: 3", "depth: 4"),
     ("contract.yaml", "1.2.0", "1.3.0"), ("build/bundle/task.json", "26398", "26399"),
     ("docs/model-card.md", "planning", "everything")],
)  # fmt: skip
def test_a_card_is_old_as_soon_as_anything_it_tells_changes(project: Settings, name: str, old: str, new: str) -> None:
    cards.write(project)
    assert "is this model's" in cards.check(project)
    path = project.root / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(Refused, match="`mlops card` writes it anew") as caught_:
        cards.check(project)
    assert caught_.value.exit_code == 1
    if name != "contract.yaml":
        cards.write(project)
        assert "is this model's" in cards.check(project)


def test_without_a_model_there_is_nothing_to_compare(project: Settings) -> None:
    cards.write(project)
    (project.root / "reports" / "metrics.json").unlink()
    assert "nothing to compare" in cards.check(project)
    with pytest.raises(MlopsError, match="dvc repro"):
        cards.require(project)


def test_a_card_that_nobody_wrote_yet_is_not_old(project: Settings) -> None:
    assert "is not there yet" in cards.check(project)


def test_a_checkout_with_windows_line_ends_is_not_old(project: Settings) -> None:
    path = cards.write(project)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "is this model's" in cards.check(project)


def test_a_release_keeps_what_would_be_written(project: Settings) -> None:
    assert cards.require(project) == cards.write(project).read_bytes()


def test_results_of_a_first_model_are_enough(project: Settings) -> None:
    for name in ("slices", "fairness", "importance"):
        (project.root / "reports" / f"{name}.json").unlink()
    assert "By group" not in cards.render(project)
    (project.root / "reports" / "fairness.json").write_text('{"declared": "none"}', encoding="utf-8")
    assert "Between protected groups" not in cards.render(project)


def test_make_check_looks_at_the_card() -> None:
    recipe = (PROJECT / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
    assert "\tmlops card --check" in recipe
