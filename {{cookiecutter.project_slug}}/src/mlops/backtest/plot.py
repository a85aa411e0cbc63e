"""The replay as one small picture, the same bytes each time."""

from __future__ import annotations

from typing import Any

from mlops.gates.reporting.escape import short, visible
from mlops.gates.reporting.svg import BAD, CHALLENGER, CHAMPION, draw

Json = dict[str, Any]
# Policies that did the same lie on each other: the wide line shows beneath the thin one.
LOOKS = {"never": (BAD, ":", 1.4), "every batch": (CHAMPION, "-", 5.0), "on drift": (CHALLENGER, "-", 1.4)}
COLOURS = """<style>
svg { --ink: #1f2328; --faint: #6a737d; --challenger: #0550ae; --champion: #9a5b00; --bad: #c21f2d;
  font-family: system-ui, sans-serif; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6edf3; --faint: #848d97; --challenger: #6cb6ff; --champion: #e3a857; --bad: #ff7b72; }
}
</style>"""
SPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def picture(report: Json) -> str:
    """Draw the metric of each policy's model over the batches, as a file that stands alone."""
    steps = report["steps"]
    names = list(dict.fromkeys(step["batch"] for step in steps))

    def plot(axes: Any) -> None:
        for policy, (colour, line, width) in LOOKS.items():
            own = [step for step in steps if step["policy"] == policy]
            faint = 0.45 if width > 2 else 1.0
            axes.plot([step["metric"] for step in own], line, color=colour, label=policy, linewidth=width, alpha=faint)
            after = [(at, step["metric"]) for at, step in enumerate(own) if step["decision"] == "released"]
            axes.plot(
                *zip(*after, strict=True), "o", color=colour, markersize=3 + width, alpha=faint
            ) if after else None
        at = list(range(0, len(names), -(-len(names) // 12)))
        labels = [short(visible(names[place]), 14) for place in at]
        axes.set_xticks(at, labels, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_ylabel(f"{report['metric']} on the new batch")
        axes.legend(loc="best")

    return alone(draw("What each policy's model was worth on each new batch; a mark is a release after it", plot))


def alone(svg: str) -> str:
    """Make a file of an element that stood in a page: it brings its name spaces and its colours."""
    head, end, rest = svg.partition(">")
    return f"{head} {SPACES}{end}{COLOURS}{rest}\n"
