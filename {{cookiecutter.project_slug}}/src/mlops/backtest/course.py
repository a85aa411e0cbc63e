"""The batches in a scratch clone: put aside all together, then laid out one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.data import batches
from mlops.delivery.dvc import Dvc
from mlops.pipeline import dataset
from mlops.settings import Settings

FEWEST = 3
FIRST = 2


class Course:
    """The batches of a project in their order; those that have not arrived lie beside the clone."""

    def __init__(self, work: Settings, names: list[str]) -> None:
        self.raw = work.root / "data" / "raw"
        self.aside = work.root.parent / "to come"
        self.names = names
        self.aside.mkdir()
        for name in names:
            self._move(name, self.raw, self.aside)

    def arrive(self, number: int) -> str:
        """Lay out the batch of this number, from 1, and return its name without number and ending."""
        self._move(self.names[number - 1], self.aside, self.raw)
        return self.called(number)

    def called(self, number: int) -> str:
        """Give a batch's name without its number and ending."""
        name = self.names[number - 1]
        match = batches.NAME.fullmatch(name)
        return match["name"] if match else name

    def _move(self, name: str, source: Path, target: Path) -> None:
        for file in (name, f"{name}.dvc"):
            (source / file).rename(target / file)


def expected(work: Settings) -> int:
    """Count the batches that there will be, before any is made or brought.

    Raises:
        MlopsError: There are too few.
    """
    if work.source is None:
        names = [path.stem for path in (work.root / "data" / "raw").glob("*.dvc")]
        there = len([name for name in names if batches.NAME.fullmatch(name)])
    else:
        there = len(dataset.user_module(work, work.source).names())
    if there < FEWEST:
        raise MlopsError(
            f"A backtest needs {FEWEST} batches or more, and there are {there}. "
            "Add one as it arrives (`mlops data add FILE`), commit, and try again."
        )
    return there


def gather(work: Settings, say: Callable[[str], None]) -> Course:
    """Bring every batch that the project has, or that its source can give, and put them aside.

    Args:
        work: a scratch clone of the project: what lies in its data/raw is moved.
        say: prints a line.

    Raises:
        MlopsError: DVC cannot bring them.
    """
    if work.source is not None:
        return Course(work, _from_source(work, say))
    Dvc(work.root).run("pull", "--quiet", "--recursive", "data/raw")
    return Course(work, [batch.path.name for batch in batches.list_batches(work.root)])


def _from_source(work: Settings, say: Callable[[str], None]) -> list[str]:
    for path in (work.root / "data" / "raw").glob("[0-9]*"):
        path.unlink()
    names: list[str] = []
    while True:
        try:
            names += [batch.path.name for batch in batches.arrive(work)]
        except batches.Exhausted:
            say(f"data      {len(names)} batches of {work.source}")
            return names


def first_of(work: Settings, wanted: int | None, there: int) -> int:
    """Say how many batches the first model is made from: as asked, or as on the source's first day, or two.

    Raises:
        MlopsError: None would be left to score, or none to train on.
    """
    if wanted is None:
        initial = getattr(dataset.user_module(work, work.source), "INITIAL", FIRST) if work.source else FIRST
        return max(1, min(int(initial), there - 1))
    if not 1 <= wanted < there:
        raise MlopsError(f"--first is {wanted!r}: of {there} batches the first model can have 1 to {there - 1}.")
    return wanted
