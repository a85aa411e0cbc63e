"""Nothing that comes out of data, files or people does anything where a report is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from unit.gates.rendering import Seen, caught, hidden, rendered, seen
from unit.gates.reporting import IMPORTANCE, METRICS, Json, check, group, report

from mlops.gates.report import text
from mlops.gates.reporting import escape, markdown, page, plots
from mlops.gates.reporting.document import document

NASTY = [
    "</details><script>alert(1)</script>", "@everyone", "a @team/core b", "#1", "see #1 and org/repo#12", "!12",
    "~bug", "%5", "&7", "$3", "http://evil.example", "https://evil.example/?a=b", "www.evil.example",
    "ftp://evil.example", "a@evil.example", "mailto:a@evil.example", ":smile:", "| a |", "`code`", "a`b", "``` x",
    "line\nline", "\n\n# Heading\n\n- item", "\r\n</td>", "![x](y)", "[x](javascript:alert(1))",
    "[x]: http://evil.example", "<!-- -->", "-->", "<!-- mlops-gate:production -->", "$x$", "$`x`$", "$$\nx\n$$",
    ":::", "::include{file=x}", "\u202eevil", "zero\u200bwidth", "\u2066x\u2069", "\ufeff", "\x1b[31mred\x1b[0m",
    "\x00", "\u3164", " a  b ", "", "<img src=x onerror=alert(1)>", "<a href=http://evil.example>x</a>",
    "**b** _i_ ~~s~~ ==m==", "&lt;b&gt;", "&#64;a", "\\", "a\\", "\\|", "deadbeef",
    "0123456789abcdef0123456789abcdef01234567", "GH-1", "PROJ-12", "/close", "[[_TOC_]]", "[[page]]", "{+ plus +}",
    "[- minus -]", "[vulnerability:1]", "*iteration:1", "%{x}", "1. one", "/label ~x", "- one", "1deadbeef", "---",
    "===", "> quote", "    code", "{{ x }}", "</svg><script>alert(1)</script>", "]]>", "</style>", "' onload='x",
    '" onload="x', "é ü 日本 שלום", "👩‍👩‍👧", "x" * 5000,
]  # fmt: skip
# fmt: off
ELEMENTS = {
    "h2", "h3", "p", "ul", "li", "b", "code", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre",
}
PAGE = {
    "html", "head", "meta", "title", "style", "body", "main", "header", "h1", "section", "footer", "div", "strong",
    "span",
}
DRAWN = {"svg", "title", "g", "path", "defs", "clippath", "rect", "text", "use", "circle"}
# fmt: on


def spread(name: str) -> Json:
    """Make a report that has a value wherever one can come from."""
    made = report()
    judgement = made["judgements"][0]
    details = {c["gate"]: c["details"] for c in judgement["checks"]}
    for answer in judgement["checks"]:
        answer["words"] = f"Worse for {name!r}, {name} and {name}: roc_auc -0.03."
    for one in details["slices"]["groups"][:4]:
        one["column"] = one["group"] = name
    details["slices"]["worst"][0] |= {"where": [f"{name} is {name}", name], "loss_name": name}
    column = details["fairness"]["columns"][0]
    column["column"] = column["groups"][0]["group"] = name
    details["behaviour"]["checks"][0] |= {"name": name, "example": {name: name}}
    judgement["gates"]["modes"]["speed"]["reason"] = name
    judgement["checks"].append(check("fairness", declared=name))
    made["overrides"][0] |= {"reviewer": name, "reason": name}
    made["changes"] = {kind: [f"{name}: {name} -> {name}"] for kind in ("data", "contract", "params", "gates")}
    made["champion"]["id"] = name
    made["trend"][0]["id"] = name
    made["curves"]["challenger"]["classes"] = [name, "b"]
    return made


def wrong_in_markdown(name: str) -> list[str]:
    written = markdown.comment(document(spread(name), METRICS))
    found = rendered(written)
    first, *others = found.comments
    return [
        *(f"element {tag}" for tag in sorted(set(found.tags) - ELEMENTS)),
        *(f"attribute {a}" for a in found.attributes if a[1] not in ("open", "style") and a[2] != "language-mermaid"),
        *caught(found),
        *(f"hidden {sign}" for sign in hidden(written)),
        *([] if found.balanced else [f"not balanced: {found.open} {found.crossed}"]),
        *([] if first == " mlops-gate:staging " and not others else [f"comments {found.comments}"]),
        *([] if shape(found) == PLAIN else ["another shape than with plain values"]),
    ]


def shape(found: Seen) -> list[str]:
    return [tag for tag in found.tags if tag != "code"]


PLAIN = shape(rendered(markdown.comment(document(spread("plain"), METRICS))))


def wrong_in_html(name: str) -> list[str]:
    written = page.page(document(spread(name), METRICS), [], name)
    return wrong(written, ELEMENTS | PAGE)


def wrong_in_plots(*names: str) -> list[str]:
    made = spread(names[0])
    slices = next(c for c in made["judgements"][0]["checks"] if c["gate"] == "slices")
    slices["details"]["groups"] = [group(name, name, 900, -0.01, "worse") for name in names]
    made["curves"] = {"challenger": {"confusion": [[1] * len(names)] * len(names), "classes": names}}
    made["trend"] = [{"id": name, "value": 0.5} for name in names]
    columns = [IMPORTANCE["columns"][0] | {"column": name} for name in names]
    drawn = plots.plots(made, IMPORTANCE | {"columns": columns})
    assert len(drawn) == 4
    return wrong("".join(svg for _, svg in drawn), DRAWN)


def wrong(written: str, elements: set[str]) -> list[str]:
    found = seen(written)
    return [
        *(f"element {tag}" for tag in sorted(set(found.tags) - elements)),
        *(f"attribute {a}" for a in found.attributes if a[1].startswith("on") or a[1] in ("src", "href", "action")),
        *(f"hidden {sign}" for sign in hidden(written)),
        *([] if found.balanced else [f"not balanced: {found.open} {found.crossed}"]),
        *([] if not found.comments else [f"comments {found.comments}"]),
        *([] if found.tags.count("style") <= 1 else ["another style"]),
    ]


@pytest.mark.parametrize("name", NASTY)
def test_a_value_is_inert_in_markdown(name: str) -> None:
    assert wrong_in_markdown(name) == []


@pytest.mark.parametrize("name", NASTY)
def test_a_value_is_inert_in_html(name: str) -> None:
    assert wrong_in_html(name) == []


def test_values_are_inert_in_plots() -> None:
    names = [name for name in NASTY if re.search(r"[<>&'\"$]|[^ -~]|^$", name)]
    for start in range(0, len(names), 8):
        assert wrong_in_plots(*names[start : start + 8]) == [], names[start : start + 8]


@pytest.mark.parametrize(
    "name", ["</details><script>alert(1)</script>", "@everyone", "| a |", "$x$", ":smile:", "&lt;b&gt;"]
)
def test_a_value_is_still_read_as_it_is(name: str) -> None:
    found = rendered(markdown.comment(document(spread(name))))
    assert name in found.code
    assert name in seen(page.page(document(spread(name)), [], "")).code


Mutant = tuple[Any, str, Any, Callable[[str], list[str]]]
NOTHING = re.compile("(?!)")
MUTANTS: dict[str, Mutant] = {
    "values as they are": (markdown, "code", lambda value: f"<code>{value}</code>", wrong_in_markdown),
    "values escaped as HTML only": (
        markdown, "code", lambda value: f"<code>{escape.html.escape(str(value))}</code>", wrong_in_markdown,
    ),
    "values outside of code": (
        markdown, "code", lambda value: escape.prose(str(value)).replace(escape.JOINER, ""), wrong_in_markdown,
    ),
    "sentences with entities alone": (escape, "POINTS", NOTHING, wrong_in_markdown),
    "sentences without entities": (escape, "IN_SENTENCES", {}, wrong_in_markdown),
    "addresses without a scheme": (escape, "WWW", NOTHING, wrong_in_markdown),
    "tickets": (escape, "TICKET", NOTHING, wrong_in_markdown),
    "commits": (escape, "COMMIT", NOTHING, wrong_in_markdown),
    "signs without width": (escape, "_seen", lambda c: c, wrong_in_markdown),
    "HTML sentences as they are": (page, "html_prose", lambda sentence: sentence, wrong_in_html),
    "HTML values as they are": (page, "html_code", lambda value: f"<code>{value}</code>", wrong_in_html),
    "labels of plots with signs": (plots, "_label", lambda value, longest: str(value), wrong_in_plots),
}  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_part_of_the_escape_is_needed(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, replacement, judge = MUTANTS[mutant]
    monkeypatch.setattr(module, name, replacement)
    few = ["</details><script>alert(1)</script>", "@everyone", "www.evil.example", "PROJ-12", "deadbeef", "\u202eevil"]
    assert any(judge(value) for value in few)


def test_long_names_that_differ_at_their_ends_still_differ() -> None:
    one, other = ("x" * 100 + end for end in ("a", "b"))
    assert len(escape.short(one)) == escape.LONGEST
    assert escape.code(one) != escape.code(other)


def test_names_that_look_alike_differ() -> None:
    looks = ["a", " a", "a ", "a\u200b", "a\u202e", "", "\u3164", "a\xad"]
    assert len({escape.code(name) for name in looks}) == len(looks)


def test_a_terminal_is_not_moved() -> None:
    shown = text(spread("\x1b[2J\x1b[H\rYES"))
    assert hidden(shown) == []
    assert "\r" not in shown
