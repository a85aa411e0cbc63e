"""How batches arrive one by one, and what is refused before the first of them is made."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.backtest.conftest import MONTHS, NAMES
from unit.delivery.project import CONFIG
from unit.delivery.world import PERSON

from mlops.backtest import course
from mlops.backtest.course import Course, expected, first_of, gather
from mlops.commands import backtest as command
from mlops.commands.backtest import backtest
from mlops.contract.errors import MlopsError
from mlops.settings import Settings, find

SOURCE = "INITIAL = 2\n\n\ndef names():\n    return {names!r}\n\n\ndef load(name):\n    raise RuntimeError(name)\n"


def here(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.root / "data" / "raw").iterdir())


def with_batches(settings: Settings, names: list[str]) -> Settings:
    for name in names:
        for file in (name, f"{name}.dvc"):
            (settings.root / "data" / "raw" / file).write_text(name)
    return settings


def with_source(settings: Settings, names: list[str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project whose source names batches, and cannot make one."""
    (settings.root / "src" / "shop" / "source.py").write_text(SOURCE.format(names=names))
    monkeypatch.syspath_prepend(settings.root / "src")
    return find(settings.root)


def test_what_has_not_arrived_is_not_there(empty: Settings) -> None:
    months = Course(with_batches(empty, NAMES), NAMES)
    assert here(empty) == []
    assert months.arrive(1) == "may" and here(empty) == [NAMES[0], f"{NAMES[0]}.dvc"]
    assert months.arrive(2) == "june" and len(here(empty)) == 4
    assert months.called(3) == "july" and not [name for name in here(empty) if "july" in name]


def test_the_batches_of_a_project_are_brought_in_their_order(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Pulls:
        def __init__(self, root: Path) -> None: ...

        def run(self, *words: str) -> None:
            asked.append(words[0])

    monkeypatch.setattr(course, "Dvc", Pulls)
    with_batches(empty, NAMES[::-1])
    assert expected(empty) == 3 and not asked
    assert gather(empty, asked.append).names == NAMES and asked == ["pull"]


@pytest.mark.parametrize("there", [[], NAMES[:2]])
def test_too_few_batches_are_told_before_any_is_brought(empty: Settings, there: list[str]) -> None:
    with pytest.raises(MlopsError, match=rf"needs 3 batches or more, and there are {len(there)}"):
        expected(with_batches(empty, there))


@pytest.mark.parametrize("wanted", [999, 4, 0, -1])
def test_a_first_model_of_no_or_all_batches_is_refused(empty: Settings, wanted: int) -> None:
    with pytest.raises(MlopsError, match=rf"--first is {wanted}: of 4 batches the first model can have 1 to 3\."):
        first_of(empty, wanted, 4)
    assert [first_of(empty, number, 4) for number in (1, 3)] == [1, 3] and first_of(empty, None, 4) == 2


@pytest.fixture
def committed(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project under Git whose source names three months, and breaks when it has to make one."""
    settings = with_source(empty, list(MONTHS), monkeypatch)
    (settings.root / ".gitignore").write_text("/.mlops/\n")
    (settings.root / ".dvc").mkdir()
    (settings.root / ".dvc" / "config").write_text(CONFIG)
    for name, value in PERSON.items():
        monkeypatch.setenv(name, value)
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "First"]):
        subprocess.run(["git", *words], cwd=settings.root, check=True)
    monkeypatch.chdir(settings.root)
    return settings


def writes_a_file(settings: Settings) -> Path:
    (settings.root / "out").write_text("mine")
    return Path("out/of/it")


@pytest.mark.parametrize(
    ("first", "out", "said"),
    [
        (999, lambda _: Path("out"), r"^--first is 999: of 3 batches the first model can have 1 to 2\.$"),
        (None, writes_a_file, r"^--out is 'out/of/it': in '.*/out' no file can be written\. Name another folder\.$"),
    ],
)
def test_what_cannot_be_is_refused_before_a_month_is_made(
    committed: Settings,
    monkeypatch: pytest.MonkeyPatch,
    first: int | None,
    out: Callable[[Settings], Path],
    said: str,
) -> None:
    where = out(committed)
    with pytest.raises(MlopsError, match=said) as caught:
        backtest(first, where)
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    monkeypatch.setattr(command, "first_of", lambda *_: 2)
    monkeypatch.setattr(command, "_writable", lambda *_: where)
    with pytest.raises(RuntimeError, match="may"):
        backtest(first, where)


def test_gates_that_cannot_be_read_are_told_before_a_month_is_made(committed: Settings) -> None:
    (committed.root / "gates.yaml").write_text("metric: [")
    subprocess.run(["git", "commit", "--quiet", "--all", "--message", "Worse"], cwd=committed.root, check=True)
    with pytest.raises(MlopsError, match=r"gates\.yaml"):
        backtest(1, Path("out"))
