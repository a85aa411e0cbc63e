"""`mlops gate` and `mlops report`."""

from __future__ import annotations

from mlops.commands.words import say
from mlops.contract.errors import Refused
from mlops.delivery.dvc import Dvc
from mlops.gates import report as reports
from mlops.gates import run as gates
from mlops.pipeline.dataset import contract
from mlops.settings import find


def gate(base: str | None, env: str) -> None:
    """Judge and print; exit 1 if the model is refused."""
    settings = find()
    contract(settings)
    Dvc(settings.root).require_reproduced()
    found = gates.run(settings, base, env)
    say(reports.text(found))
    if not found["passed"]:
        raise Refused("the model is refused. What would pass stands in gates.yaml of the base branch.")


def report() -> None:
    """Print the last judgement."""
    say(reports.text(gates.last(find().root)))
