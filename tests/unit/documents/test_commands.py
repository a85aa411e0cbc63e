"""What documents tell people to run exists, with these options."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from baking import PROJECT, ROOT
from reference import PATH, commands
from typer.main import get_command

from mlops.cli import app
from mlops.contract.document import parse
from mlops.contract.request import Checker

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
WORDS = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in DOCUMENTS}
OF_PROJECTS = ("CHANGELOG.md", "docs/reference/ci.md")  # they speak of what is done in one
SPANS = re.compile(r"`([^`\n]+)`")
BLOCKS = re.compile(r"```(?:sh|console)\n(.*?)```", re.DOTALL)


def said(program: str) -> list[tuple[str, str]]:
    """List what documents say to run with a program, as (document, command)."""
    found = set()
    for name, text in WORDS.items():
        lines = [line for block in BLOCKS.findall(text) for line in block.splitlines()]
        for line in [*SPANS.findall(text), *lines]:
            if re.match(rf"{program} [a-z]", line):
                found.add((name, line.split("#")[0].strip()))
    return sorted(found)


@pytest.mark.parametrize(("document", "command"), said("mlops"))
def test_an_mlops_command_exists_with_its_options(document: str, command: str) -> None:
    _, *words = shlex.split(command)
    at = get_command(app)
    while words and hasattr(at, "commands") and not (at.invoke_without_command and words[0].startswith("-")):
        assert words[0] in at.commands, f"{document}: {command!r}: there is no {words[0]!r}"
        at = at.commands[words.pop(0)]
    known = {option for parameter in at.params for option in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
    assert not {word.partition("=")[0] for word in words if word.startswith("-")} - known, f"{document}: {command!r}"


@pytest.mark.parametrize(("document", "command"), said("make"))
def test_a_make_command_exists(document: str, command: str) -> None:
    inside = document.startswith(PROJECT.name) or document in OF_PROJECTS or "cookiecutter ." in WORDS[document]
    files = [ROOT / "Makefile", *((PROJECT / "Makefile", PROJECT / "example.mk") if inside else ())]
    targets = {
        t for file in files for t in re.findall(r"^([a-z0-9-]+):", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    wanted = [word for word in shlex.split(command)[1:] if "=" not in word and not word.startswith("(")]
    assert set(wanted) <= targets, f"{document}: {command!r}"


def test_the_request_in_the_readme_is_answered_without_a_warning() -> None:
    body = re.search(r"--data '(.*?)'", (PROJECT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert body is not None
    contract = parse((PROJECT / "contract.yaml").read_text(encoding="utf-8"))
    checked = Checker(contract).check(json.loads(body[1])["rows"])
    assert (checked.refusals, checked.warnings) == ((), ())


def test_links_between_documents_lead_somewhere() -> None:
    for name, text in WORDS.items():
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            there = (ROOT / Path(name).parent / link).resolve()
            assert there.exists() or (link == "LICENSE" and PROJECT.name in name), f"{name}: {link}"


def test_the_reference_of_commands_is_what_the_commands_say() -> None:
    assert PATH.read_text(encoding="utf-8") == commands(), "Run: python scripts/reference.py"


@pytest.mark.parametrize("module", ["cli", "commands.rollback", "commands.history"])
def test_what_must_be_quick_imports_nothing_that_trains(module: str) -> None:
    import subprocess
    import sys

    slow = {"pandas", "numpy", "sklearn", "mlflow"} | ({"yaml"} if module == "cli" else set())
    code = f"import sys, mlops.{module}; print(sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(PROJECT / "src")}, capture_output=True)
    assert done.stdout.decode().strip() == "[]", done.stderr.decode()
