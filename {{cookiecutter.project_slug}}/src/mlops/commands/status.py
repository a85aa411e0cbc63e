"""`mlops status`."""

from __future__ import annotations

from mlops.commands.words import say
from mlops.contract.errors import Refused
from mlops.delivery import local
from mlops.delivery import status as statuses
from mlops.delivery.layout import environments
from mlops.delivery.trunk import trunk
from mlops.settings import find


def status(*, watch: bool, json: bool) -> None:
    """Print what each environment should run and what answers; exit 1 where they disagree."""
    settings = find()
    line = trunk(settings)
    tip = line.tip()
    rows = statuses.rows(line.git, environments(line.git, tip), tip, lambda env: local.live(settings, env))
    for row in rows:
        say(f"{row.env:<12} {_named(row):<40} {_answers(row)}")
        for trouble in filter(None, (row.held, row.problem, row.disagrees)):
            say(f"{'':<12} {trouble}")
    if any(row.disagrees or row.problem for row in rows):
        raise Refused("Git and what runs disagree.")


def _named(row: statuses.Row) -> str:
    return (
        f"{row.record.id} {row.record.identity[7:19]} (commit {row.record.commit[:10]})" if row.record else "no release"
    )


def _answers(row: statuses.Row) -> str:
    return "nothing runs here" if row.live is None else f"answers {row.live.get('release')}"
