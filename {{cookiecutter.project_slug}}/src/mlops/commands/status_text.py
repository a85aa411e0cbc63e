"""How `mlops status` speaks: a table for a person, lines for a log, a document for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops.delivery.status import Asked, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

INDENT = " " * 13
ASKED = {"argocd": "Argo CD was not asked", "pods": "Pods were not asked", "versions": "/version was not asked"}


def lines(asked: Asked) -> list[str]:
    """Write one line for each environment, and below it what is to be said of it."""
    found: list[str] = []
    for row in asked.rows:
        found.append("  ".join([f"{row.env:<11}", *(text for text in cells(row) if text)]))
        found.extend(f"{INDENT}{note}" for note in notes(row))
    return [*found, *remarks(asked)]


def table(asked: Asked) -> RenderableType:
    """Draw a table, and below it what is to be said of each environment."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    argocd = any(row.live.target == "argocd" for row in asked.rows)
    heads = ("Git names", "since", *(("Argo CD", "pods", "/version") if argocd else ("on this machine",)))
    for head in ("environment", *heads):
        drawn.add_column(head, overflow="fold")
    for row in asked.rows:
        colour = "red" if row.disagreements else "yellow" if row.live.unasked else "green"
        drawn.add_row(f"[{colour}]{escape(row.env)}[/]", *(escape(text) for text in cells(row, headed=True)))
    below = [
        Text(note if note.startswith(row.env) else f"{row.env}: {note}") for row in asked.rows for note in notes(row)
    ]
    return Group(drawn, *below, *(Text(remark) for remark in remarks(asked)))


def document(asked: Asked) -> dict[str, Any]:
    """Write all that is known as one JSON document."""
    return {
        "commit": asked.tip,
        "agrees": None if asked.unasked else _agrees(asked.rows),
        "unasked": asked.unasked,
        "environments": [_environment(row) for row in asked.rows],
    }


def cells(row: Row, *, headed: bool = False) -> list[str]:
    """Say in a few words what Git names, since when, and what was seen; each with its name where no head gives it."""
    where = (lambda _, text: text) if headed else (lambda head, text: f"{head} {text}" if text else "")
    first = [_release(row), where("since", _since(row))]
    if row.live.target == "local":
        return [*first, _answers(row) or "nothing runs here"]
    return [*first, where("Argo CD:", _argocd(row)), where("pods:", _pods(row)), where("/version:", _versions(row))]


def notes(row: Row) -> Iterator[str]:
    """Say what is held, what disagrees and why, and what nobody could be asked."""
    if row.named.held:
        yield row.named.held
    said: set[str] = set()
    for one in row.disagreements:
        since = f" Since {moment(one.since)}." if one.since else ""
        yield f"DISAGREES: {one.words}{since}"
        yield from (f"  because: {why}" for why in one.why if why not in said)
        said.update(one.why)
    for what, why in row.live.unasked.items():
        yield f"{ASKED.get(what, 'What ails the pods was not asked')}: {why}"


def remarks(asked: Asked) -> list[str]:
    """Say what holds for all environments."""
    return [f"What Git names is as of the last fetch: {asked.unasked}"] if asked.unasked else []


def moment(time: datetime) -> str:
    """Write a time as people here read it."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"


def _release(row: Row) -> str:
    record = row.named.record
    if record is None:
        return "an unreadable record" if row.named.problem else "no release"
    return f"{record.id} {record.identity[7:19]} (commit {record.commit[:10]})"


def _since(row: Row) -> str:
    since = row.named.since
    return f"{moment(since.date)} by {since.author}" if since else ""


def _argocd(row: Row) -> str:
    app = row.live.app
    if "argocd" in row.live.unasked:
        return "not asked"
    return f"{app.sync}, {app.health} ({app.revision[:10] or 'no commit'})" if app else "no application"


def _pods(row: Row) -> str:
    pods = row.live.pods
    if pods is None:
        return "not asked"
    digests = sorted({pod.digest[7:19] for pod in pods if pod.digest})
    ready = f"{sum(pod.ready for pod in pods)} of {len(pods)} ready"
    return ", ".join([ready, *digests]) if pods else "none"


def _versions(row: Row) -> str:
    if not row.live.versions:
        return "not asked" if {"pods", "versions"} & row.live.unasked.keys() else ""
    return ", ".join(
        sorted({str(answer["release"]) if answer else "no answer" for answer in row.live.versions.values()})
    )


def _answers(row: Row) -> str:
    answers = row.live.versions.items()
    return ", ".join(f"{where} answers {told['release'] if told else 'nothing'}" for where, told in answers)


def _agrees(rows: Sequence[Row]) -> bool | None:
    """Tell whether all agree; None where nobody knows."""
    if any(row.disagreements for row in rows):
        return False
    return None if any(row.live.unasked for row in rows) else True


def _environment(row: Row) -> dict[str, Any]:
    name, live = row.named, row.live
    return {
        "environment": row.env,
        "release": name.record.model_dump() if name.record else None,
        "since": name.since.date if name.since else None,
        "by": name.since.by if name.since else None,
        "held": name.held,
        "target": live.target,
        "argocd": asdict(live.app) if live.app else None,
        "applied": {"commit": live.applied.commit, "release": live.applied.record.id if live.applied.record else None}
        if live.applied
        else None,
        "pods": [asdict(pod) for pod in live.pods] if live.pods is not None else None,
        "versions": live.versions,
        "troubles": [asdict(trouble) for trouble in live.troubles],
        "disagreements": [asdict(one) for one in row.disagreements],
        "unasked": live.unasked,
    }
