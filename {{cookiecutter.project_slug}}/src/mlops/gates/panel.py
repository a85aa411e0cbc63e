"""Which bars a pull request is judged by, and which gates each asks, in their order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pandas as pd

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.delivery.champion import Champion
from mlops.delivery.git import Git
from mlops.environment import serving_python
from mlops.gates import base as bases
from mlops.gates import tags
from mlops.gates.anchor import check_anchor
from mlops.gates.bar import Gates
from mlops.gates.base import Base
from mlops.gates.behaviour import check_behaviour
from mlops.gates.calibration import check_calibration
from mlops.gates.contest import Rows
from mlops.gates.cost import Served, check_size, check_speed
from mlops.gates.fairness import check_fairness
from mlops.gates.judge import Bar
from mlops.gates.match import Match, Question
from mlops.gates.rows import ENOUGH, keys, measured_on
from mlops.gates.slices import check_slices
from mlops.pipeline import dataset, prepare
from mlops.pipeline.curves import curves
from mlops.pipeline.params import Params
from mlops.pipeline.served import serve
from mlops.settings import Settings


@dataclass(frozen=True)
class Place:
    """Where a model would go: `rev` is the commit at which `champion` stands in `env`."""

    settings: Settings
    git: Git
    env: str
    rev: str
    champion: Champion | None


def bars(settings: Settings, base: Base, own: Gates, params: Params, rows: Rows) -> list[Bar]:
    """List the bars, the base branch's first; where a pull request moves it, both apply and the stricter decides."""
    if base.gates is None:
        return [Bar("gates.yaml of this branch, as the base has none yet", own, rows, rows.agreed)]
    found = [Bar("gates.yaml of the base branch", base.gates, rows, base.contract or rows.agreed)]
    if base.contract is not None and tags.differ(base.contract, rows.agreed):
        found.append(Bar("gates.yaml and the tags of contract.yaml as changed here", own, rows, rows.agreed))
    elif base.gates != own:
        found.append(Bar("gates.yaml as changed here", own, rows, rows.agreed))
    if base.params is not None and base.contract is not None and bases.rows_differ(base, params, rows.agreed):
        held_out = _base_rows(settings, base.contract, base.params, rows)
        found += [
            replace(bar, name=f"{bar.name}, on the rows that the base branch holds out", rows=held_out) for bar in found
        ]
    return found


def _base_rows(settings: Settings, contract: Contract, params: Params, ours: Rows) -> Rows:
    """Hold out what the base's contract and settings hold out, less what this model was trained on."""
    test = keys(prepare.divide(dataset.load(settings, contract), params).test)
    mine = prepare.labelled(dataset.load(settings))
    kept = mine[keys(mine).isin(test.difference(keys(ours.train)))].reset_index(drop=True)
    if len(kept) < ENOUGH * len(test):
        raise MlopsError(
            f"params.yaml or contract.yaml: the changed split trains on {len(test) - len(kept)} of the {len(test)} "
            "rows that the base branch holds out; too few are left to judge by. Keep the base's split, or have an "
            "owner merge this."
        )
    return replace(ours, test=kept)


def questions(place: Place, bar: Bar, match: Match) -> dict[str, Question]:
    """Name the gates beyond skill and comparison; a gate that is off is never asked."""
    gates, settings = bar.gates, place.settings
    bundle = None if place.champion is None else place.champion.bundle
    return {
        "anchor": lambda: check_anchor(settings, place.git, place.env, place.rev, gates, match),
        "slices": lambda: check_slices(match, gates),
        "fairness": lambda: check_fairness(match, gates, bar.tagging.fairness),
        "calibration": lambda: check_calibration(match, gates),
        "behaviour": lambda: check_behaviour(match, gates, lambda raw, n: serve(settings, raw, n)),
        "size": lambda: check_size(settings.bundle, bundle, gates),
        "speed": lambda: check_speed(_ours(settings, match), _theirs(place, match), gates),
    }


def _ours(settings: Settings, match: Match) -> Served:
    python = serving_python(settings.root / "requirements" / "serve.txt", settings.cache / "envs")
    return Served(settings.bundle, settings.root / "src", python, match.sample)


def _theirs(place: Place, match: Match) -> Served | None:
    if place.champion is None or match.champion_sample is None:
        return None
    python = serving_python(place.champion.requirements, place.settings.cache / "envs")
    return Served(place.champion.bundle, place.champion.source, python, match.champion_sample)


def seen_by(place: Place, bar: Bar, match: Match) -> Match:
    """Give a match the columns by which a bar wants its rows judged, and the limits within which it tries values."""
    read = cache(lambda contract: dataset.load(place.settings, contract))
    slices, protected, group = (
        tags.tagged(role, bar.tagging, match.agreed, match.rows, read) for role in ("slice", "protected", "group")
    )
    groups = dataset.entities(bar.tagging, pd.DataFrame(group)) if group else None
    agreed = tags.limited(match.agreed, bar.tagging)
    before = measured_on(place.git, place.env, place.rev)
    return replace(match, agreed=agreed, groups=groups, slices=slices, protected=protected, measured_on=before)


def curves_of(match: Match) -> dict[str, Any]:
    """Compute what the report's plots show, of both models."""
    theirs = match.champion and curves(match.champion, match.task.classes)
    return {"challenger": curves(match.challenger, match.task.classes), "champion": theirs}
