"""What each plot shows; a plot whose numbers are not there is left out."""

from __future__ import annotations

from typing import Any

from mlops.gates.reporting.escape import short, visible
from mlops.gates.reporting.groups import worst_first
from mlops.gates.reporting.parts import Json, details
from mlops.gates.reporting.svg import BAD, CHALLENGER, CHAMPION, FAINT, INK, draw

MODELS = (("champion", CHAMPION, "--", "o"), ("challenger", CHALLENGER, "-", "s"))
SLICES, COLUMNS, RELEASES, CELLS = 12, 12, 20, 10


def plots(report: Json, importance: Json | None = None) -> list[tuple[str, str]]:
    """Draw all that the report has numbers for: (title, svg), in reading order."""
    curves = report.get("curves") or {}
    made = [
        _lines(curves, "roc", "ROC curve", "false positive rate", "true positive rate", diagonal=True),
        _lines(curves, "pr", "Precision and recall", "recall", "precision"),
        _residuals(curves),
        _calibration(curves),
        _confusion(curves),
        _slices(report["judgements"][0]),
        _importance(importance or {}),
        _trend(report),
    ]
    return [plot for plot in made if plot]


Plot = tuple[str, str] | None


def _there(curves: Json, name: str) -> list[tuple[str, str, str, str, Any]]:
    return [(m, *rest, curves[m][name]) for m, *rest in MODELS if (curves.get(m) or {}).get(name)]


def _lines(curves: Json, name: str, title: str, x: str, y: str, *, diagonal: bool = False) -> Plot:
    found = _there(curves, name)

    def plot(axes: Any) -> None:
        if diagonal:
            axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
        for model, colour, line, _, points in found:
            axes.plot(*zip(*points, strict=True), line, color=colour, label=model)
        axes.set(xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.legend(loc="lower right" if diagonal else "best")

    return (title, draw(title, plot)) if found else None


def _residuals(curves: Json) -> Plot:
    points: Any = (curves.get("challenger") or {}).get("residuals")

    def plot(axes: Any) -> None:
        axes.axhline(0, color=INK, linewidth=1)
        axes.scatter(*zip(*points, strict=True), s=7, color=CHALLENGER, alpha=0.55, linewidths=0)
        axes.set(xlabel="predicted", ylabel="truth less predicted")

    return ("Residuals", draw("Residuals", plot)) if points else None


def _calibration(curves: Json) -> Plot:
    found = _there(curves, "calibration")
    regression = "residuals" in (curves.get("challenger") or {})

    def plot(axes: Any) -> None:
        every = [value for *_, bins in found for b in bins for value in (b["score"], b["rate"])]
        low, high = (min(every), max(every)) if regression else (0, 1)
        axes.plot([low, high], [low, high], color=FAINT, linewidth=1)
        for model, colour, line, mark, bins in found:
            xs, ys = [b["score"] for b in bins], [b["rate"] for b in bins]
            axes.plot(xs, ys, line, color=colour, marker=mark, markersize=4, linewidth=1.2, label=model)
        words = ("mean predicted", "mean truth") if regression else ("predicted probability", "share that came true")
        axes.set(xlabel=words[0], ylabel=words[1])
        axes.legend(loc="upper left")

    return ("Calibration", draw("Calibration", plot)) if found else None


def _confusion(curves: Json) -> Plot:
    found = curves.get("challenger") or {}
    cells: Any = found.get("confusion")
    names = [_label(c, 12) for c in found.get("classes") or []]

    def plot(axes: Any) -> None:
        from matplotlib.patches import Rectangle

        size = len(cells)
        for row, values in enumerate(cells):
            for column, value in enumerate(values):
                part = value / max(1, sum(values))
                colour = CHALLENGER if row == column else BAD
                spot = (column - 0.5, row - 0.5)
                axes.add_patch(Rectangle(spot, 1, 1, facecolor=colour, alpha=0.06 + 0.4 * part, edgecolor="none"))
                if size <= CELLS:
                    words = f"{value:,}\n{part:.0%}" if size <= 4 else f"{value:,}"
                    axes.text(column, row, words, ha="center", va="center", fontsize=9 if size <= 4 else 6)
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), xlabel="predicted", ylabel="truth")
        axes.grid(visible=False)
        ticks = range(size) if size <= 2 * CELLS else []
        axes.set_xticks(ticks, [names[i] if i < len(names) else "" for i in ticks], rotation=0 if size <= 4 else 90)
        axes.set_yticks(ticks, [names[i] if i < len(names) else "" for i in ticks])

    return ("Confusion of the challenger", draw("Confusion of the challenger", plot)) if cells else None


def _slices(judgement: Json) -> Plot:
    found, _ = details(judgement, "slices")
    groups = [g for g in worst_first(found.get("groups") or []) if g.get("low") is not None][:SLICES]

    def plot(axes: Any) -> None:
        if found.get("margin"):
            axes.axvline(-found["margin"], color=BAD, linewidth=1, linestyle=":")
        for row, g in enumerate(groups):
            _dot(axes, row, g["difference"], g["low"], g["high"], BAD if g["answer"] == "worse" else CHALLENGER)
        _rows(axes, [f"{_label(g['column'], 12)}: {_label(g['group'], 14)}" for g in groups])
        axes.set_xlabel(f"{_label(judgement['metric'], 30)}, challenger less champion\n(dotted: a loss of the margin)")

    title = "Slices, worst first"
    return (title, draw(title, plot, _height(len(groups)))) if groups else None


def _importance(importance: Json) -> Plot:
    columns = (importance.get("columns") or [])[:COLUMNS]

    def plot(axes: Any) -> None:
        for row, c in enumerate(columns):
            _dot(axes, row, c["drop"], c["low"], c["high"], CHALLENGER)
        _rows(axes, [_label(c["column"], 22) for c in columns])
        axes.set_xlabel(f"loss of {_label(importance['metric'], 26)} when shuffled")

    title = "Permutation importance"
    return (title, draw(title, plot, _height(len(columns)))) if columns else None


def _dot(axes: Any, row: int, value: float, low: float, high: float, colour: str) -> None:
    axes.plot([low, high], [row, row], color=colour, linewidth=1.6, solid_capstyle="butt")
    axes.plot([value], [row], "o", color=colour, markersize=4.5)


def _rows(axes: Any, names: list[str]) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=5)


def _height(rows: int) -> float:
    return 1.0 + 0.24 * max(rows, 3)


def _trend(report: Json) -> Plot:
    first = report["judgements"][0]
    points = [p for p in report.get("trend") or [] if p.get("value") is not None][-RELEASES:]
    names, values = [*(_label(p["id"], 14) for p in points), "this"], [*(p["value"] for p in points), first["score"]]

    def plot(axes: Any) -> None:
        axes.plot(values, color=CHAMPION, marker="o", markersize=4, linewidth=1.4)
        axes.plot([len(values) - 1], values[-1:], "s", color=CHALLENGER, markersize=7)
        step = -(-len(values) // 8)
        at = list(range(len(values) - 1, -1, -step))
        axes.set_xticks(at, [names[i] for i in at], rotation=40, ha="right", rotation_mode="anchor")
        axes.set_ylabel(_label(first["metric"], 24))

    title = "The metric over releases, each on its own rows"
    return (title, draw(title, plot)) if points else None


def _label(value: object, longest: int) -> str:
    return short(visible(value), longest)
