"""The report as text, as people read it on a terminal."""

from __future__ import annotations

from unit.gates.reporting import first, report, two_bars

from mlops.gates.report import text, verdict
from mlops.gates.reporting.numbers import interval
from mlops.gates.reporting.parts import details


def test_the_verdict_comes_first() -> None:
    assert text(report()).startswith("NO: blocked by slices.\n")
    assert verdict(first()) == "YES: every gate passes."
    warned = first()
    warned["judgements"][0]["checks"][3]["outcome"] = "warn"
    assert verdict(warned) == "YES, with a warning: champion."


def test_each_gate_has_a_line() -> None:
    said = text(report())
    assert "  BLOCK  slices        Worse for carrier 'EV'" in said
    assert "  pass   data          Added" in said
    assert "  off    speed" in said


def test_the_worst_groups_and_gaps_are_named_and_no_others() -> None:
    lines = text(report()).splitlines()
    at = lines.index("  Slices, the worst first:")
    assert [line.split()[:2] for line in lines[at + 1 : at + 4]] == [
        ["carrier:", "EV"], ["carrier:", "YV"], ["distance:", "872–1389"],
    ]  # fmt: skip
    assert lines[at + 4] == "  Gaps between protected groups:"
    assert "equal opportunity" in lines[at + 5] and lines[at + 5].endswith("worse")
    gap = details(report()["judgements"][0], "fairness")[0]["columns"][0]["measures"][1]
    assert f"grown by {interval(gap['difference_low'], gap['difference_high'], '+.3f')}" in lines[at + 5]


def test_each_bar_has_a_table() -> None:
    assert [line[:12] for line in text(two_bars()).splitlines() if line.startswith("By ")] == ["By gates.yam"] * 2


def test_nothing_is_said_of_what_was_not_compared() -> None:
    assert "Slices" not in text(first()) and "Gaps" not in text(first())
