"""`mlops gate`: read the bar, fetch the champion, judge, and write what was found to reports/gate.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import load_task
from mlops.contract.text import decode
from mlops.delivery import champion as champions
from mlops.delivery.champion import Champion
from mlops.delivery.git import Git
from mlops.delivery.history import history
from mlops.delivery.image import identity
from mlops.delivery.layout import require_environment
from mlops.delivery.records import Record
from mlops.gates import base as bases
from mlops.gates import changes, panel, policy
from mlops.gates.bar import parse as parse_gates
from mlops.gates.base import Base
from mlops.gates.contest import Rows, contest
from mlops.gates.judge import Judgement, as_json, judge
from mlops.gates.leak import check_leaks
from mlops.gates.match import Check, Match
from mlops.pipeline import dataset, prepare
from mlops.pipeline.params import load as load_params
from mlops.pipeline.stage import write_json
from mlops.pipeline.texts import read_own
from mlops.settings import Settings

REPORT = Path("reports") / "gate.json"
# What a model is compared with; one that stood here before is not refused for it.
RELATIVE = frozenset({"data", "champion", "anchor", "slices", "fairness", "calibration", "speed"})


def run(
    settings: Settings,
    base_rev: str | None = None,
    env: str = "staging",
    champion_rev: str | None = None,
    today: date | None = None,
) -> dict[str, Any]:
    """Judge the project's bundle and write the report.

    Args:
        settings: the project, with an up-to-date `build/`.
        base_rev: the revision whose bar counts; default the main branch.
        env: the environment whose release is the champion.
        champion_rev: the revision at which it is; default the base.
        today: the UTC day on which overrides must still hold; default now.

    Returns:
        The report: `passed`, the champion's release, a judgement for each bar, and what the pull request changes.

    Raises:
        MlopsError: It could not be judged.
    """
    git, day = Git(settings.root), today or datetime.now(UTC).date()
    base = bases.read(git, base_rev or bases.default_rev(git, settings.remote, settings.branch))
    bases.require_up_to_date(git, base.commit)
    params, agreed = load_params(settings.root), dataset.contract(settings)
    bases.check_question(base, params, agreed.target.name)
    standing_at = git.rev_parse(champion_rev or base.commit)
    # A promotion is judged at the release's own commit, and the environment may have come later.
    require_environment(git, standing_at if champion_rev else "HEAD", env)
    champion = champions.fetch(settings, git, standing_at, env)
    rows, name = _rows(settings, agreed), identity(settings)
    records = [s.record for s in reversed(history(git, env, standing_at)) if s.record is not None]
    again = any(record.identity == name for record in records)
    bars = panel.bars(settings, base, parse_gates(read_own(settings.root, "gates.yaml")), params, rows)
    excused = again or policy.forgives(bars[0].gates, "champion", day)
    common = _common(settings, base, agreed, rows)
    # Bars share rows, and both models are scored once on them.
    met = cache(lambda number: _contest(settings, bars[number].rows, champion, excused))
    place = panel.Place(settings, git, env, standing_at, champion)
    judgements = []
    for bar in bars:
        scored = met(next(n for n, other in enumerate(bars) if other.rows is bar.rows))
        match = panel.seen_by(place, bar, scored)
        found = judge(bar, match, common, panel.questions(place, bar, match), day)
        judgements.append(replace(found, checks=tuple(map(returning, found.checks))) if again else found)
    report = {
        **_report(place, name, base, judgements),
        "trend": _trend(records, bars[0].gates.metric),
        "overrides": policy.overrides(bars[0].gates, day),
        "curves": panel.curves_of(met(0)),
    }
    write_json(settings.root / REPORT, report)
    return report


def _rows(settings: Settings, agreed: Contract) -> Rows:
    prepared = prepare.load(settings.root)
    return Rows(agreed, prepared.train, prepared.test)


def _common(settings: Settings, base: Base, agreed: Contract, rows: Rows) -> tuple[Check, ...]:
    task = load_task(settings.bundle / "task.json")
    read = {batch.name for batch in task.batches}
    data = bases.check_batches(base.batches, _batches_here(settings.root), read)
    return data, check_leaks(agreed, task, rows.train, base.contract)


def _contest(settings: Settings, rows: Rows, champion: Champion | None, excused: bool) -> Match:
    """Score both; where it is excused that they cannot be compared, the challenger alone."""
    try:
        return contest(settings, rows, champion)
    except MlopsError as error:
        if not excused or champion is None:
            raise
        return replace(contest(settings, rows, None), problem=str(error))


def returning(check: Check) -> Check:
    """Report, but do not let block, what a model that stood here before is compared with: a revert is not refused."""
    if check.gate not in RELATIVE or check.outcome != "block":
        return check
    return replace(check, outcome="warn", words=f"{check.words} It stood here before, so this does not block.")


def _report(place: panel.Place, name: str, base: Base, judgements: list[Judgement]) -> dict[str, Any]:
    settings, champion = place.settings, place.champion
    return {
        "passed": all(judgement.passed for judgement in judgements),
        "identity": name,
        "env": place.env,
        "base": base.commit,
        "champion": None if champion is None else champion.record.model_dump(),
        "batches": [asdict(batch) for batch in load_task(settings.bundle / "task.json").batches],
        "judgements": [as_json(judgement) for judgement in judgements],
        "changes": _changes(settings.root, place.git, base),
    }


def _changes(root: Path, git: Git, base: Base) -> dict[str, list[str]]:
    files = {name: git.show(base.commit, f"{name}.yaml") for name in ("contract", "params", "gates")}
    changed = {
        name: changes.of_files(f"{name}.yaml", text, (root / f"{name}.yaml").read_bytes())
        for name, text in files.items()
    }
    return {"data": changes.of_batches(base.batches, _batches_here(root)), **changed}


def _trend(records: Iterable[Record], metric: str) -> list[dict[str, Any]]:
    """List the deciding metric of what stood, oldest first; each on the rows held out at its time."""
    return [{"id": r.id, "value": r.metrics[metric]} for r in records if metric in r.metrics]


def _batches_here(root: Path) -> dict[str, str]:
    return {
        path.stem: bases.pointer_checksum(decode(path.read_bytes(), path.name), path.name)
        for path in sorted((root / bases.RAW).glob("*.dvc"))
    }


def last(root: Path) -> dict[str, Any]:
    """Read the last report.

    Raises:
        MlopsError: The gate has not run, or another version of it.
    """
    path = root / REPORT
    if not path.is_file():
        raise MlopsError("reports/gate.json is not there. Run `mlops gate`.")
    try:
        report: dict[str, Any] = json.loads(path.read_bytes())
        known = {"env", "identity", "base", "champion", "judgements", "overrides"} <= report.keys()
    except (ValueError, AttributeError):
        known = False
    if not known:
        raise MlopsError("reports/gate.json is not what this version of the gate writes. Run `mlops gate` again.")
    return report
