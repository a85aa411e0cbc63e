"""Judge the answers before a file is written: every problem at once, as value - rule - example that passes."""

from __future__ import annotations

import json
import keyword
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
TAKEN = {*ANSWERS["_taken"].split(), *sys.stdlib_module_names, *keyword.kwlist}
JOINERS = "\u200c\u200d"  # not printable for Python, yet part of Persian words and of emoji

NAME = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
PORT = r":(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
HOST = rf"{LABEL}(?:\.{LABEL})*(?:{PORT})?"
PART = r"(?!\.{1,2}(?:/|$))[\w.~-]+"
PATH = rf"{PART}(?:/{PART})*/?"
USER = r"[a-z][a-z0-9_-]*@"
URL = rf"https://{HOST}/{PATH}|ssh://(?:{USER})?{HOST}/{PATH}|{USER}{HOST}:{PATH}"
REGISTRY = rf"(?:localhost|{LABEL}(?:\.{LABEL})+|{LABEL}(?=:))(?:{PORT})?(?:/{NAME})*"
Rule = tuple[Callable[[str], bool], str, str]


def line(longest: int, example: str) -> Rule:
    """Accept one line in any script."""

    def passes(value: str) -> bool:
        printable = all(c.isprintable() or c in JOINERS for c in value)
        return 0 < len(value) <= longest and value == value.strip() and printable

    return passes, f"one line of at most {longest} printable characters, no space at either end", example


def like(pattern: str, longest: int, rule: str, example: str) -> Rule:
    """Accept what a pattern matches from end to end."""
    matches = re.compile(pattern, flags=re.ASCII).fullmatch
    return lambda value: len(value) <= longest and matches(value) is not None, f"at most {longest} of {rule}", example


def free(example: str) -> Rule:
    """Accept a name that nothing the project installs has."""
    return lambda value: value.replace("-", "_") not in TAKEN, "not a name that Python or a package has", example


RULES: list[tuple[str, Rule]] = [
    ("project_name", line(100, "Flight delays")),
    ("project_slug", like(r"[a-z](-?[a-z0-9])+", 40, "a-z, 0-9 and single -, a letter first", "flight-delays")),
    ("project_slug", free("flight-delays")),
    ("package_name", like(r"[a-z][a-z0-9_]*", 40, "a-z, 0-9 and _, a letter first", "flight_delays")),
    ("package_name", free("flight_delays")),
    ("description", line(200, "Predict which flights arrive late.")),
    ("author", line(100, "The team")),
    ("repository_url", like(URL, 200, "https://…, ssh://… or git@host:…, no password", "git@example.com:a/b.git")),
    ("image_registry", like(REGISTRY, 150, "a.host/folder or host:port/folder, no scheme or tag", "r.example.com/a")),
]


def problem(name: str, rule: str, example: str) -> str:
    """Write a problem on one line, without what may be a password."""
    shown = re.sub(r"^(\w+://)?.*@", r"\1***@", ANSWERS[name], flags=re.DOTALL)[:120]
    return f"  {name} {shown!a} - {rule} - {example!r}"


problems = [problem(name, rule, example) for name, (passes, rule, example) in RULES if not passes(ANSWERS[name])]
if Path("pyproject.toml").exists():
    problems.append("  this folder holds a project already - none may be there - bake elsewhere, or run `cruft update`")
if problems:
    print("These answers do not work (value - rule - example that does):", *problems, sep="\n", file=sys.stderr)
    depth = len(Path(ANSWERS["project_slug"]).parts)
    with suppress(OSError):  # of a slug with slashes, cookiecutter removes only the last folder
        for folder in [Path.cwd(), *Path.cwd().parents][: depth if depth > 1 else 0]:
            folder.rmdir()
    sys.exit(1)
