"""A readable log of what was done and seen, with seconds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from forge.forge_api import Run

TELLING = re.compile(
    r"(mlops|retrain|nothing|proposed|train|validate|prepare|evaluate|gate|image|data|NO|changes|Released|Rolled|staging)\b"
)


@dataclass
class Story:
    """What happens, step by step; it reaches the file at once."""

    file: TextIO
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Tell a step, and how long it took."""
        before = time.monotonic()
        self._tell(f"\n{before - self.began:7.1f} s  {what}")
        try:
            yield
        except BaseException as error:
            self.note(f"FAILED: {error}")
            raise
        self._tell(f"           took {time.monotonic() - before:.0f} s")

    def note(self, text: str) -> None:
        """Quote something below a step."""
        self._tell("\n".join(f"           | {line}" for line in text.strip().splitlines()))

    def ran(self, run: Run) -> None:
        """Tell how the jobs of a run ended."""
        ends = [f"{name} {end} {run.seconds.get(name, 0):.0f} s" for name, end in run.results.items()]
        self.note(f"{run.document['path']} on {run.document['event']}: {', '.join(ends)}")

    def told(self, run: Run, job: str) -> None:
        """Quote the telling lines of a job's log."""
        lines = [line[:200] for line in run.log(job).splitlines() if TELLING.match(line)]
        self.note("\n".join(lines) or "(nothing)")

    def _tell(self, text: str) -> None:
        print(text, file=self.file, flush=True)
