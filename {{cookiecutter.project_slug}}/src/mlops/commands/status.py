"""`mlops status`."""

from __future__ import annotations

import json as jsons
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from mlops.commands import status_text as texts
from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import live
from mlops.delivery.argocd import Argocd
from mlops.delivery.kube import Kube
from mlops.delivery.layout import environments
from mlops.delivery.status import Asked, named, rows
from mlops.delivery.trunk import trunk
from mlops.settings import Settings, find

EVERY = 2.0  # seconds between two looks of --watch


def status(*, watch: bool, json: bool) -> None:
    """Print what each environment should run and what runs; exit 1 where they disagree, 2 where nobody answered."""
    settings, kube = find(), cache(Kube)
    argocd = cache(lambda: Argocd(project=settings.slug))
    asked = follow(lambda: look(settings, argocd, kube), _shower(json, watch), _rest if watch else lambda: False)
    conclude(asked)


def look(settings: Settings, argocd: Callable[[], live.Applications], kube: Callable[[], live.Cluster]) -> Asked:
    """Ask Git, and then whatever the target of the project is."""
    line = trunk(settings)
    try:
        tip, unasked = line.tip(), ""
    except MlopsError as error:
        tip, unasked = line.known(), str(error)
    names = [named(line.git, env, tip) for env in environments(line.git, tip)]
    if settings.target == "local":
        lives = {name.env: live.on_this_machine(settings, name.env) for name in names}
    else:
        lives = {name.env: live.in_cluster(line.git, settings.slug, name.env, argocd, kube) for name in names}
    return Asked(tip, rows(names, lives), unasked)


def follow(look: Callable[[], Asked], show: Callable[[Asked], None], rest: Callable[[], bool]) -> Asked:
    """Look and show, again as long as `rest` says so and nobody interrupts; gives what was seen last."""
    asked = look()
    show(asked)
    with suppress(KeyboardInterrupt):
        while rest():
            asked = look()
            show(asked)
    return asked


def conclude(asked: Asked) -> None:
    """End as the answer is.

    Raises:
        Refused: Something disagrees.
        MlopsError: Somebody could not be asked.
    """
    wrong = [row.env for row in asked.rows if row.disagreements]
    silent = [row.env for row in asked.rows if row.live.unasked]
    if asked.unasked:
        raise MlopsError("What Git names could not be asked.")
    if wrong:
        raise Refused(f"Git and what runs disagree: {', '.join(wrong)}.")
    if silent:
        raise MlopsError(f"Not all could be asked: {', '.join(silent)}.")


def _rest() -> bool:
    time.sleep(EVERY)
    return True


def _shower(json: bool, watch: bool) -> Callable[[Asked], None]:
    if json:
        # Who watches gets a document a line.
        wide = None if watch else 2
        return lambda asked: say(jsons.dumps(texts.document(asked), indent=wide, default=lambda at: at.isoformat()))
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        return printer(say)

    def show(asked: Asked) -> None:
        drawn = texts.table(asked)
        if watch:
            console.clear()
        console.print(drawn)

    return show


def printer(say: Callable[[str], None]) -> Callable[[Asked], None]:
    """Print lines, and again only what is not as it was."""
    heard: list[str] = []

    def show(asked: Asked) -> None:
        told = texts.lines(asked)
        if told != heard:
            for line in told:
                say(line)
        heard[:] = told

    return show
