"""For whom the model got worse: slices, the worst slice found, fairness."""

from __future__ import annotations

from typing import Any

from mlops.gates.reporting.blocks import Block, Cell, Name, Paragraph, Section, Table, table
from mlops.gates.reporting.numbers import NONE, count, interval, number, signed
from mlops.gates.reporting.parts import Json, details, fold, titled

ORDER = ("worse", "cannot tell", "not worse", "no champion", "not defined", "too few rows")
FEW = ("not defined", "too few rows")
SOUGHT = {"largest loss": "it errs most", "largest growth": "it lost most to the champion"}


def worst_first(groups: list[Json]) -> list[Json]:
    """Sort groups: worse, then unclear, then by how much was lost or how low it is."""

    def key(group: Json) -> tuple[int, float, float, str, str]:
        answer = group.get("answer")
        place = ORDER.index(answer) if answer in ORDER else len(ORDER)
        lost, has = (_or(group.get(name), 0.0) for name in ("difference", "challenger"))
        return place, lost, has, str(group.get("column")), str(group.get("group"))

    return sorted(groups, key=key)


def _or(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def slices(judgement: Json) -> list[Section]:
    """Show the ten groups that fare worst, and what the search for the worst slice found."""
    found, outcome = details(judgement, "slices")
    groups = worst_first(found.get("groups") or [])
    sections = []
    if groups:
        few = sum(group.get("answer") in FEW for group in groups)
        blocks: list[Block] = [_groups(groups)]
        if few:
            blocks.append(Paragraph(f"Too small to be compared: {count(few)} of {count(len(groups))} groups."))
        title = titled("Slices: the groups that fare worst", judgement)
        sections.append(Section(title, tuple(blocks), fold(outcome), 90))
    if found.get("worst"):
        sections.append(
            Section(titled("Where the model errs most", judgement), (_worst(found["worst"]),), "closed", 40)
        )
    return sections


def _groups(groups: list[Json]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (Name(g["column"]), Name(g["group"]), count(g["rows"]), number(g.get("champion")), number(g.get("challenger")),
         signed(g.get("difference")), interval(g.get("low"), g.get("high")), str(g.get("answer", NONE)))
        for g in groups
    ]  # fmt: skip
    head = "column | group | rows | champion | challenger | difference | interval | verdict"
    return table(head, "llrrrrrl", rows, most=10)


def _worst(found: list[Json]) -> Table:
    regions: dict[tuple[str, ...], Json] = {}
    for w in found:
        there = regions.setdefault(tuple(w["where"]), {**w, "what": []})
        there["what"].append(SOUGHT.get(str(w.get("found")), "it errs most"))
    rows: list[tuple[Cell, ...]] = [
        (" and ".join(w["what"]), _where(w["where"]), count(w["rows"]), number(w["loss"]), number(w.get("champion")),
         number(w["overall"]), str(w.get("loss_name", NONE)))
        for w in regions.values()
    ]  # fmt: skip
    return table("where | rows with | rows | loss | champion's | over all rows | measured by", "llrrrrl", rows, most=5)


def _where(parts: list[str]) -> tuple[Any, ...]:
    cells: list[Any] = []
    for part in parts[:6]:
        cells += [" and ", Name(part)] if cells else [Name(part)]
    return tuple(cells) or ("all",)


def fairness(judgement: Json) -> list[Section]:
    """Show each gap between groups of a protected column with its interval, then the groups' rates."""
    found, outcome = details(judgement, "fairness")
    columns = found.get("columns") or []
    if not columns:
        declared = found.get("declared")
        said = f"No column is protected: {declared}" if declared else None
        return [Section(titled("Fairness", judgement), (Paragraph(said),), "closed", 70)] if said else []
    blocks: tuple[Block, ...] = (_measures(columns), *rates(columns))
    return [Section(titled("Fairness: gaps between protected groups", judgement), blocks, fold(outcome), 80)]


def _measures(columns: list[Json]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (Name(column["column"]), words(m["measure"]), number(m.get("challenger"), ".3f"),
         interval(m.get("low"), m.get("high"), ".3f"), number(m.get("champion"), ".3f"),
         number(m.get("difference"), "+.3f"),
         interval(m.get("difference_low"), m.get("difference_high"), "+.3f"), _verdict(m))
        for column in columns
        for m in column.get("measures") or []
    ]  # fmt: skip
    head = "column | gap in | challenger | its interval | champion | difference | its interval | verdict"
    return table(head, "llrrrrrl", rows, most=24)


def _verdict(measure: Json) -> str:
    said = str(measure.get("answer") or NONE)
    return f"{said}; above the limit" if measure.get("limit_answer") == "too large" else said


def rates(columns: list[Json], most: int = 10) -> tuple[Table, ...]:
    """Make a table of rates for each protected column, the smallest groups last."""
    tables = []
    for column in columns[:4]:
        groups = sorted(column.get("groups") or [], key=lambda g: (-_or(g.get("rows"), 0), str(g.get("group"))))
        names = list(dict.fromkeys(k for g in groups for k in g if k not in ("group", "rows")))
        rows: list[tuple[Cell, ...]] = [
            (Name(g["group"]), count(g["rows"]), *(number(g.get(name), ".3f") for name in names)) for g in groups
        ]
        head = (words(str(column["column"])).replace("|", "/"), "rows", *map(words, names))
        made = table("", "lr" + "r" * len(names), rows, most=most)
        tables.append(Table(head, made.align, made.rows, made.more))
    return tuple(tables)


def words(name: str) -> str:
    """Write the name of a measure as words."""
    return name.replace("_", " ")
