"""The parts that are folded: behaviour, calibration, cost, changes, and the metric over releases."""

from __future__ import annotations

from typing import Any

from mlops.gates.reporting.blocks import Block, Bullets, Cell, Link, Name, Paragraph, Section, Strong, Trend, table
from mlops.gates.reporting.numbers import NONE, count, interval, number, signed
from mlops.gates.reporting.parts import Json, details, fold, titled

KINDS = ("data", "contract", "params", "gates")
MOST = 20


def behaviour(judgement: Json) -> list[Section]:
    """Show each expectation, and a real row that breaks it."""
    found, outcome = details(judgement, "behaviour")
    checks = found.get("checks") or []
    if not checks:
        return []
    rows: list[tuple[Cell, ...]] = [
        (Name(c["name"]), count(c["rows"]), count(c["violations"]), _allowed(c.get("allowed")), str(c["outcome"]))
        for c in checks
    ]
    blocks: list[Block] = [table("expectation | rows | broken by | allowed | outcome", "lrrrl", rows)]
    broken = [c for c in checks if c.get("example")]
    points = tuple(_example(c) for c in broken[:10])
    if points:
        blocks.append(Bullets(points))
    return [Section(titled("Behaviour", judgement), tuple(blocks), fold(outcome), 60)]


def _allowed(value: Any) -> str:
    return number(value, "g") if isinstance(value, int | float) else str(value if value is not None else NONE)


def _example(check: Json) -> tuple[Any, ...]:
    cells: list[Any] = [Name(check["name"]), " is broken, for example, by the row"]
    for key, value in list(check["example"].items())[:12]:
        cells += [" ", Name(f"{key} = {value}")]
    return tuple(cells)


def calibration(judgement: Json) -> list[Section]:
    """Show how far probabilities are from what happens."""
    found, outcome = details(judgement, "calibration")
    if "ece" not in found:
        return []
    rows: list[tuple[Cell, ...]] = [
        ("expected calibration error", number(found.get("champion_ece")), number(found["ece"]),
         interval(found.get("low"), found.get("high"), ".4f"), signed(found.get("difference")),
         interval(found.get("difference_low"), found.get("difference_high"))),
        ("Brier score", number(found.get("champion_brier")), number(found.get("brier")), NONE, NONE, NONE),
    ]  # fmt: skip
    head = "measure, less is better | champion | challenger | its interval | difference | its interval"
    chance = number(found.get("chance"))
    note = f"A perfectly calibrated model would show an error of about {chance} on these rows by chance."
    blocks = (table(head, "lrrrrr", rows), *(() if chance == NONE else (Paragraph(note),)))
    return [Section(titled("Calibration", judgement), blocks, fold(outcome), 30)]


def cost(judgement: Json) -> list[Section]:
    """Show what the bundle weighs and how long it takes."""
    size, _ = details(judgement, "size")
    speed, _ = details(judgement, "speed")
    rows: list[tuple[Cell, ...]] = []
    if "bytes" in size:
        most = f"{number(size.get('limit_mb'), 'g')} MB"
        rows.append(("bundle", _mb(size.get("champion_bytes")), _mb(size["bytes"]), most))
    for key, words in (("single", "one row"), ("hundred", "100 rows")):
        if f"{key}_ms" in speed:
            most = f"{number(speed.get('limit'), 'g')} times the champion's"
            ratio = number(speed.get(f"{key}_ratio"), ".2f")
            now = f"{number(speed[f'{key}_ms'], '.2f')} ms" + ("" if ratio == NONE else f" ({ratio} times)")
            rows.append((f"scoring {words}", _ms(speed.get(f"champion_{key}_ms")), now, most))
    if not rows:
        return []
    head = "what | champion | challenger | allowed"
    return [Section(titled("Cost", judgement), (table(head, "lrrr", rows),), "closed", 10)]


def _mb(value: Any) -> str:
    return NONE if value is None else f"{number(value / 1e6, ',.2f')} MB"


def _ms(value: Any) -> str:
    return NONE if value is None else f"{number(value, '.2f')} ms"


def changes(report: Json) -> list[Section]:
    """List what this branch changes in data, contract, params and gates."""
    changed = report.get("changes") or {}
    found = {kind: changed[kind] for kind in KINDS if changed.get(kind)}
    blocks: list[Block] = []
    for kind, lines in found.items():
        rest: tuple[Cell, ...] = (f"… and {len(lines) - MOST} more",) if len(lines) > MOST else ()
        blocks += [Paragraph(Strong(kind)), Bullets((*(Name(line) for line in lines[:MOST]), *rest))]
    counts = ", ".join(f"{kind} {len(lines)}" for kind, lines in found.items())
    return [Section(f"What changes: {counts}", tuple(blocks), "closed", 50)] if found else []


def trend(report: Json) -> list[Section]:
    """Draw the metric over releases, this model as the last point."""
    first = report["judgements"][0]
    points = [(str(p["id"]), float(p["value"])) for p in report.get("trend") or [] if p.get("value") is not None]
    if not points:
        return []
    line = Trend(first["metric"], (*points, ("this", float(first["score"]))))
    return [Section("Over releases", (line,), "no", 20)]


def notebook(address: str) -> list[Section]:
    """Link the lab notebook, if its address is one that a browser may open."""
    if not address.lower().startswith(("http://", "https://")):
        return []
    return [Section("Lab notebook", (Paragraph((Link("MLflow", address),)),), "closed", 5)]
