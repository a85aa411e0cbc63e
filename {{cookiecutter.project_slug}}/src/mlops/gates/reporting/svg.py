"""Figures of matplotlib as SVG that takes its colours from the page, and is the same bytes each time."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable
from typing import Any

# Stand-ins that no figure uses otherwise; the page says what they are in light and in dark.
INK, FAINT, CHALLENGER, CHAMPION, BAD = "#010101", "#010102", "#010103", "#010104", "#010105"
VARIABLES = {INK: "ink", FAINT: "faint", CHALLENGER: "challenger", CHAMPION: "champion", BAD: "bad"}
WIDTH = 4.0  # inches; one column of a phone at about its natural size
SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mlops",
    "text.parse_math": False,
    "font.size": 9,
    "font.family": ["DejaVu Sans"],
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


def draw(title: str, plot: Callable[[Any], None], height: float = 3.0) -> str:
    """Draw one figure.

    Args:
        title: what it shows, for those who cannot see it.
        plot: draws on the axes that it gets.
        height: inches.

    Returns:
        An `<svg>` element that may stand in a page: no id is used twice, no colour is fixed.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    written = io.StringIO()
    with rc_context(SETTINGS), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names may have letters that the measuring font lacks; the page's has them
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasSVG(figure)
        plot(figure.add_subplot())
        none = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(written, format="svg", transparent=True, metadata=none)
    return _themed(written.getvalue(), title)


def _themed(text: str, title: str) -> str:
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<style type=.*?</style>", "", text, flags=re.DOTALL)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    text = _named(text, name)
    box = re.search(r'viewBox="[^"]+"', text)
    assert box is not None
    head = (
        f'<svg {box[0]} role="img" aria-labelledby="{name}-title"><title id="{name}-title">{html.escape(title)}</title>'
    )
    # Sizes stay the figure's; the face is the page's.
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    return head + re.sub(r"\s*\n\s*", "\n", text[text.index(">") + 1 :]).strip()


def _named(text: str, prefix: str) -> str:
    """Keep the ids that something refers to, under names of their own."""
    used = set(re.findall(r'(?:url\(#|href="#)([\w.-]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", text)
    return re.sub(r'(url\(#|href="#)([\w.-]+)', rf"\1{prefix}-\2", text)
