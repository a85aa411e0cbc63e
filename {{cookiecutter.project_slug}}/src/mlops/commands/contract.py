"""`mlops contract`: propose a contract, judge a file by it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.contract.model import Contract
from mlops.data import check as checks
from mlops.data import table
from mlops.data.violation import Violation
from mlops.data.young import settled
from mlops.pipeline.dataset import contract
from mlops.pipeline.params import load as load_params
from mlops.settings import Settings, find

FILES = ("contract.yaml", "params.yaml", "gates.yaml")


def infer(file: Path, target: str, *, force: bool, **hints: Any) -> None:
    """Write the three proposed files and print what was decided."""
    from mlops.data.infer import infer as propose

    settings = find()
    there = [name for name in FILES if (settings.root / name).exists()]
    if there and not force:
        raise MlopsError(
            f"{', '.join(there)} exist. Run again with --force to overwrite them; what is committed stays in Git."
        )
    proposal = propose(file, target, name=settings.slug, **hints)
    texts = (proposal.contract_yaml, proposal.params_yaml, proposal.gates_yaml)
    for name, text in zip(FILES, texts, strict=True):
        (settings.root / name).write_text(text, encoding="utf-8")
    for line in proposal.decisions:
        say(f"- {line}")
    say(f"Wrote {', '.join(FILES)}. Read them, change what is wrong, then: mlops data add {shlex.quote(str(file))}")


def check(file: Path) -> None:
    """Print what in a file breaks the contract; exit 1 if anything of severity `error` does."""
    settings = find()
    agreed = contract(settings)
    require_kept(settings, agreed, table.read_raw(file), file.name)
    say(f"{file.name} keeps contract.yaml {agreed.version}.")


def require_kept(settings: Settings, agreed: Contract, frame: pd.DataFrame, file: str) -> None:
    """Print what in a table breaks the contract.

    Raises:
        Refused: Something of severity `error` does.
    """
    # A contract may be there before its parameters.
    delay = load_params(settings.root).label_delay if (settings.root / "params.yaml").is_file() else "0d"
    violations: list[Violation] = checks.check(settled(frame, agreed, delay), agreed, file)
    for violation in violations:
        print(f"{violation.severity}: {violation}", file=sys.stderr)
    errors = sum(violation.severity == "error" for violation in violations)
    if errors:
        raise Refused(f"{file} breaks contract.yaml in {errors} place{'s' * (errors != 1)}, listed above.")
