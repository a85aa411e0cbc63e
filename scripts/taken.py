"""Write the names that a project cannot have to cookiecutter.json: whatever its requirements install.

Run by `make lock`. A project called like a package that it installs would replace it, or be hidden by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "cookiecutter.json"
REQUIREMENTS = ROOT / "{{cookiecutter.project_slug}}" / "requirements"
OURS = ("mlops", "src", "test", "tests", "docs", "data", "notebooks", "deploy", "requirements", "scripts", "build")


def locked(folder: Path = REQUIREMENTS) -> set[str]:
    """List the distributions that the project's requirement files pin, on any platform."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt")))
    return {_normal(name) for name in re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE)}


def imported(wanted: set[str]) -> set[str]:
    """List the top-level modules of those distributions, as far as they are installed here."""
    here = {_normal(distribution.name) for distribution in distributions()} & wanted
    modules = packages_distributions().items()
    return {_normal(module) for module, names in modules if here & {_normal(name) for name in names}}


def taken() -> list[str]:
    """List every name in the one spelling that the hook compares: lower case, words joined by `_`."""
    wanted = locked()
    return sorted(name for name in {*wanted, *imported(wanted), *OURS} if _usable(name))


def render(names: Iterable[str], text: str) -> str:
    """Put the names into the text of cookiecutter.json, every other line as it was."""
    return re.sub(r'^(  "_taken": )".*"', lambda m: m[1] + json.dumps(" ".join(names)), text, flags=re.MULTILINE)


def _usable(name: str) -> bool:
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


if __name__ == "__main__":
    CONFIG.write_text(render(taken(), CONFIG.read_text(encoding="utf-8")), encoding="utf-8")
