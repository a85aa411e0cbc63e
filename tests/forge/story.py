"""A readable log of what was done and seen, with seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from forge.forge_api import Run


@dataclass
class Story:
    """What happens, step by step; it reaches the file at once."""

    file: TextIO
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Tell a step, when it ends."""
        before = time.monotonic()
        try:
            yield
        except BaseException as error:
            self._tell(f"{self._now()} FAILED {what}")
            self.note(str(error))
            raise
        self._tell(f"{self._now()} {what} ({time.monotonic() - before:.0f} s)")

    def note(self, text: str) -> None:
        """Quote something below a step."""
        self._tell("\n".join(f"             | {line}" for line in text.strip().splitlines()))

    def ran(self, run: Run) -> None:
        """Tell how the jobs of a run ended."""
        ends = [f"{name} {end} {run.seconds.get(name, 0):.0f} s" for name, end in run.results.items()]
        self.note(f"{run.document['path']} on {run.document['event']}: {', '.join(ends)}")

    def _now(self) -> str:
        return f"{time.monotonic() - self.began:8.1f} s"

    def _tell(self, text: str) -> None:
        print(text, file=self.file, flush=True)
