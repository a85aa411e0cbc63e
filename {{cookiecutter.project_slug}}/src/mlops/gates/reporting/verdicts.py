"""The parts that everyone reads: the verdict and why, the metric, each gate, and what does not block for a reason."""

from __future__ import annotations

from typing import Any

from mlops.gates.reporting.blocks import Block, Bullets, Cell, Mark, Name, Paragraph, Section, Strong, Table, table
from mlops.gates.reporting.escape import short
from mlops.gates.reporting.numbers import NONE, count, interval, number, share, signed
from mlops.gates.reporting.parts import Json, titled

REASON = 200


def headline(report: Json) -> str:
    """Say yes or no, and which gates decided."""
    checks = [check for judgement in report["judgements"] for check in judgement["checks"]]
    blocked, warned = (_named(checks, outcome) for outcome in ("block", "warn"))
    if blocked:
        return f"NO: blocked by {blocked}."
    if not report.get("passed", True):
        return "NO: the model is refused."
    return "YES" + (f", with a warning: {warned}." if warned else ": every gate passes.")


def _named(checks: list[Json], outcome: str) -> str:
    return ", ".join(dict.fromkeys(check["gate"] for check in checks if check["outcome"] == outcome))


def reasons(report: Json) -> tuple[Block, ...]:
    """Give the reason of each gate that blocks; of several bars each says it once."""
    found = dict.fromkeys(
        (check["gate"], check["words"])
        for judgement in report["judgements"]
        for check in judgement["checks"]
        if check["outcome"] == "block"
    )
    return (Bullets(tuple((Strong(gate), f": {words}") for gate, words in found)),) if found else ()


def standing(report: Json) -> Paragraph:
    """Say what was compared with what."""
    champion = report.get("champion")
    against: tuple[Any, ...] = (
        ("Champion: ", Name(champion["id"]), f" of {report['env']}. ")
        if champion
        else (f"Champion: none, nothing is released to {report['env']} yet. ",)
    )
    bars = len(report["judgements"])
    several = (
        f" This branch moves the bar, so {bars} bars were applied and the strictest decides: each has its own tables."
        if bars > 1
        else ""
    )
    return Paragraph((*against, f"Bar: {report['judgements'][0]['bar']}.{several}"))


def metric(judgement: Json) -> Section:
    """Set champion and challenger side by side."""
    found = judgement.get("comparison") or {}
    row = (
        Name(judgement["metric"]), number(found.get("champion")), number(judgement["score"]),
        signed(found.get("difference")), interval(found.get("low"), found.get("high")),
        _answer(found) or str(judgement.get("alone", NONE)),
    )  # fmt: skip
    head = "metric | champion | challenger | difference | 90 % interval | verdict"
    blocks = (table(head, "lrrrrl", [row]), _beside(judgement), _rows(judgement))
    return Section(titled("Metric", judgement), blocks, keep=120)


def _answer(found: Json) -> str:
    """Call it better where even the lower bound is."""
    better = found.get("answer") == "not worse" and found["low"] > 0
    return "better" if better else str(found.get("answer", ""))


def _beside(judgement: Json) -> Table:
    """Set what is simpler beside it; the linear model was measured by `evaluate`, on all test rows."""
    score, other = judgement["score"], judgement.get("linear") or {}
    rows: list[tuple[Cell, ...]] = [
        ("a dummy, which looks at nothing", number(judgement["dummy"]), signed(score - judgement["dummy"]),
         f"{share(judgement['skill'])} of the way from the dummy to the best possible"),
    ]  # fmt: skip
    if other:
        by = other["margin_over"]
        says = "at least as good and simpler: is this model worth it?" if by <= 0 else NONE
        where = ", on all test rows" if judgement["dropped"] else ""
        rows.append((f"a linear model{where}", number(other["score"]), signed(by), says))
    return table("beside it | score | this model has more by | says", "lrrl", rows)


def _rows(judgement: Json) -> Paragraph:
    dropped, asked = judgement["dropped"], judgement.get("gates") or {}
    more = f" {count(dropped)} more were dropped, as the champion was trained on them." if dropped else ""
    margin = f" Margin: {number(asked['margin'], 'g')}." if "margin" in asked else ""
    return Paragraph(f"{count(judgement['rows'])} test rows that neither model was trained on.{more}{margin}")


def gates(judgement: Json) -> Section:
    """List every gate with its outcome and its sentence."""
    rows: list[tuple[Cell, ...]] = []
    for check in judgement["checks"]:
        marks = check.get("details") or {}
        outcome = next((mark for mark in ("off", "overridden") if marks.get(mark)), check["outcome"])
        rows.append((check["gate"], Mark(outcome), check["words"]))
    return Section(titled("Gates", judgement), (table("gate | outcome | why", "lll", rows),))


def exceptions(report: Json) -> list[Section]:
    """Show what does not block, who says so and until when: always, so that nobody forgets it."""
    sections = []
    overrides: list[tuple[Cell, ...]] = [
        (
            o["gate"],
            Name(o["reviewer"]),
            short(o["reason"], REASON),
            f"until {o['expires']}" + ("" if o["active"] else ", has ended"),
        )
        for o in report.get("overrides") or []
    ]
    if overrides:
        ended = any(not o["active"] for o in report["overrides"])
        note = (Paragraph("Those that have ended do nothing: take them out of `gates.yaml`."),) if ended else ()
        head = "gate | reviewer | reason | holds"
        sections.append(Section("Overrides", (table(head, "llll", overrides, most=12), *note), keep=130))
    modes = _lenient(report)
    if modes:
        head = "gate | mode | reason"
        sections.append(Section("Gates that do not block", (table(head, "lll", modes, most=12),), keep=130))
    return sections


def _lenient(report: Json) -> list[tuple[Cell, ...]]:
    """List the gates that block under no bar: what a pull request alone switches off still blocks by the base's."""
    first, *others = ((judgement.get("gates") or {}).get("modes") or {} for judgement in report["judgements"])
    return [
        (gate, mode["mode"], short(mode["reason"], REASON))
        for gate, mode in first.items()
        if all(modes.get(gate, {"mode": "block"})["mode"] != "block" for modes in (first, *others))
    ]
