"""The anchor against slow decline: many small losses, each within the margin, must not add up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import FiniteFloat, TypeAdapter

from mlops.contract.errors import MlopsError
from mlops.delivery import champion as champions
from mlops.delivery.git import Git
from mlops.delivery.history import Standing, current, history
from mlops.delivery.layout import folder
from mlops.gates.bar import Gates
from mlops.gates.contest import champion_scores, comparable_rows, difference
from mlops.gates.match import Check, Match
from mlops.gates.rows import incumbent
from mlops.gates.verdict import Comparison
from mlops.settings import Settings

RELEASES = 12
TIMES = 2
GAIN = "gain"


@dataclass(frozen=True)
class Gain:
    """What a release won over the one before it, on the rows on which both were judged."""

    over: str
    metric: str
    difference: FiniteFloat


AS_GAIN = TypeAdapter(Gain)


def gain(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read out of a gate report what goes into the release's metrics.json.

    None for a first release, and where a person accepted a loss by an override: decline is counted anew from there.
    """
    first = report["judgements"][0]
    accepted = any(c["gate"] == "champion" and c["details"].get("overridden") for c in first["checks"])
    if first["comparison"] is None or accepted:
        return None
    return asdict(Gain(report["champion"]["id"], first["metric"], first["comparison"]["difference"]))


def gains(git: Git, standings: list[Standing]) -> dict[str, Gain]:
    """Read what each release won, by its id."""
    found: dict[str, Gain] = {}
    for standing in standings:
        if standing.record is None or standing.record.id in found:
            continue
        said = read_gain(git.show(standing.sha, f"{folder(standing.env)}/metrics.json"))
        if said is not None:
            found[standing.record.id] = said
    return found


def read_gain(text: bytes | None) -> Gain | None:
    """Read a metrics.json; one that an older or newer version wrote, or a person, ends the chain and stops nobody."""
    try:
        return None if text is None else AS_GAIN.validate_python(json.loads(text)[GAIN])
    except (ValueError, LookupError, TypeError):
        return None


def best(champion: str, won: Mapping[str, Gain], metric: str) -> str:
    """Find the best of the champion and the releases it descends from.

    Each link is a difference on rows that both models met, so that values of different test sets are never compared.

    Args:
        champion: id of the release that stands.
        won: what each release won over which.
        metric: links by another metric end the chain.

    Returns:
        The id of the best of at most 12 releases; the champion's own if none was better.
    """
    at, place, top, where = champion, 0.0, 0.0, champion
    for _ in range(RELEASES - 1):
        link = won.get(at)
        if link is None or link.metric != metric or link.over == at:
            break
        at, place = link.over, place - link.difference
        if place > top:
            top, where = place, at
    return where


def standing_of(git: Git, env: str, rev: str, metric: str) -> Standing | None:
    """Find where the best release stood; None where the champion itself is the best."""
    standings = history(git, env, rev)
    record = current(standings)
    if record is None:
        return None
    elsewhere = [] if env == "staging" else history(git, "staging", rev)
    name = best(record.id, gains(git, standings + elsewhere), metric)
    found = (s for s in [*standings, *elsewhere] if s.record is not None and s.record.id == name)
    return None if name == record.id else next(found, None)


def check_anchor(settings: Settings, git: Git, env: str, rev: str, gates: Gates, met: Match) -> Check:
    """Compare the challenger with the best of the last 12 releases, with twice the margin."""
    standing = standing_of(git, env, rev, gates.metric)
    if standing is None or standing.record is None:
        words = f"No release among the last {RELEASES} was better than the champion."
        return Check("anchor", "pass", words if met.champion else "There is no champion, and so nothing was lost yet.")
    name, margin = standing.record.id, TIMES * gates.margin
    try:
        found = _compared(settings, git, standing, gates.metric, margin, met)
    except MlopsError as error:
        return Check("anchor", "warn", f"The best of the last releases, {name}, cannot be compared: {error}")
    details = {"release": name, **asdict(found)}
    bounds = f"{gates.metric} {found.difference:+.4f} (90 % interval {found.low:+.4f} to {found.high:+.4f})"
    if found.answer == "worse":
        words = (
            f"Many small losses: {bounds} against {name}, the best of the last releases, beyond twice the margin, "
            f"{margin:g}. Each step was small; together they are not."
        )
        return Check("anchor", "block", words, details)
    if found.answer == "not worse":
        return Check("anchor", "pass", f"Not worse than {name}, the best of the last releases: {bounds}.", details)
    words = f"Cannot tell whether it is worse than {name}, the best of the last releases: {bounds}."
    return Check("anchor", gates.when_unsure, words, details)


def _compared(settings: Settings, git: Git, standing: Standing, metric: str, margin: float, met: Match) -> Comparison:
    fetched = champions.fetch(settings, git, standing.sha, standing.env)
    assert fetched is not None
    theirs = incumbent(settings, fetched)
    kept = comparable_rows(theirs, met.task, met.rows)
    at = kept.index.to_numpy()
    ours, groups = met.challenger.rows(at), None if met.groups is None else met.groups[at]
    scored = champion_scores(settings, theirs, met.task, kept, ours)
    return difference(metric, margin, ours, scored, groups)
