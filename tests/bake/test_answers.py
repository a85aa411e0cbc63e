"""Answers are data: in every file, hook and command they arrive as they are, or nothing is written."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from baking import BakedProject, bake, typed
from cookiecutter.exceptions import FailedHookException

pytestmark = pytest.mark.bake

# In each, {} becomes a command that would make a file.
INERT = [
    "$({})",
    "`{}`",
    "$(shell {})",
    "; {};",
    "' ; {} ; '",
    '" ; {} ; "',
    '"; import os; os.system("{}") #',
    "'; import os; os.system('{}') #",
    '"""; import os; os.system("{}")',
    "'''; import os; os.system('{}')",
    "{{{{ ''.__class__ }}}} {}",
    "{{% for x in range(9) %}}{}{{% endfor %}}",
    "{{# {} #}}",
    "{{{{ cookiecutter.project_slug }}}}",
    '!!python/object/apply:os.system ["{}"]',
    "back\\slash {} \\",
    "\\",
    '\\" {}',
    '"""',
    "'''",
    '"',
    "%s %d {} %(x)s",
    "key: value # {}",
    "# {}",
    "- {}",
    "[tool.mlops] {}",
    "= {}",
    "<!-- {}",
    "<script>{}</script>",
    "]]> {}",
    "![x](y) [a]: b | {}",
    "```{}",
    "--flag={}",
    "@{} & * ! | > % ~",
    "null",
    "yes",
    "1e3",
    "0x10",
    "😀 👩‍💻 🇫🇷",
    "Ærøskøbing naïveté ﬁ",
    "می‌خواهم",
    "שלום العالم",
    "深度学习 航班延误",
    "e\u0301 \U0001d54f \uffee",
]
REFUSED = [
    "",
    " ",
    " x",
    "x ",
    "a\nb",
    "a\tb",
    "a\0b",
    "a\x1b[31mb",
    "a\x85b",
    "a\u2028b",
    "a\u202eb",
    "a\u2066b",
    "x" * 300,
]


@pytest.mark.parametrize("number", range(len(INERT)))
def test_a_free_text_is_inert(number: int, tmp_path: Path) -> None:
    text = INERT[number].format("touch ../canary")
    answers = {name: typed(text) for name in ("project_name", "description", "author")}
    project = bake(tmp_path, project_slug="inert", license="MIT", **answers)
    table = tomllib.loads(project.read("pyproject.toml"))["project"]
    assert (table["description"], table["authors"][0]["name"]) == (text, text)
    assert project.read("README.md").startswith(f"# {text.replace('<', '&lt;')}\n\n> {text.replace('<', '&lt;')}\n\n")
    assert f"\nCopyright (c) {text}\n" in project.read("LICENSE")
    for name in project.files():
        if name.endswith((".yaml", ".yml")) and not name.startswith("deploy/chart/templates/"):
            yaml.safe_load(project.read(name))
    assert "make setup" in project.run("make", "help").stdout
    project.run("make", "--dry-run", "setup", "train", "gate", "clean")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cookiecutter", "inert"]


def test_only_four_files_hold_free_text(example: BakedProject, tmp_path: Path) -> None:
    words = {"project_name": "Quokka", "description": "Wombat.", "author": "Numbat"}
    project = bake(tmp_path, project_slug="flight-delays", license="MIT", **words)
    holding = [name for name in project.files() if re.search("Quokka|Wombat|Numbat", project.read(name))]
    assert holding == ["LICENSE", "README.md", "pyproject.toml"]


def refuse(folder: Path, capfd: pytest.CaptureFixture[str], **answers: str) -> str:
    """Bake with answers that must not pass; returns what was said."""
    folder.mkdir(exist_ok=True)
    before = tree(folder.parent)
    with pytest.raises((FailedHookException, FileNotFoundError)):  # the latter after a slug with slashes
        bake(folder, **answers)
    assert tree(folder.parent) == before
    return capfd.readouterr().err


def tree(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if ".cookiecutter" not in path.parts)


@pytest.mark.parametrize("text", REFUSED, ids=ascii)
def test_what_is_no_line_of_text_is_refused(text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = refuse(tmp_path / "in", capfd, project_name=text, project_slug="x1", description=text, author=text)
    for name in ("project_name", "description", "author"):
        assert f"  {name} {text[:120]!a} - one line" in said


BAD = {
    "project_slug": [
        *("Flight", "flight delays", "a_b", "1a", "-rf", "a-", "a--b", "é", "x" * 41, "numpy", "great-expectations"),
        *("mlops", "json", "class", "../evil", "a/b/c", "$(id)", "a;b", "a\nb"),
    ],
    "package_name": [
        *("Flight", "a-b", "a b", "1a", "_a", "é", "x" * 41, "numpy", "sklearn", "mlops", "tests", "json", "class"),
        *("../evil", "a/b", "$(id)", "a.b", ""),
    ],
    "repository_url": [
        *("", "http://h.example/a.git", "file:///etc", "ext::sh -c id", "--upload-pack=id", "https://h.example"),
        *("https://me:s3cret@h.example/a.git", "https://s3cret@h.example/a.git", "ssh://me:s3cret@h.example/a"),
        *("https://h.example/a b", "https://h.example/$(id)", "https://h.example/a.git\n", "/srv/git/a.git"),
        *("https://h.example:99999/a/b", "https://h.example:0/a/b", "https://h..example/a/b", "git@-h.example:a/b"),
        *("https://h.example/../a/b", "https://h.example/./a", "https://h.example/a/.."),
        *("https://me:s3cret/s3cret@h.example/a.git", "git:s3cret@h.example:a/b.git", "https://me:s3cret@s3cret@h/a"),
        f"https://{'m' * 120}:s3cret@h.example/a",
    ],
    "image_registry": [
        *("", "https://r.example/x", "Registry.example/x", "r.example/x:tag", "r.example/x/", "r.example//x"),
        *("r.example/X", "r example", "../x", "r.example/$(id)", "x" * 200, "team", "registry/team", "r..example/x"),
        *("r:0/x", "r:99999/x", "r.example:/x", "me:s3cret@r.example/x", "-r.example/x"),
    ],
}


@pytest.mark.parametrize("name", BAD)
def test_bad_names_and_addresses_are_refused(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for value in BAD[name]:
        said = refuse(tmp_path / "in", capfd, **({"project_slug": "x1"} | {name: value}))
        line = next(line for line in said.splitlines() if line.startswith(f"  {name} "))
        assert line.count(" - ") >= 2, line
        assert "s3cret" not in said


@pytest.mark.parametrize(
    "answers",
    [
        {"project_slug": "a1", "package_name": "a1"},
        {"project_slug": "x" * 40},
        {"repository_url": "ssh://git@git.example.com:2222/team/x.git"},
        {"repository_url": "git@git.example.com:team/x.git"},
        {"repository_url": "https://git.example.com:8443/~team/x_y.z"},
        {"image_registry": "localhost:5000"},
        {"image_registry": "localhost/team"},
        {"image_registry": "registry:65535/team"},
        {"repository_url": "https://forge/team/.hidden/..x"},
        {"image_registry": "ghcr.io/some-org/sub__dir/x.y"},
    ],
    ids=str,
)
def test_good_names_and_addresses_pass(answers: dict[str, str], tmp_path: Path) -> None:
    assert bake(tmp_path, **answers).files()


def test_all_problems_are_said_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad = {"project_name": " ", "project_slug": "A", "package_name": "class", "author": "a\nb", "image_registry": "X"}
    said = refuse(tmp_path / "in", capfd, **bad, repository_url="https://me:s3cret@h/a", description="x" * 201)
    for name in [*bad, "repository_url", "description"]:
        assert f"\n  {name} " in said
    assert "'flight_delays'" in said
    assert "'https://***@h/a'" in said


def test_a_name_without_letters_needs_a_slug(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "  project_slug '1' - " in refuse(tmp_path / "in", capfd, project_name="1")


def test_a_folder_that_was_there_is_not_harmed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(FailedHookException):
        bake(tmp_path, overwrite=True, project_slug="mine", author="a\nb")
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]
    project = bake(tmp_path, overwrite=True, project_slug="mine")
    assert project.read("notes.txt") == "mine"
    with pytest.raises(FailedHookException):
        bake(tmp_path, overwrite=True, project_slug="mine", example_data="no")
    assert "holds a project already" in capfd.readouterr().err
    assert project.git("status", "--porcelain") == ""
