"""What each environment should run by Git, and whether what answers there agrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.delivery.git import Git
from mlops.delivery.history import Standing, held, history, order_of
from mlops.delivery.records import Record
from mlops.delivery.release import held_words

Live = Callable[[str], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Row:
    """One environment: what Git names (`record`), since when and by whom (`since`), and what is wrong with it."""

    env: str
    record: Record | None
    since: Standing | None
    held: str = ""
    problem: str = ""
    live: Mapping[str, Any] | None = None
    disagrees: str = ""


def rows(git: Git, envs: Sequence[str], rev: str, live: Live | None = None) -> list[Row]:
    """Describe environments as of a commit.

    Args:
        git: The repository.
        envs: The environments.
        rev: The newest commit of the main branch.
        live: Asks an environment's server for `/version`; None where it does not answer.
    """
    return [_row(git, env, rev, live) for env in envs]


def _row(git: Git, env: str, rev: str, live: Live | None) -> Row:
    standings = history(git, env, rev)
    since = standings[0] if standings else None
    hold = held(standings, order_of(git, rev, standings))
    record = since.record if since else None
    answer, silence = _ask(live, env)
    return Row(
        env,
        record,
        since,
        held=held_words(env, standings, hold) if hold and not hold.by.problem else "",
        problem=since.problem if since else "",
        live=answer,
        disagrees=silence or (_difference(record, answer) if answer is not None else ""),
    )


def _ask(live: Live | None, env: str) -> tuple[Mapping[str, Any] | None, str]:
    if live is None:
        return None, ""
    try:
        return live(env), ""
    except MlopsError as error:
        return None, str(error)


def _difference(record: Record | None, answer: Mapping[str, Any]) -> str:
    if record is None:
        return "Git names no release, but a server answers."
    told = {"release": record.id, "identity": record.identity, "digest": record.image.digest, "commit": record.commit}
    wrong = [f"{key} {answer.get(key)!r} instead of {want!r}" for key, want in told.items() if answer.get(key) != want]
    return f"The server answers {', '.join(wrong)}." if wrong else ""
