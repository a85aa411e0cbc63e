"""`mlops backtest`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from mlops.backtest import summary, words
from mlops.backtest.course import first_of, gather
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
    git = Git(settings.root)
    commit = git.rev_parse("HEAD")
    contract(settings)
    say(f"backtest  of the last commit, {commit[:10]}; the working tree is not touched")
    with workplace(settings, git, commit) as root:
        report = _replayed(find(root), first)
    folder = out if out.is_absolute() else settings.root / out
    write_json(folder / "backtest.json", report)
    (folder / "backtest.svg").write_text(picture(report), encoding="utf-8")
    say(f"\n{words.table(report)}\n\n{words.summary(report)}\n")
    say(f"Written: {out}/backtest.json, {out}/backtest.svg")


def _replayed(work: Settings, first: int | None) -> summary.Json:
    course = gather(work, say)
    start = first_of(work, first, len(course.names))
    gates = parse(read_own(work.root, "gates.yaml"))
    if contract(work).time is None:
        say("order     contract.yaml has no column tagged `time`: batches come in the order of their numbers")
    spent: list[float] = []

    def train() -> None:
        spent.append(_train(work.root))

    bench = Bench(work, course, gates, train, monitoring.load(work.root).live_loss)
    steps = list(replay(bench, start, len(course.names), say))
    say(f"trained   {len(spent)} models in {sum(spent):.0f} s; what was trained before came from DVC's cache")
    return summary.as_json(gates.metric, course.names[:start], steps)


def _train(root: Path) -> float:
    """Run the pipeline as far as the bundle; its stages' lines are the progress."""
    started = time.monotonic()
    if run([sys.executable, "-m", "dvc", "repro", "--quiet", "train"], root):
        raise MlopsError("The pipeline did not end; what stopped it stands above. There is no backtest without it.")
    return time.monotonic() - started
