"""`mlops reproduce`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import yaml

from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.dvc import environment
from mlops.settings import find

LOCK = "dvc.lock"
REPORT = Path("reports") / "gate.json"  # mlops.gates.run names it too, and takes seconds to import.
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def reproduce(*, main: bool) -> None:
    """Run the pipeline without believing dvc.lock; its stages' output streams to the terminal or the log."""
    settings = find()
    if not (settings.root / "contract.yaml").is_file():
        raise MlopsError("No contract.yaml yet: `mlops contract infer FILE --target COLUMN` proposes one.")
    way = "retrain" if main and settings.main == "retrain" else "restore"
    say("Results of the same inputs are restored." if way == "restore" else "Nothing is restored: every stage runs.")
    # A verdict on what was there before would be shown as that on what comes.
    (settings.root / REPORT).unlink(missing_ok=True)
    with set_aside(settings.root / LOCK, settings.cache / "aside" / LOCK):
        code = run([sys.executable, "-m", "mlops.delivery.reproduction", way], settings.root)
        if code == Refused.exit_code:
            raise Refused("The pipeline refuses the data; why stands above.")
        if code:
            raise MlopsError("The pipeline did not end; what stopped it stands above.")


@contextmanager
def set_aside(path: Path, aside: Path) -> Iterator[None]:
    """Take a file away; it is back where the block does not end well. What it makes anew then goes."""
    # Left there by a process that was killed: nobody could put it back. What is whole by now was made since.
    if aside.is_file() and not _stages(aside) <= _stages(path):
        aside.replace(path)
        say(f"{path.name} is as it was before a run that was killed.")
    if path.is_file():
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, aside)
    path.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        if aside.is_file():
            aside.replace(path)
        raise
    aside.unlink(missing_ok=True)


def _stages(lock: Path) -> set[str]:
    try:
        return set((yaml.safe_load(lock.read_bytes()) or {}).get("stages") or {})
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return set()


def run(command: list[str], root: Path) -> int:
    """Run a command in a group of its own, which ends as a whole when this process is told to."""
    told: list[int] = []
    children: list[subprocess.Popen[bytes]] = []

    def stop(number: int, frame: FrameType | None) -> None:
        told.append(number)
        # Raised while the child is being made, it would leave nobody who knows the child.
        if children:
            raise SystemExit(128 + number)

    # What is ignored stays so: nohup means it.
    heard = [number for number in STOPS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        children += [
            subprocess.Popen(command, cwd=root, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True)
        ]
        if told:
            raise SystemExit(128 + told[0])
        return children[0].wait()
    except SystemExit:
        for number in STOPS:
            signal.signal(number, signal.SIG_IGN)
        with suppress(ProcessLookupError):
            os.killpg(children[0].pid, signal.SIGTERM)
        children[0].wait()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
