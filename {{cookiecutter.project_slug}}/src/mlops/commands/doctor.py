"""`mlops doctor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlops.commands.words import say
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import doctor as words
from mlops.delivery import doctor_argocd, doctor_data, doctor_forge, doctor_git, doctor_registry
from mlops.delivery.doctor import Finding
from mlops.settings import Settings, find

STATE, TOPIC = 4, 24  # letters


def doctor() -> None:
    """Look at every setting that a release needs, and say which one to change.

    Raises:
        Refused: One is wrong.
    """
    settings = find()
    asked = parts(settings, os.environ)
    found: list[Finding] = []
    with ThreadPoolExecutor(len(asked)) as pool:
        for part in [pool.submit(part) for part in asked]:
            found += part.result()
            for finding in part.result():
                show(finding)
    say(words.count(found))
    if topics := words.wrong(found):
        raise Refused(f"Not ready: {', '.join(topics)}.")


def parts(settings: Settings, environ: Mapping[str, str]) -> list[Callable[[], list[Finding]]]:
    """List what to look at, in the order in which a new team meets it."""
    place = doctor_forge.where(settings, environ)
    remote = not isinstance(place, MlopsError)
    always: list[Callable[[], list[Finding]]] = [
        lambda: doctor_git.findings(settings),
        lambda: doctor_forge.findings(settings, place, environ),
        lambda: doctor_data.findings(settings, forge=remote),
    ]
    if settings.target == "local":
        return [*always, lambda: [local(Path(settings.root), forge=remote)]]
    return [*always, lambda: cluster(settings)]


def cluster(settings: Settings) -> list[Finding]:
    """Look at what the target `argocd` needs, one after the other: what they import must not be imported at once."""
    return [*doctor_registry.findings(settings), *doctor_argocd.findings(settings.slug)]


def local(root: Path, *, forge: bool) -> Finding:
    """Say where releases of the target `local` run."""
    where = "on a machine that can read the DVC remote's folder, by `mlops local up`"
    if not forge:
        return words.ok("target", f"'local': releases run {where}")
    return words.ok("target", f"'local': CI's releases run nowhere but {where}; a cluster: docs/guides/cluster.md")


def show(finding: Finding) -> None:
    """Print a finding, and under it what to change."""
    say(f"{finding.state:<{STATE}}{finding.topic:<{TOPIC}}{finding.says}")
    if finding.do:
        say(f"{'':<{STATE + TOPIC}}{finding.do}")
