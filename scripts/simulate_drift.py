"""Write docs/reference/drift_error_rates.md: how often the drift rules err, by simulation through the rules themselves.

A reference and a window are drawn from one distribution, or from two that differ by a known drift. Bins, counts and
verdicts are those of `mlops.monitoring`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency, ks_2samp

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "{{cookiecutter.project_slug}}" / "src"))

from mlops.monitoring import reference_bins, window  # noqa: E402
from mlops.monitoring.critical import FAMILY_ERROR  # noqa: E402
from mlops.monitoring.judge import (  # noqa: E402
    LEAST_EFFECT,
    LEAST_ROWS,
    OUTLYING,
    distribution_bins,
    effect,
    evidence,
    judge,
)
from mlops.monitoring.reference import complete  # noqa: E402
from mlops.serving.bins import Coder  # noqa: E402
from mlops.serving.profile import Monitored, Part, Profile, Rule  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "drift_error_rates.md"
Array = NDArray[Any]
Draw = Callable[[np.random.Generator, int], Array]
Columns = dict[str, Array]
SIZES, TABLES, REFERENCES = (20, 200, 2_000, 20_000), (5, 15, 60), (500, 2_000, 20_000)
# Windows for each reference; references of each table, by rows of the window.
TOGETHER, REPLICATES = 10, {20: 5, 200: 20, 2_000: 20, 20_000: 6}
RATES, MINUTE, HOUR, DAY = (0.05, 1, 10, 100), 60, 60, 1440
EACH = 5  # windows with drift for each reference
LASTING, SMALL_ROWS = 15, 200_000  # minutes; rows


def _texts(values: Sequence[str] | Array) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    return array


def _choice(names: str, shares: Sequence[float]) -> Draw:
    def draw(random: np.random.Generator, n: int) -> Array:
        return _texts(random.choice(list(names), n, p=shares))

    return draw


def _null(share: float, draw: Draw) -> Draw:
    return lambda random, n: np.where(random.random(n) < share, np.nan, draw(random, n))


def _normal(random: np.random.Generator, n: int) -> Array:
    return random.normal(size=n)


def _zipf(random: np.random.Generator, n: int) -> Array:
    return _texts([f"t{value}" for value in np.minimum(random.zipf(1.3, n), 5000)])


RARE = (0.45, 0.25, 0.15, 0.1, 0.03, 0.01, 0.006, 0.003, 0.001)
KINDS: dict[str, Draw] = {
    "normal": _normal,
    "categories, rare ones among them": _choice("abcdefghi", RARE),
    "70 % zeros, else lognormal": lambda random, n: random.lognormal(size=n) * (random.random(n) < 0.3),
    "counts": lambda random, n: random.poisson(3, n).astype(np.float64),
    "40 % null": _null(0.4, _normal),
    "lognormal": lambda random, n: random.lognormal(sigma=1.5, size=n),
    "two categories": _choice("xy", (0.5, 0.5)),
    "ties": lambda random, n: np.round(random.normal(size=n) * 2) / 2,
    "text of thousands of values": _zipf,
    "rare yes": lambda random, n: (random.random(n) < 0.03).astype(np.float64),
    "five categories": _choice("abcde", (0.4, 0.3, 0.15, 0.1, 0.05)),
    "1 % null": _null(0.01, lambda random, n: random.gamma(2, size=n)),
}


def draw_table(random: np.random.Generator, width: int, n: int) -> Columns:
    """Draw n rows of a table: kinds in turn."""
    kinds = list(KINDS.values())
    return {f"c{at}": kinds[at % len(kinds)](random, n) for at in range(width)}


def draw_scores(random: np.random.Generator, n: int) -> Array:
    """Draw n predicted probabilities."""
    return random.beta(2, 6, n)


def profile_of(columns: Columns, scores: Array | None = None) -> Profile:
    """Make the profile of a table as `train` does."""
    monitored: list[Monitored] = []
    for name, values in columns.items():
        make = reference_bins.category if values.dtype == object else reference_bins.number
        monitored.append(make(name, values, 10))
    if scores is not None:
        monitored.append(reference_bins.probability("y", scores, 0.4))
    return Profile(len(next(iter(columns.values()))), None, None, complete(monitored, columns, scores), {})


def drifted(profile: Profile, columns: Columns, scores: Array | None = None) -> set[str]:
    """Name the columns of a window that have drifted."""
    return {found.column for found in judge(profile, window.count(profile, columns, scores)) if found.drifted}


def false_alarms(width: int, reference: int, n: int, references: int, together: int = TOGETHER) -> tuple[int, int]:
    """Count clean windows in which any column or the predictions drifted, and all windows."""
    alarms = 0
    for seed in range(references):
        random = np.random.default_rng([seed, width, reference, n])
        profile = profile_of(draw_table(random, width, reference), draw_scores(random, reference))
        for _ in range(together):
            alarms += bool(drifted(profile, draw_table(random, width, n), draw_scores(random, n)))
    return alarms, references * together


@dataclass(frozen=True)
class Drift:
    """A column before and after something has happened to it."""

    says: str
    before: Draw
    after: Draw


def _shifted(random: np.random.Generator, n: int) -> Array:
    return random.normal(0.25, size=n)


def _with_new(draw: Draw) -> Draw:
    def drawn(random: np.random.Generator, n: int) -> Array:
        return _texts(np.where(random.random(n) < 0.01, "new", draw(random, n)))

    return drawn


FIVE, MOVED = (0.4, 0.3, 0.15, 0.1, 0.05), (0.3, 0.4, 0.15, 0.1, 0.05)
DRIFTS = (
    Drift("0.25 sd shift of a normal", _normal, _shifted),
    Drift("10 points from one of five categories to the next", _choice("abcde", FIVE), _choice("abcde", MOVED)),
    Drift("two categories, 50/50 to 60/40", _choice("xy", (0.5, 0.5)), _choice("xy", (0.6, 0.4))),
    Drift("nulls from 0 to 5 %", _normal, _null(0.05, _normal)),
    Drift("nulls from 5 to 10 %", _null(0.05, _normal), _null(0.1, _normal)),
    Drift("nulls from 20 to 25 %", _null(0.2, _normal), _null(0.25, _normal)),
    Drift("a new category of 1 %", _choice("abcde", FIVE), _with_new(_choice("abcde", FIVE))),
    Drift(
        "a new category of 1 %, where rare ones are usual",
        _choice("abcdefghi", RARE),
        _with_new(_choice("abcdefghi", RARE)),
    ),
)

LIVELY = (DRIFTS[0], DRIFTS[2], DRIFTS[3], DRIFTS[6])


def caught(width: int, reference: int, n: int, times: int) -> list[float]:
    """Give the share of windows in which each drift is seen, in a table of so many columns; 5 windows a reference."""
    seen = np.zeros(len(DRIFTS))
    for seed in range(times):
        random = np.random.default_rng([seed, width, reference, n, 1])
        columns = draw_table(random, max(width - len(DRIFTS), 0), reference)
        columns |= {drift.says: drift.before(random, reference) for drift in DRIFTS}
        profile = profile_of(columns, draw_scores(random, reference))
        for _ in range(EACH):
            found = drifted(profile, {drift.says: drift.after(random, n) for drift in DRIFTS})
            seen += [drift.says in found for drift in DRIFTS]
    return list(seen / (times * EACH))


def usual_psi(o: Array, r: Array) -> float:
    """Compute PSI as it is usually done: no correction, and a small share in place of none."""
    p, q = (np.maximum(rows / rows.sum(), 1e-4) for rows in (o, r))
    return float(((p - q) * np.log(p / q)).sum())


def usual(profile: Profile, before: Columns, after: Columns) -> tuple[set[str], set[str], set[str]]:
    """Name the columns that the usual rules call drifted: PSI > 0.2; chi-square; Kolmogorov and Smirnov.

    The last is for numbers; of a text the chi-square test's answer stands for it.
    """
    psi, square, smirnov = set(), set(), set()
    for column in profile.monitored:
        if column.kind != "input" or column.name not in after:
            continue
        coder = Coder(column)
        o, r = (
            np.bincount(coder.codes(values[column.name]), minlength=len(coder.labels)).astype(float)
            for values in (after, before)
        )
        if usual_psi(o, r) > 0.2:
            psi.add(column.name)
        there = (o + r) > 0
        if there.sum() > 1 and chi2_contingency(np.stack([o, r])[:, there], correction=False).pvalue < 0.05:
            square.add(column.name)
        if before[column.name].dtype == object:
            if column.name in square:
                smirnov.add(column.name)
        elif _ks(before[column.name], after[column.name]) < 0.05:
            smirnov.add(column.name)
    return psi, square, smirnov


def _ks(before: Array, after: Array) -> float:
    one, two = (values[~np.isnan(values)] for values in (before, after))
    return float(ks_2samp(one, two, method="asymp").pvalue) if len(one) and len(two) else 1.0


def beside_usual(n: int, times: int, width: int = 15, reference: int = 2_000) -> tuple[Array, Array]:
    """Give for our rules and the usual ones: the share of clean windows with an alarm; the share of drifts seen."""
    alarms, seen = np.zeros(4), np.zeros((4, len(DRIFTS)))
    for seed in range(times):
        random = np.random.default_rng([seed, n, 2])
        before = draw_table(random, width - len(DRIFTS), reference)
        before |= {drift.says: drift.before(random, reference) for drift in DRIFTS}
        profile = profile_of(before)
        clean = draw_table(random, width - len(DRIFTS), n)
        clean |= {drift.says: drift.before(random, n) for drift in DRIFTS}
        moved = {drift.says: drift.after(random, n) for drift in DRIFTS}
        for number, found in enumerate((drifted(profile, clean), *usual(profile, before, clean))):
            alarms[number] += bool(found)
        for number, found in enumerate((drifted(profile, moved), *usual(profile, before, moved))):
            seen[number] += [drift.says in found for drift in DRIFTS]
    return alarms / times, seen / times


def sliding(rows: Array, minutes: int) -> Array:
    """Sum the rows of the last so many minutes, for each minute that has them: shape (t - minutes, bins)."""
    sums = np.vstack([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    summed: Array = sums[minutes:] - sums[:-minutes]
    return summed


def fires(part: Part, rows: Array, labels: Sequence[str], start: int) -> Array:
    """Evaluate the rules of a column each minute from `start` on, as Prometheus does.

    Args:
        part: the reference.
        rows: of each minute by bin, shape (t, bins).
        labels: the bins.
        start: the first minute that has a whole window of a day.

    Returns:
        Whether any rule fires, shape (t - start,).
    """
    verdict = np.zeros(len(rows) - start, dtype=bool)
    for rule, critical in part.critical.items():
        length = DAY if rule == "distribution" else HOUR
        seen = sliding(rows, length)[-(len(rows) - start) :]
        o, r, size = _compared(part, rule, seen, labels)
        verdict |= (o.sum(axis=1) >= LEAST_ROWS) & (evidence(o, r) > critical) & (size >= LEAST_EFFECT[rule])
    return verdict


def _compared(part: Part, rule: Rule, seen: Array, labels: Sequence[str]) -> tuple[Array, Array, Array]:
    at = {label: number for number, label in enumerate(labels)}
    if rule == "distribution":
        bins = distribution_bins(part.rows)
        o, r = seen[:, [at[name] for name in bins]], np.array([part.rows[name] for name in bins])
        return o, r, effect(o, r)
    total = [name for name in labels if name in part.rows and (rule == "nulls" or name != "null")]
    x = seen[:, [at[name] for name in OUTLYING[rule]]].sum(axis=1)
    n = seen[:, [at[name] for name in total]].sum(axis=1)
    few = sum(part.rows[name] for name in OUTLYING[rule])
    m = sum(part.rows[name] for name in total)
    o, r = np.stack([x, n - x], axis=1), np.array([few, m - few])
    more = x / np.maximum(n, 1) - few / m
    return o, r, np.abs(more) if rule == "nulls" else more


LONG = 100_000  # rows that stand for the true distribution of a column


def shares_of(column: Monitored, draw: Draw, random: np.random.Generator) -> Array:
    """Give the true share of each bin."""
    coder = Coder(column)
    return np.bincount(coder.codes(draw(random, LONG)), minlength=len(coder.labels)) / LONG


def live_false_alarms(rate: float, reference: int, references: int, days: int, width: int = 15) -> tuple[float, float]:
    """Give the alarms a year (any column) of a clean stream, evaluated each minute: all, and those that last."""
    onsets, lasting, kinds = 0, 0, list(KINDS.values())
    for seed in range(references):
        random = np.random.default_rng([seed, int(100 * rate), reference, 3])
        profile = profile_of(draw_table(random, width, reference))
        verdict = np.zeros(days * DAY, dtype=bool)
        for at, column in enumerate(profile.monitored):
            shares = shares_of(column, kinds[at % len(kinds)], random)
            rows = random.poisson(rate * MINUTE * shares, ((days + 1) * DAY, len(shares))).astype(np.float64)
            verdict |= fires(column.parts[0], rows, column.labels, DAY)
        found = _lengths(verdict)
        onsets, lasting = onsets + len(found), lasting + int((found >= LASTING).sum())
    year = 365 / (references * days)
    return onsets * year, lasting * year


def _lengths(verdict: Array) -> Array:
    """Give the minutes of each alarm."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], verdict, [False]]).astype(int)))
    lengths: Array = edges[1::2] - edges[::2]
    return lengths


def live_delays(rate: float, reference: int, times: int, width: int = 15) -> list[tuple[float, float]]:
    """Give for each drift the median minutes from its beginning to its alarm, and the share seen within two days."""
    found = np.full((times, len(LIVELY)), np.inf)
    for seed in range(times):
        random = np.random.default_rng([seed, int(100 * rate), reference, 4])
        columns = draw_table(random, width - len(LIVELY), reference)
        columns |= {drift.says: drift.before(random, reference) for drift in LIVELY}
        monitored = {column.name: column for column in profile_of(columns).monitored}
        for at, drift in enumerate(LIVELY):
            column = monitored[drift.says]
            before, after = (shares_of(column, draw, random) for draw in (drift.before, drift.after))
            expected = np.vstack([np.tile(before, (DAY, 1)), np.tile(after, (2 * DAY, 1))])
            verdict = fires(column.parts[0], random.poisson(rate * MINUTE * expected).astype(float), column.labels, DAY)
            found[seed, at] = np.argmax(verdict) if verdict.any() else np.inf
    return [(float(np.median(delays)), float(np.isfinite(delays).mean())) for delays in found.T]


def too_small(n: int, reference: int, times: int) -> float:
    """Give the share of windows with an alarm for a shift of 0.05 sd, which is there and does not matter."""
    seen = 0
    for seed in range(times):
        random = np.random.default_rng([seed, n, 5])
        profile = profile_of({"x": random.normal(size=reference)})
        seen += bool(drifted(profile, {"x": random.normal(0.05, size=n)}))
    return seen / times


HEAD = """# How often the drift rules err

Made by `python scripts/simulate_drift.py`, about three minutes on two cores, through the rules
themselves: never edit it.

A reference and a window are drawn from the same distributions, again and again; then from two that differ. The table's
columns are, in turn, {kinds}; the predictions of a model are one column more. A rate of 0 seen in {few} windows may be
{high} in truth, one seen in {many} windows less than {low}.

What alarms is `mlops.monitoring.judge`: evidence G above its critical value (family error {alpha} over all tests of
the profile) **and** an effect that matters **and** {least} rows at least.
"""
CLEAN = """## Clean windows

How many of the windows without any drift had an alarm in **any** column. At most 5 % are meant.
"""
SEEN = """## Drifted windows

How often a drift of one column was seen in a window of 2,000 rows. Each is meant to be seen in 95 % where the reference
has 2,000 rows or more. What is not: with 20 % nulls before, five points more are about what chance makes of 2,000 rows,
and a reference of 500 rows does not know its own shares well enough.
"""
USUAL = """## Beside the usual rules

Tables of 15 columns, a reference of 2,000 rows. *Clean* is the share of clean windows with an alarm in any column.
"""
SMALL = """## Changes too small to matter

A window of {n:,} rows shows a shift of 0.05 sd beyond doubt: evidence alone would alarm on each. Effect says that it
does not matter: {share} of {times} windows alarmed.
"""
LIVE = """## In Prometheus

The rules are evaluated each minute: a distribution over the last day, nulls, range and new values over the last hour.
15 columns, {references} references, {days} days of steady traffic each. An alarm is counted when it begins, in any
column; *of 15 minutes* are those that last so long. A year has 8,760 hours, so the rules of the hour bring some alarms
by chance where an hour has few rows; nearly all of them are short. Time to detect is the median from the moment when
all traffic has drifted, over {times} streams; `never` is: not within two days. An alert waits for its rule to hold for
an hour (distribution) or five minutes (the others) more, which is not counted in.

Traffic with a rhythm of its own (nights, weekends) differs from a reference that does not hold all of it. That is no
false alarm of these rules, and not counted here.
"""


def page(
    replicates: dict[int, int],
    powers: int,
    compared: int,
    live: tuple[int, int, int],
    workers: int = 0,
    rates: Sequence[float] = RATES,
) -> str:
    """Simulate and render the page.

    Args:
        replicates: numbers of rows of a window, and how many references are drawn for each; 10 windows each.
        powers: how many references for windows of each drift; 5 windows each.
        compared: how many windows beside the usual rules.
        live: references, days of each, and streams of each drift.
        workers: processes to spread the cells over; none by default.
        rates: requests a second.
    """
    cells = [
        (width, reference, n, times) for width in TABLES for reference in REFERENCES for n, times in replicates.items()
    ]
    strong = [(width, reference, 2_000, powers) for width in TABLES[1:] for reference in REFERENCES]
    beside = [(n, compared if n < 20_000 else max(compared // 5, 2)) for n in replicates]
    streams = [(rate, reference, *live) for rate in rates for reference in REFERENCES[1:]]
    # The longest first, so that no process is left alone with them.
    cells.sort(key=lambda cell: -cell[0] * (cell[1] + cell[2]))
    with ProcessPoolExecutor(workers) if workers else nullcontext() as pool:
        spread_over = pool.map if pool else map
        alarms = list(spread_over(_clean, cells))
        seen = list(spread_over(_caught, strong))
        usuals = list(spread_over(_beside, beside))
        lives = list(spread_over(_live, streams))
    windows = [count * TOGETHER for count in replicates.values()]
    head = HEAD.format(
        kinds="; ".join(KINDS),
        few=min(windows),
        many=max(windows),
        high=_percent(1 - 0.05 ** (1 / min(windows))),
        low=_percent(1 - 0.05 ** (1 / max(windows))),
        alpha=_percent(FAMILY_ERROR),
        least=LEAST_ROWS,
    )
    parts = [head, CLEAN, *_alarms(dict(zip(cells, alarms, strict=True)), list(replicates))]
    parts += ["", SEEN, *_seen(strong, seen), "", USUAL, *_usual(beside, usuals)]
    share = too_small(SMALL_ROWS, 50_000, powers // 4)
    parts += ["", SMALL.format(n=SMALL_ROWS, share=_percent(share), times=powers // 4)]
    parts += [LIVE.format(references=live[0], days=live[1], times=live[2]), *_streams(streams, lives)]
    return wrapped("\n".join(parts)) + "\n"


def wrapped(text: str) -> str:
    """Wrap paragraphs, and leave headings and tables as they are."""
    parts = (part.strip("\n") for part in text.split("\n\n"))
    return "\n\n".join(part if part.startswith(("#", "|")) else fill(part, 118) for part in parts)


def _clean(cell: tuple[int, int, int, int]) -> tuple[int, int]:
    found = false_alarms(*cell)
    print(cell, found, file=sys.stderr, flush=True)
    return found


def _caught(cell: tuple[int, int, int, int]) -> list[float]:
    return caught(*cell)


def _beside(cell: tuple[int, int]) -> tuple[Array, Array]:
    return beside_usual(*cell)


def _live(cell: tuple[float, int, int, int, int]) -> tuple[tuple[float, float], list[tuple[float, float]]]:
    rate, reference, references, days, times = cell
    return live_false_alarms(rate, reference, references, days), live_delays(rate, reference, times)


def _alarms(found: dict[tuple[int, int, int, int], tuple[int, int]], sizes: list[int]) -> Iterator[str]:
    yield from _top("columns", "reference", *(f"window of {n:,}" for n in sizes))
    for width in TABLES:
        for reference in REFERENCES:
            counts = {cell[2]: count for cell, count in found.items() if cell[:2] == (width, reference)}
            yield _line(
                f"{width}", f"{reference:,}", *(f"{alarms} of {of:,}" for alarms, of in (counts[n] for n in sizes))
            )
    totals = {n: [count for cell, count in found.items() if cell[2] == n] for n in sizes}
    shares = [sum(a for a, _ in counts) / sum(of for _, of in counts) for counts in totals.values()]
    yield _line("all", "", *(f"**{_percent(share)}**" for share in shares))


def _seen(cells: list[tuple[int, int, int, int]], found: list[list[float]]) -> Iterator[str]:
    yield from _top("drift", *(f"{width} columns, reference {reference:,}" for width, reference, _, _ in cells))
    for number, drift in enumerate(DRIFTS):
        yield _line(drift.says, *(_percent(column[number]) for column in found))


def _usual(cells: list[tuple[int, int]], found: list[tuple[Array, Array]]) -> Iterator[str]:
    shown = {0: "0.25 sd", 2: "50/50 to 60/40", 3: "nulls 0 to 5 %", 6: "new category"}
    yield from _top("rule", "rows", "clean", *shown.values())
    names = ("G and effect", "PSI > 0.2", "p < 0.05, chi-square", "p < 0.05, Kolmogorov and Smirnov")
    for number, name in enumerate(names):
        for (n, _), (alarms, seen) in zip(cells, found, strict=True):
            yield _line(
                name, f"{n:,}", f"**{_percent(alarms[number])}**", *(_percent(seen[number, at]) for at in shown)
            )


def _streams(cells: list[tuple[float, int, int, int, int]], found: list[Any]) -> Iterator[str]:
    yield from _top(
        "requests a second", "reference", "false alarms a year", "of 15 minutes", *(drift.says for drift in LIVELY)
    )
    for (rate, reference, *_), ((alarms, lasting), delays) in zip(cells, found, strict=True):
        yield _line(
            f"{rate:g}",
            f"{reference:,}",
            f"**{alarms:.1f}**",
            f"**{lasting:.1f}**",
            *(_minutes(*delay) for delay in delays),
        )


def _minutes(median: float, share: float) -> str:
    if share < 0.5:
        return "never"
    return f"{median:.0f} min" if median < 2 * HOUR else f"{median / HOUR:.1f} h"


def _top(*cells: str) -> tuple[str, str]:
    return _line(*cells), "|" + " --- |" * len(cells)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


if __name__ == "__main__":
    PAGE.write_text(page(REPLICATES, powers=40, compared=50, live=(3, 20, 6), workers=2), encoding="utf-8")
