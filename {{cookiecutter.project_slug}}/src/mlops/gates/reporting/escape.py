"""Values from data and people, made inert: in Markdown as GitHub and GitLab read it, in HTML, and on a terminal.

Both forges look for mentions, references, emoji and addresses in the *rendered* text, so character entities alone do
not stop `@everyone`; they leave code alone. A value therefore stands in code, and in a sentence a word joiner
(U+2060, without width) parts the sign from what it would point at.
"""

from __future__ import annotations

import html
import re
import string
import unicodedata

LONGEST = 80
JOINER = "\u2060"
# Letters and signs that show nothing: Hangul fillers, the empty Braille cell, joiners and selectors of glyphs.
BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5") | {chr(c) for c in range(0xFE00, 0xFE10)}
PUNCTUATION = {ord(c): f"&#{ord(c)};" for c in string.punctuation}
IN_SENTENCES = {code: entity for code, entity in PUNCTUATION.items() if chr(code) not in ",.'\"()%;:=?/+-@!"}
# GitHub looks for formulas in text without regard for where a word ends.
IN_SENTENCES[ord("$")] = "<code>&#36;</code>"
# What would be a mention, reference, address, emoji, formula or mark of a change if it touched what follows.
POINTS = re.compile(r"(?<=[@#!$%~&^:\\{\[*])(?=\S)")
WWW = re.compile(r"(?i)(?<=www)(?=\.)")
TICKET = re.compile(r"(?<=[A-Za-z0-9_]-)(?=\d)(?<![\d]-)")
COMMIT = re.compile(r"[0-9a-f]{7,}")
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .,:=+*/<>()≤-]*")
SPAN = re.compile(r"`([^`]+)`")
LIST = re.compile(r"^(?=\s*(?:[-+](?:\s|$)|--|=|\d+[.)](?:\s|$)))")


def visible(value: object) -> str:
    """Write a value on one line so that each of its characters can be seen."""
    text = "".join(_seen(c) for c in str(value))
    return re.sub(r"^ | $|(?<= ) ", "␣", text) or "(empty)"


def _seen(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or character in BLANK:
        return f"⟨U+{ord(character):04X}⟩"
    return " " if kind == "Zs" else character


def short(text: str, longest: int = LONGEST) -> str:
    """Cut out the middle of what is too long: names tend to differ at their ends."""
    head = (longest - 1) * 2 // 3
    return text if len(text) <= longest else f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def code(value: object) -> str:
    """Write a value for Markdown: a code span, and where it could end that, code in which every sign is an entity."""
    text = short(visible(value))
    return f"`{text}`" if PLAIN.fullmatch(text) else f"<code>{text.translate(PUNCTUATION)}</code>"


def prose(sentence: str, longest: int = 700) -> str:
    """Write a sentence that may hold values for Markdown; what it has in backticks becomes code."""
    parts = SPAN.split(_line(sentence, longest))
    return "".join(code(part) if number % 2 else _inert(part) for number, part in enumerate(parts))


def _inert(text: str) -> str:
    for pattern in (LIST, POINTS, WWW, TICKET):
        text = pattern.sub(JOINER, text)
    text = COMMIT.sub(lambda found: JOINER.join(found[0][i : i + 4] for i in range(0, len(found[0]), 4)), text)
    return text.translate(IN_SENTENCES)


def _line(sentence: str, longest: int) -> str:
    flat = "".join(_seen(c) if c not in "\n\t" else " " for c in sentence)
    return flat if len(flat) <= longest else f"{flat[:longest]}…"


def html_code(value: object) -> str:
    """Write a value for HTML."""
    return f"<code>{html.escape(short(visible(value)))}</code>"


def html_prose(sentence: str, longest: int = 2000) -> str:
    """Write a sentence for HTML; what it has in backticks becomes code."""
    parts = SPAN.split(_line(sentence, longest))
    return "".join(html_code(part) if number % 2 else html.escape(part) for number, part in enumerate(parts))


def plain(sentence: str) -> str:
    """Write a sentence for a terminal: no sign in it moves the cursor or turns the text around."""
    return "".join(_seen(c) for c in sentence)
