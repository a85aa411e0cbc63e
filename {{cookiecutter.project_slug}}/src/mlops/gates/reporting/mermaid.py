"""A line chart that GitHub and GitLab draw themselves."""

from __future__ import annotations

import re

from mlops.gates.reporting.blocks import Trend

MOST = 10
# The themes of the forges draw the line in a colour that is hard to see; this one shows in light and in dark.
LOOK = """%%{init: {"xyChart": {"width": 900}, "themeVariables": {"xyChart": {"plotColorPalette": "#3b82c4"}}}}%%"""


def chart(trend: Trend) -> str:
    """Draw the last releases as a Mermaid xychart; labels keep letters, digits, dots and dashes only."""
    points = trend.points[-MOST:]
    values = [value for _, value in points]
    room = max(max(values) - min(values), abs(max(values, key=abs)) * 0.02, 1e-6) * 0.1
    labels = ", ".join(f'"{_label(name)}"' for name, _ in points)
    return "\n".join(
        [
            "```mermaid",
            LOOK,
            "xychart-beta",
            f'    title "{_label(trend.metric)} over releases"',
            f"    x-axis [{labels}]",
            f"    y-axis {min(values) - room:.6f} --> {max(values) + room:.6f}",
            f"    line [{', '.join(f'{value:.6f}' for value in values)}]",
            "```",
        ]
    )


def _label(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z._ -]", "_", text)[:24]
