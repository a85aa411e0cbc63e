"""The comment on a pull request: verdict first, all of it there, and short enough whatever the data are."""

from __future__ import annotations

import json
import re

import pytest
from unit.gates.rendering import rendered
from unit.gates.reporting import METRICS, Json, first, group, report, two_bars

from mlops.gates.reporting.blocks import Trend
from mlops.gates.reporting.document import document
from mlops.gates.reporting.markdown import LIMIT, comment, marker
from mlops.gates.reporting.mermaid import chart

NAME = "</details>`@everyone`|" * 9 + "é\u202e"


def lines(report: Json, **more: object) -> list[str]:
    return comment(document(report, METRICS, **more)).splitlines()  # type: ignore[arg-type]


def titles(text: str) -> list[str]:
    return re.findall(r"^### (.*)$|<summary>(.*?)</summary>", text, flags=re.MULTILINE)


def test_it_begins_with_the_marker_and_the_verdict() -> None:
    said = lines(report())
    assert said[0] == "<!-- mlops-gate:staging -->"
    assert said[2] == "## ❌ NO: blocked by slices."
    assert said[4].startswith("- <b>slices</b>: Worse for carrier 'EV'")


def test_a_marker_holds_no_comment_end() -> None:
    assert marker("a--><script>") == "<!-- mlops-gate:a--script -->"


def test_a_region_where_it_errs_most_and_lost_most_is_told_once() -> None:
    found = report()
    worst = next(c for c in found["judgements"][0]["checks"] if c["gate"] == "slices")["details"]
    one = worst["worst"][0]
    worst["worst"] = [{**one, "found": "largest loss"}, {**one, "found": "largest growth"}]
    told = [line for line in lines(found) if "carrier is EV" in line]
    assert len(told) == 1 and "it errs most and it lost most to the champion" in told[0]
    worst["worst"][1]["where"] = ["carrier is MQ"]
    assert sum("it lost most to the champion" in line for line in lines(found)) == 1


def test_a_linear_model_that_is_far_better_is_not_called_as_good() -> None:
    text = comment(document(report(), METRICS | {"linear": {"score": 0.8, "margin_over": -0.08}}))
    assert "at least as good and simpler" in text


def test_every_part_is_there() -> None:
    text = comment(document(report(), METRICS, "https://mlflow.example.com"))
    found = rendered(text)
    said = " ".join([*found.prose, *found.code])
    for part in (
        "Metric",
        "Gates",
        "Overrides",
        "Gates that do not block",
        "Over releases",
        "Slices: the groups",
        "Where the model errs most",
        "Fairness: gaps",
        "Behaviour",
        "Calibration",
        "Cost",
        "What changes",
        "Lab notebook",
        "a dummy",
        "a linear model",
        "704 more were dropped",
        "0004-april.csv: added",
        "precipitation = 0.2",
        "until 2026-12-31",
        "has ended",
        "hour > 17.5",
        "0.41 MB",
    ):
        assert part in said, part
    assert "language-mermaid" in {value for *_, value in found.attributes}
    assert len(titles(text)) == 13


def test_what_failed_is_open_and_what_passed_is_folded() -> None:
    text = comment(document(report()))
    assert "<details open><summary>Slices" in text
    assert "<details><summary>Calibration" in text


def test_two_bars_have_their_own_tables() -> None:
    text = "\n".join(lines(two_bars()))
    assert "2 bars were applied and the strictest decides" in text
    for bar in ("gates.yaml of the base branch", "gates.yaml as changed here"):
        assert f"### Metric, by {bar}" in text and f"### Gates, by {bar}" in text
    assert "## ❌ NO: blocked by slices." in text


def test_what_two_bars_found_alike_is_told_once() -> None:
    made = two_bars()
    assert "\n".join(lines(made)).count("<summary>Calibration") == 1
    calibration = next(c for c in made["judgements"][1]["checks"] if c["gate"] == "calibration")
    calibration["details"]["ece"] = 0.5
    assert "\n".join(lines(made)).count("<summary>Calibration, by gates.yaml") == 2


def test_the_first_model_and_gates_without_details() -> None:
    text = "\n".join(lines(first()))
    assert "## ✅ YES: every gate passes." in text
    assert "nothing is released to staging yet" in text
    assert "mermaid" not in text and "<details" not in text


def test_what_could_not_be_compared_is_not_called_the_first() -> None:
    made = report()
    made["judgements"][0]["comparison"] = None
    assert "| – | not compared |" in "\n".join(lines(made))


def test_a_gap_above_the_limit_says_so_though_it_did_not_grow() -> None:
    made = report()
    fairness = next(c for c in made["judgements"][0]["checks"] if c["gate"] == "fairness")
    fairness["details"]["columns"][0]["measures"][0]["limit_answer"] = "too large"
    assert "| not worse; above the limit |" in "\n".join(lines(made))


def test_a_gate_that_is_off_or_overridden_says_so() -> None:
    said = "\n".join(lines(report()))
    assert "| speed | ⚪ off |" in said
    assert "| fairness | 🟡 overridden |" in said


@pytest.mark.parametrize(
    ("address", "linked"),
    [("https://mlflow.example.com", True), ("http://127.0.0.1:5000", True), ("HTTP://x", True), ("", False),
     ("sqlite:///mlflow.db", False), ("javascript:alert(1)", False), ("file:///tmp", False), ("databricks", False)],
)  # fmt: skip
def test_the_notebook_is_linked_only_where_a_browser_may_go(address: str, linked: bool) -> None:
    found = rendered(comment(document(report(), METRICS, address)))
    assert [value for tag, name, value in found.attributes if (tag, name) == ("a", "href")] == [address] * linked


def test_an_address_cannot_leave_its_attribute() -> None:
    found = rendered(comment(document(report(), METRICS, 'https://x/"><script>alert(1)</script>')))
    assert "script" not in found.tags


def crowd(names: int = 3000) -> Json:
    """Make a report of many groups with long names, and long everything."""
    made = two_bars()
    groups = [group(f"{NAME[:100]}{i}", f"{NAME}{i}", 200, -0.001 * i, "worse") for i in range(names)]
    for judgement in made["judgements"]:
        for answer in judgement["checks"]:
            answer["words"] = NAME * 200
            if answer["gate"] == "slices":
                answer["details"]["groups"] = groups
                answer["details"]["worst"] = [w | {"where": [NAME] * 40} for w in answer["details"]["worst"] * 100]
            if answer["gate"] == "behaviour":
                answer["details"]["checks"] *= 200
        judgement["bar"] = NAME * 9
    made["changes"] = {kind: [NAME * 3] * names for kind in ("data", "contract", "params", "gates")}
    made["overrides"] = [o | {"reason": NAME * 9, "reviewer": NAME} for o in made["overrides"] * 200]
    made["trend"] *= 400
    return made


def test_3000_groups_with_names_of_200_characters_fit() -> None:
    text = comment(document(crowd(), METRICS))
    assert 10_000 < len(text) <= LIMIT
    assert rendered(text).balanced
    assert text.startswith("<!-- mlops-gate:staging -->\n\n## ❌ NO: blocked by slices.")
    assert "Left out here for length: " in text
    assert "### Overrides\n" in text and "### Gates that do not block\n" in text


def test_the_least_important_leaves_first_and_is_named() -> None:
    told = document(report(), METRICS)
    whole = comment(told)
    before = whole
    for limit in range(len(whole), 1500, -150):
        text = comment(told, limit)
        assert len(text) <= limit
        assert rendered(text).balanced
        if "<summary>Cost" in text:
            assert "Left out" not in text or "Cost" not in text.split("Left out")[1]
        assert ("<summary>Slices" in text) or ("<summary>Cost" not in text)
        assert len(titles(text)) <= len(titles(before))
        before = text
    assert "Left out here for length" in before
    assert titles(before) == [("Metric", ""), ("Overrides", ""), ("Gates that do not block", "")]


def test_however_short_the_verdict_stays() -> None:
    assert "NO: blocked by slices." in comment(document(report()), limit=200)


def test_the_chart_is_one_that_mermaid_reads() -> None:
    drawn = chart(Trend("neg_log_loss", (('a"]\n```', -0.5), ("2026-01-01.1", -4e-7))))
    head, look, kind, title, labels, axis, line, end = drawn.splitlines()
    assert json.loads(look.removeprefix("%%{init: ").removesuffix("}%%"))["xyChart"] == {"width": 900}
    assert (head, kind, end) == ("```mermaid", "xychart-beta", "```")
    assert title == '    title "neg_log_loss over releases"'
    assert labels == '    x-axis ["a______", "2026-01-01.1"]'
    assert re.fullmatch(r"    y-axis -?\d+\.\d+ --> -?\d+\.\d+", axis)
    assert line == "    line [-0.500000, -0.000000]"


def test_a_gate_that_only_a_pull_request_switches_off_is_not_said_to_be_off() -> None:
    found = two_bars()
    base, ours = (judgement["gates"] for judgement in found["judgements"])
    base["modes"] = {"speed": {"mode": "off", "reason": "At night."}, "size": {"mode": "block", "reason": "Always."}}
    ours["modes"] = {**base["modes"], "slices": {"mode": "off", "reason": "In the way."}}
    said = "\n".join(lines(found)).split("### Gates that do not block")[1].split("###")[0]
    assert "| speed | off | At night. |" in said and "slices" not in said and "size" not in said
    ours["modes"] = {}
    assert "### Gates that do not block" not in "\n".join(lines(found))
