"""`mlops backtest`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mlops.backtest import summary, words
from mlops.backtest.course import expected, first_of, gather
from mlops.backtest.plot import picture
from mlops.backtest.replay import replay
from mlops.backtest.works import Bench
from mlops.commands.reproduce import run
from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.delivery.clones import workplace
from mlops.delivery.git import Git
from mlops.gates.bar import parse
from mlops.monitoring import settings as monitoring
from mlops.pipeline.dataset import contract
from mlops.pipeline.stage import write_json
from mlops.pipeline.texts import read_own
from mlops.settings import Settings, find


def backtest(first: int | None, out: Path) -> None:
    """Replay the batches in a clone of the last commit, print what each policy came to, and write it to a folder."""
    settings = find()
    folder = _writable(settings.root / out, out)
    git = Git(settings.root)
    commit = git.rev_parse("HEAD")
    contract(settings)
    say(f"backtest  of the last commit, {commit[:10]}; the working tree is not touched")
    with workplace(settings, git, commit) as root:
        report = _replayed(find(root), first)
    write_json(folder / "backtest.json", report)
    (folder / "backtest.svg").write_text(picture(report), encoding="utf-8")
    say(f"\n{words.table(report)}\n\n{words.summary(report)}\n")
    say(f"Written: {out}/backtest.json, {out}/backtest.svg")


def _writable(folder: Path, out: Path) -> Path:
    """Ask before the work, which takes long, whether what comes of it can be written."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise MlopsError(f"--out is {str(out)!r}: in {str(there)!r} no file can be written. Name another folder.")
    return folder


def _replayed(work: Settings, first: int | None) -> summary.Json:
    start = first_of(work, first, expected(work))
    gates, live_loss = parse(read_own(work.root, "gates.yaml")), monitoring.load(work.root).live_loss
    course = gather(work, say)
    if contract(work).time is None:
        say("order     contract.yaml has no column tagged `time`: batches come in the order of their numbers")
    spent: list[float] = []

    def train() -> None:
        spent.append(_train(work.root))

    bench = Bench(work, course, gates, train, live_loss)
    steps = list(replay(bench, start, len(course.names), say))
    say(f"trained   {len(spent)} models in {sum(spent):.0f} s; what was trained before came from DVC's cache")
    return summary.as_json(gates.metric, course.names[:start], steps)


def _train(root: Path) -> float:
    """Run the pipeline as far as the bundle; its stages' lines are the progress."""
    started = time.monotonic()
    if run([sys.executable, "-m", "dvc", "repro", "--quiet", "train"], root):
        raise MlopsError("The pipeline did not end; what stopped it stands above. There is no backtest without it.")
    return time.monotonic() - started
