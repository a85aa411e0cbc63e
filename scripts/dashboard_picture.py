"""Draw panels of the Grafana dashboard over the flights of 2013 as docs/concepts/dashboard.svg; a month is a day.

`python scripts/dashboard_picture.py BUNDLE BUNDLE PROJECT/data/raw`: the first release's bundle, the second's, and the
batches. Each month's rows go through the bundle that serves on its day, and are counted by the server's own counters.
A real Prometheus gets these counts with made-up times, evaluates the project's rules and answers the dashboard's
queries. Made up are, besides the times: one request a row, and how long each took.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "{{cookiecutter.project_slug}}" / "src"), str(ROOT / "tests")]

from monitors import Monitor, prometheus, tool  # type: ignore[import-not-found]  # noqa: E402

from mlops.data.table import read_raw, to_columns, typed  # noqa: E402
from mlops.monitoring import build, dashboard_panels  # noqa: E402
from mlops.monitoring.rules import Record  # noqa: E402
from mlops.monitoring.settings import Settings  # noqa: E402
from mlops.serving.metrics import Telemetry  # noqa: E402
from mlops.serving.metrics_requests import PREDICT  # noqa: E402
from mlops.serving.predictor import Predictor  # noqa: E402

PICTURE = ROOT / "docs" / "concepts" / "dashboard.svg"
START = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
DAY, SLOT, MINUTE = 86_400, 1800, 60
RELEASES = ("20260301-1", "20260305-1")
# Which release serves on the day of which month: the second takes over, is rolled back, and comes again.
COURSE = (("04", 0), ("05", 0), ("06", 0), ("07", 1), ("08", 1), ("09", 0), ("10", 1))
END = START + len(COURSE) * DAY
THIN = 3
SLICES = ("origin",)
TITLES = (
    "Requests",
    "Time to answer",
    "Predictions by release",
    "Missing, out of range, unseen",
    "How far each column is from the reference",
    "Live metric by slice",
)
RECORDED = re.compile(r"\b(?:bin|rule|slice|job):\w[\w:]*")
COLOURS = ("#0550ae", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#4d2d00", "#57606a")


@dataclass
class Written:
    """OpenMetrics text, by series and time."""

    lines: list[str] = field(default_factory=list)

    def add(self, name: str, labels: dict[str, str], value: float, at: float) -> None:
        """Write a sample."""
        told = ",".join(f'{key}="{text}"' for key, text in sorted(labels.items()) if text)
        self.lines.append(f"{name}{{{told}}} {value!r} {at:.0f}")

    def store(self, folder: Path) -> None:
        """Make blocks of Prometheus of all samples."""
        text = folder / "samples.txt"
        text.write_text("\n".join([*self.lines, "# EOF", ""]), encoding="utf-8")
        command = [
            tool("promtool"),
            "tsdb",
            "create-blocks-from",
            "--max-block-duration=744h",
            "openmetrics",
            str(text),
            str(folder / "data"),
        ]
        subprocess.run([*command, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def traffic(bundles: Sequence[Path], raw: Path) -> Written:
    """Replay the months, and scrape the server's counters each half hour."""
    written = Written()
    random = np.random.default_rng(0)
    before = None
    for day, (month, number) in enumerate(COURSE):
        if number != before:
            predictor, telemetry, before = *_started(bundles[number], RELEASES[number]), number
            _scrape(written, telemetry, START + day * DAY)
        columns, truth = _month(predictor, raw, month)
        scores = predictor.scorer.scores(columns, len(truth))
        labels = predictor.scorer.predictions(scores)
        for slot, rows in enumerate(_slots(len(truth))):
            chosen = {name: values[rows] for name, values in columns.items()}
            telemetry.predicted(chosen, scores[rows], [labels[row] for row in rows])
            for seconds in random.lognormal(-5.6, 0.5, len(rows)).tolist():
                telemetry.began()
                telemetry.ended(PREDICT, 200, seconds)
            for row in rows:
                slices = [f"{name}={columns[name][row]}" for name in SLICES]
                telemetry.outcome(RELEASES[number], slices, float(scores[row, 1]), bool(truth[row]))
            _scrape(written, telemetry, START + day * DAY + (slot + 1) * SLOT - MINUTE)
        for minute in range(0, DAY, MINUTE):
            labels_of = {"job": "flights", "release": RELEASES[number]}
            written.add("mlops_model_info", labels_of, 1.0, START + day * DAY + minute)
    return written


def _started(bundle: Path, release: str) -> tuple[Predictor, Telemetry]:
    predictor, telemetry = Predictor.load(bundle), Telemetry()
    scorer = predictor.scorer
    telemetry.loaded(scorer.contract, scorer.task, predictor.profile, {"id": release}, predictor.model_sha256)
    telemetry.feedback_enabled = True
    return predictor, telemetry


def _month(predictor: Predictor, raw: Path, month: str) -> tuple[dict[str, Any], np.ndarray]:
    """Read each third row of a month whose outcome is known."""
    file = next(raw.glob(f"*-2013-{month}.parquet"))
    agreed, target = predictor.scorer.contract, predictor.scorer.task.target
    frame = typed(read_raw(file), agreed, file.name).frame
    frame = frame[frame[target].notna()].iloc[::THIN].reset_index(drop=True)
    return dict(to_columns(frame, agreed)), frame[target].to_numpy(dtype=bool)


def _slots(rows: int) -> list[np.ndarray]:
    """Deal the rows of a month to the half hours of a day: few at night."""
    middle = (np.arange(DAY // SLOT) + 0.5) / (DAY // SLOT)
    share = 1.2 - np.cos(2 * np.pi * middle)
    ends = np.round(np.cumsum(share) / share.sum() * rows).astype(int)[:-1]
    # Shuffled, as else an hour would be of two days of the month.
    return [np.sort(part) for part in np.split(np.random.default_rng(1).permutation(rows), ends)]


def _scrape(written: Written, telemetry: Telemetry, at: float) -> None:
    text = telemetry.exposition()[0].decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {"job": "flights", **sample.labels}
            drawn = labels.get("slice", "").partition("=")[0] in ("", *SLICES)
            if drawn and labels.get("route", PREDICT) == PREDICT and sample.name not in ("mlops_model_info",):
                written.add(sample.name, labels, sample.value, at)


def levels() -> list[list[Record]]:
    """List the recording rules of drift and live so that each finds what it reads in those before."""
    settings = Settings()
    depth: dict[str, int] = {}
    found: dict[int, list[Record]] = {}
    for group in build.groups(settings, "1d")[:2]:
        for rule in group.rules:
            if isinstance(rule, Record):
                level = 1 + max([depth.get(name, -1) for name in RECORDED.findall(rule.expr)], default=-1)
                depth[rule.record] = max(level, depth.get(rule.record, 0))
                found.setdefault(level, []).append(rule)
    return [found[level] for level in sorted(found)]


def evaluated(monitor: Monitor, rules: Sequence[Record]) -> Written:
    """Evaluate rules as Prometheus would have, each half hour."""
    written = Written()
    for rule in rules:
        for series in monitor.query_range(rule.expr, START, END, SLOT):
            labels = {key: text for key, text in series["metric"].items() if key != "__name__"} | rule.labels
            for at, value in series["values"]:
                written.add(rule.record, labels, float(value), at)
    return written


@dataclass(frozen=True)
class Drawn:
    """One panel and what its queries found: label, days and values of each series."""

    panel: dashboard_panels.Panel
    series: tuple[tuple[str, np.ndarray, np.ndarray], ...]


def asked(monitor: Monitor) -> list[Drawn]:
    """Ask the dashboard's queries as Grafana does."""
    panels = {panel.title: panel for panel in dashboard_panels.panels()}
    found = []
    for panel in (panels[title] for title in TITLES):
        step = 3 * 3600 if panel.form == "cells" else 3600
        series = [
            (_legend(query.legend, one["metric"]), *_values(one["values"]))
            for query in panel.queries
            for one in monitor.query_range(_filled(query.expr), START + step, END, step)
        ]
        found.append(Drawn(panel, tuple(sorted(series, key=lambda one: one[0]))))
    return found


def marked(monitor: Monitor) -> list[float]:
    """Ask when releases changed, as days."""
    (expression,) = dashboard_panels.MARKS.values()
    found = monitor.query_range(_filled(expression), START, END - MINUTE, MINUTE)
    days = {(at - START) / DAY for series in found for at, _ in series["values"]}
    return sorted(day for day in days if not any(0 < day - other < 0.01 for other in days))


def _filled(expression: str) -> str:
    return expression.replace("$job", "flights").replace("$__rate_interval", "2h")


def _legend(pattern: str, labels: dict[str, str]) -> str:
    return " ".join(re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), pattern).split())


def _values(values: list[list[Any]]) -> tuple[np.ndarray, np.ndarray]:
    at, value = zip(*values, strict=True)
    return (np.array(at) - START) / DAY, np.array(value, dtype=float)


def picture(panels: Sequence[Drawn], marks: Sequence[float]) -> str:
    """Draw the panels as one SVG, the same bytes each time."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "mlops", "font.size": 8, "font.family": ["DejaVu Sans"]}
    settings |= {"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "path.simplify": True}
    written = io.StringIO()
    with rc_context(settings):
        figure = Figure(figsize=(10, 12), layout="constrained")
        FigureCanvasSVG(figure)
        grid = figure.add_gridspec(4, 2, height_ratios=(1, 1, 1.9, 1.5))
        for place, drawn in zip(_places(grid), panels, strict=True):
            axes = figure.add_subplot(place)
            (_cells if drawn.panel.form == "cells" else _lines)(axes, drawn)
            axes.set_title(drawn.panel.title, loc="left", fontweight="bold")
            axes.set_xlim(0, len(COURSE))
            axes.set_xticks(range(len(COURSE)), [f"day {day + 1}\n(2013-{month})" for day, (month, _) in _days()])
            axes.tick_params(axis="x", labelsize=6.5)
            for mark in marks:
                axes.axvline(mark, color="#0969da", linestyle="--", linewidth=1)
        figure.savefig(written, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    return re.sub(r"(\.\d\d)\d+", r"\1", written.getvalue().replace("'DejaVu Sans'", "system-ui, sans-serif"))


def _days() -> Iterator[tuple[int, tuple[str, int]]]:
    return enumerate(COURSE)


def _places(grid: Any) -> list[Any]:
    return [grid[0, 0], grid[0, 1], grid[1, 0], grid[1, 1], grid[2, :], grid[3, :]]


def _lines(axes: Any, drawn: Drawn) -> None:
    # Of many series those that go furthest are named.
    most = sorted(drawn.series, key=lambda one: -np.nanmax(np.abs(one[2])))[: len(COLOURS)]
    percent = 100 if drawn.panel.unit == "percentunit" else 1
    number = 0
    for name, days, values in drawn.series:
        known = any(name == one[0] for one in most)
        colour = COLOURS[number % len(COLOURS)] if known else "#d0d7de"
        look = ":" if name.startswith("reference") else "-"
        gaps = np.flatnonzero(np.diff(days) > 0.2) + 1
        days, values = np.insert(days, gaps, np.nan), np.insert(values, gaps, np.nan)
        axes.plot(days, values * percent, look, color=colour, linewidth=1.3, label=name if known else None)
        number += known
    axes.set_ylabel(
        {"reqps": "requests / s", "cps": "rows / s", "s": "s", "percentunit": "%"}.get(drawn.panel.unit, "")
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6.5, ncols=2, loc="best")


def _cells(axes: Any, drawn: Drawn) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    names = sorted({name for name, _, _ in drawn.series}, key=lambda name: name.rsplit(" ", 1))
    columns = round(len(COURSE) * 8)
    cells = np.full((len(names), columns), np.nan)
    for name, days, values in drawn.series:
        cells[names.index(name), np.round(days * 8).astype(int) - 1] = values
    colours = LinearSegmentedColormap.from_list("effect", ("#2da44e", "#eac54f", "#cf222e"))
    across = np.arange(columns + 1) / 8
    mesh = axes.pcolormesh(across, np.arange(len(names) + 1), cells, cmap=colours, vmin=0, vmax=0.25, rasterized=True)
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=6.5)
    axes.invert_yaxis()
    axes.figure.colorbar(mesh, ax=axes, pad=0.01, label="effect")


def main(first: Path, second: Path, raw: Path) -> None:
    """Replay, evaluate, ask and draw."""
    sparse, dense = "--query.lookback-delta=31m", "--query.lookback-delta=59s"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        traffic((first, second), raw).store(folder)
        for rules in levels():
            with prometheus(folder, {}, sparse) as monitor:
                recorded = evaluated(monitor, rules)
            recorded.store(folder)
        with prometheus(folder, {}, sparse) as monitor:
            panels = asked(monitor)
        with prometheus(folder, {}, dense) as monitor:
            marks = marked(monitor)
    PICTURE.write_text(picture(panels, marks), encoding="utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {len(panels)} panels, {len(marks)} changes of the release.")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
