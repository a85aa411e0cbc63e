"""What a forge makes of Markdown, and a browser of HTML: elements, attributes, and text that filters look at."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt

FORGE = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
EMPTY = {"br", "hr", "img", "meta", "input", "link"}
# What GitHub and GitLab turn into links, mentions, pictures or formulas, in rendered text outside of code.
FILTERS = {
    "mention": re.compile(r"(?<![\w`])@[\w-]"),
    "reference": re.compile(r"(?<!&)[#!$%~^&]\d|[~%&$]\w|(?:GH|GL|[A-Z][A-Z0-9_]+)-\d"),
    "address": re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://|\bwww\.|\bmailto:\w|[\w.+-]+@[\w-]"),
    "emoji": re.compile(r":[\w+-]+:"),
    "formula": re.compile(r"\$[^\s$]"),
    "commit": re.compile(r"\b[0-9a-f]{7,40}\b"),
    "diff": re.compile(r"[\[{][+-]"),
    "reference in brackets": re.compile(r"\[\w+:|\[\["),
}
SHOWN = {"\n", "\u2060"}


@dataclass
class Seen(HTMLParser):
    """Elements, attributes and texts of a document; `open` holds what was not closed in order."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        inside = {"code", "pre", "a", "style", "title"} & set(self.open)
        (self.code if inside else self.prose).append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    @property
    def balanced(self) -> bool:
        return not self.open and not self.crossed


def seen(html: str) -> Seen:
    found = Seen()
    found.feed(html)
    found.close()
    return found


def rendered(markdown: str) -> Seen:
    return seen(FORGE.render(markdown))


def caught(found: Seen) -> list[str]:
    """Name what a forge's filters would act on."""
    words = [text for text in found.prose if text.strip()]
    return [f"{name}: {text!r}" for name, pattern in FILTERS.items() for text in words if pattern.search(text)]


def hidden(text: str) -> list[str]:
    """List signs that cannot be seen."""
    return sorted({hex(ord(c)) for c in text if unicodedata.category(c)[0] == "C" and c not in SHOWN})
