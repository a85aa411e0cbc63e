"""A document as Markdown for a comment on GitHub or GitLab."""

from __future__ import annotations

from mlops.gates.reporting import mermaid
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
from mlops.gates.reporting.escape import code, prose

LIMIT = 60_000
OWN_ROWS = "Each release was measured on its own test rows: a step down can be a harder month."
SIGNS = {"pass": "✅", "warn": "🟡", "block": "❌", "off": "⚪", "overridden": "🟡"}


def marker(env: str) -> str:
    """Write the hidden line by which the comment of an environment is found again."""
    return f"<!-- mlops-gate:{''.join(c for c in env if c.isascii() and (c.isalnum() or c in '._-'))} -->"


def comment(document: Document, limit: int = LIMIT) -> str:
    """Write a document in at most `limit` characters.

    What does not fit is left out, the least important section first, and named in a line.
    """
    top = [marker(document.env), f"## {SIGNS[document.outcome]} {prose(document.headline)}"]
    top += [block(b) for b in document.lead]
    kept, left_out = [(part, section(part)) for part in document.sections], []
    text = _joined([*top, *(written for _, written in kept)])
    while len(text) > limit and kept:
        least = min(reversed(kept), key=lambda pair: pair[0].keep)
        kept.remove(least)
        left_out.append(prose(least[0].title))
        note = f"Left out here for length: {', '.join(left_out)}. All of it is in <code>reports/report.html</code>."
        text = _joined([*top, *(written for _, written in kept), note])
    return text if len(text) <= limit else _cut(text, limit)


def _joined(parts: list[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _cut(text: str, limit: int) -> str:
    """Keep whole blocks from the start: each is complete in itself."""
    kept = ""
    for block in text.split("\n\n"):
        if len(kept) + len(block) + 2 > limit:
            break
        kept += block + "\n\n"
    return kept.rstrip() + "\n"


def section(part: Section) -> str:
    """Write a section, folded where it says so."""
    body = "\n\n".join(block(b) for b in part.blocks)
    if part.fold == "no":
        return f"### {prose(part.title)}\n\n{body}"
    opened = "<details open>" if part.fold == "open" else "<details>"
    return f"{opened}<summary>{prose(part.title)}</summary>\n\n{body}\n\n</details>"


def block(part: Block) -> str:
    """Write one block."""
    if isinstance(part, Paragraph):
        return cell(part.content)
    if isinstance(part, Bullets):
        return "\n".join(f"- {cell(point)}" for point in part.points)
    if isinstance(part, Table):
        return _table(part)
    return f"{mermaid.chart(part)}\n\n{prose(OWN_ROWS)}"


def _table(part: Table) -> str:
    rule = ["---:" if letter == "r" else "---" for letter in part.align]
    rows = [[prose(name) for name in part.head], rule, *([cell(c) for c in row] for row in part.rows)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return text + (f"\n\n… and {part.more} more." if part.more else "")


def cell(content: Cell) -> str:
    """Write what stands in a line."""
    if isinstance(content, tuple):
        return "".join(cell(part) for part in content)
    if isinstance(content, Name):
        return code(content.text)
    if isinstance(content, Strong):
        return f"<b>{prose(content.text)}</b>"
    if isinstance(content, Mark):
        word = prose(WORDS.get(content.outcome, content.outcome))
        return f"{SIGNS.get(content.outcome, '')} {f'<b>{word}</b>' if content.outcome == 'block' else word}".strip()
    if isinstance(content, Link):
        return f'<a href="{_address(content.url)}">{prose(content.text)}</a>'
    return prose(content)


def _address(url: str) -> str:
    return url.replace("&", "&amp;").replace('"', "%22").replace("<", "%3C").replace(">", "%3E")
