"""A line chart that GitHub and GitLab draw themselves."""

from __future__ import annotations

import re

from mlops.gates.reporting.blocks import Trend

MOST = 12


def chart(trend: Trend) -> str:
    """Draw the last releases as a Mermaid xychart; labels keep letters, digits, dots and dashes only."""
    points = trend.points[-MOST:]
    values = [value for _, value in points]
    room = max(max(values) - min(values), abs(max(values, key=abs)) * 0.02, 1e-6) * 0.1
    labels = ", ".join(f'"{_label(name)}"' for name, _ in points)
    return "\n".join(
        [
            "```mermaid",
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
