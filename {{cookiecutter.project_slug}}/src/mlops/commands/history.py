"""`mlops history`: a table on a terminal, a line for each change elsewhere, or JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from json import dumps

from mlops.commands.words import say
from mlops.delivery import events as read
from mlops.delivery.events import Event
from mlops.delivery.layout import require_environment
from mlops.delivery.trunk import trunk
from mlops.settings import find

COLUMNS = ("when", "release", "what", "metric", "who", "commit", "rolled back by")


def history(env: str, *, json: bool) -> None:
    """Print what stood in an environment."""
    line = trunk(find())
    tip = line.tip()
    require_environment(line.git, tip, env)
    found = read.read(line.git, env, tip)
    if json:
        say(dumps([read.as_json(event) for event in found], indent=2, ensure_ascii=False))
    elif not found:
        say(f"{env} has had no release yet.")
    else:
        show(found)


def show(events: Sequence[Event]) -> None:
    """Print what happened in an environment, newest first."""
    if sys.stdout.isatty():
        table(events)
        return
    for event in events:
        say("  ".join(filter(None, cells(event))))


def cells(event: Event) -> tuple[str, ...]:
    """Give the texts of a change, one a column."""
    standing, by = event.standing, event.undone
    return (
        f"{standing.date:%Y-%m-%d %H:%M}",
        standing.record.id if standing.record else "-",
        event.words,
        f"{event.metric[0]} {event.metric[1]:.4f}" if event.metric else "",
        standing.author,
        standing.sha[:10],
        f"rolled back by {by.author} {by.sha[:10]}" if by else "",
    )


def table(events: Sequence[Event]) -> None:
    """Print it as a table, as wide as the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in COLUMNS:
        table.add_column(name, overflow="fold", no_wrap=name in ("when", "release", "commit"))
    for event in events:
        # What somebody wrote into a commit is text, not markup.
        table.add_row(*(Text(text.removeprefix("rolled back by ")) for text in cells(event)))
    Console().print(table)
