"""A document as a page that needs nothing but itself: no network, no script."""

from __future__ import annotations

import html

from mlops.gates.reporting.blocks import (
    WORDS,
    Block,
    Bullets,
    Cell,
    Document,
    Link,
    Mark,
    Name,
    Paragraph,
    Section,
    Strong,
    Table,
)
from mlops.gates.reporting.escape import html_code, html_prose, short, visible
from mlops.gates.reporting.style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
TONES = {"pass": "pass", "warn": "warn", "overridden": "warn", "block": "block"}
HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
"""


def page(document: Document, plots: list[tuple[str, str]], facts: str) -> str:
    """Write a document with its plots.

    Args:
        document: what to say.
        plots: titles and `<svg>` elements.
        facts: what was judged, for the foot.
    """
    parts = [
        HEAD.format(policy=POLICY, title=html_prose(f"Gate: {document.headline}"), style=STYLE),
        f'<header class="banner {document.outcome}"><h1>{html_prose(document.headline)}</h1>',
        *(block(b) for b in document.lead),
        "</header>",
        *(section(s) for s in document.sections if s.fold == "no"),
        _plots(plots),
        *(section(s) for s in document.sections if s.fold != "no"),
        f"<footer>{html_prose(facts)}</footer>\n</main>\n</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _plots(plots: list[tuple[str, str]]) -> str:
    figures = [f"<figure><figcaption>{html_prose(title)}</figcaption>{svg}</figure>" for title, svg in plots]
    return '<section><h2>Plots</h2>\n<div class="plots">' + "\n".join(figures) + "</div></section>" if figures else ""


def section(part: Section) -> str:
    """Write a section, folded where it says so; one that only a plot can show is left to the plots."""
    body = "\n".join(filter(None, (block(b) for b in part.blocks)))
    if not body:
        return ""
    if part.fold == "no":
        return f"<section><h2>{html_prose(part.title)}</h2>\n{body}</section>"
    opened = " open" if part.fold == "open" else ""
    return f"<details{opened}><summary>{html_prose(part.title)}</summary>\n{body}</details>"


def block(part: Block) -> str:
    """Write one block."""
    if isinstance(part, Paragraph):
        return f"<p>{cell(part.content)}</p>"
    if isinstance(part, Bullets):
        return f"<ul>{''.join(f'<li>{cell(point)}</li>' for point in part.points)}</ul>"
    return _table(part) if isinstance(part, Table) else ""


def _table(part: Table) -> str:
    marks = [' class="r"' if letter == "r" else "" for letter in part.align]
    head = "".join(f'<th scope="col"{mark}>{html_prose(n)}</th>' for n, mark in zip(part.head, marks, strict=True))
    rows = "\n".join(
        f"<tr>{''.join(f'<td{mark}>{cell(c)}</td>' for c, mark in zip(row, marks, strict=True))}</tr>"
        for row in part.rows
    )
    more = f"<p>… and {part.more} more.</p>" if part.more else ""
    label = html.escape(f"Table: {short(visible(part.head[0]))}")
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table></div>{more}"
    )


def cell(content: Cell) -> str:
    """Write what stands in a line."""
    if isinstance(content, tuple):
        return "".join(cell(part) for part in content)
    if isinstance(content, Name):
        return html_code(content.text)
    if isinstance(content, Strong):
        return f"<strong>{html_prose(content.text)}</strong>"
    if isinstance(content, Mark):
        tone = TONES.get(content.outcome, "none")
        return f'<span class="mark {tone}">{html_prose(WORDS.get(content.outcome, content.outcome))}</span>'
    if isinstance(content, Link):
        return f'<a href="{html.escape(content.url)}" rel="noreferrer">{html_prose(content.text)}</a>'
    return html_prose(content)
