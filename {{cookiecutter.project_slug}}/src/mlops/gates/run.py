"""`mlops gate`: read the bar, fetch the champion, judge, and write what was found to reports/gate.json."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import load_task
from mlops.delivery import champion as champions
from mlops.delivery.champion import Champion
from mlops.delivery.git import Git
from mlops.delivery.history import history
from mlops.delivery.image import identity
from mlops.gates import base as bases
from mlops.gates.bar import Gates
from mlops.gates.bar import parse as parse_gates
from mlops.gates.base import Base
from mlops.gates.judge import Judgement, Rows, as_json, judge
from mlops.gates.leak import check_leaks
from mlops.gates.match import Check
from mlops.gates.rows import ENOUGH, keys
from mlops.pipeline import dataset, prepare
from mlops.pipeline.params import Params
from mlops.pipeline.params import load as load_params
from mlops.pipeline.stage import write_json
from mlops.pipeline.texts import decode, read_own
from mlops.settings import Settings

REPORT = Path("reports") / "gate.json"


def run(
    settings: Settings, base_rev: str | None = None, env: str = "staging", champion_rev: str | None = None
) -> dict[str, Any]:
    """Judge the project's bundle and write the report.

    Args:
        settings: the project, with an up-to-date `build/`.
        base_rev: the revision whose bar counts; default the main branch.
        env: the environment whose release is the champion.
        champion_rev: the revision at which it is; default the base.

    Returns:
        The report: `passed`, the champion's release, and a judgement for each bar.

    Raises:
        MlopsError: It could not be judged.
    """
    git = Git(settings.root)
    base = bases.read(git, base_rev or bases.default_rev(git, settings.remote, settings.branch))
    bases.require_up_to_date(git, base.commit)
    own = parse_gates(read_own(settings.root, "gates.yaml"))
    params, agreed = load_params(settings.root), dataset.contract(settings)
    bases.check_question(base, params, agreed.target.name)
    standing_at = git.rev_parse(champion_rev or base.commit)
    champion = champions.fetch(settings, git, standing_at, env)
    rows = _rows(settings, agreed)
    task = load_task(settings.bundle / "task.json")
    read = {batch.name for batch in task.batches}
    common = (
        bases.check_batches(base.batches, _batches_here(settings.root), read),
        check_leaks(agreed, task, rows.train),
    )
    name = identity(settings.root)
    again = any(s.record is not None and s.record.identity == name for s in history(git, env, standing_at))
    decide = judge_again if again else judge
    bars = _bars(settings, base, own, params, rows)
    found = [decide(settings, bar, gates, held_out, champion) for bar, gates, held_out in bars]
    judgements = [replace(j, checks=tuple(returning(c) if again else c for c in (*common, *j.checks))) for j in found]
    report = _report(settings, env, name, base, champion, judgements)
    write_json(settings.root / REPORT, report)
    return report


def _rows(settings: Settings, agreed: Contract) -> Rows:
    prepared = prepare.load(settings.root)
    return Rows(agreed, prepared.train, prepared.test)


def _bars(settings: Settings, base: Base, own: Gates, params: Params, rows: Rows) -> list[tuple[str, Gates, Rows]]:
    """Pair each bar with its rows; where a pull request moves the bar, both are applied and the stricter decides."""
    bars = [("gates.yaml of the base branch", base.gates or own, rows)]
    if base.gates is None:
        bars = [("gates.yaml of this branch, as the base has none yet", own, rows)]
    elif base.gates != own:
        bars.append(("gates.yaml as changed here", own, rows))
    if base.params is not None and base.contract is not None and bases.rows_differ(base, params, rows.agreed):
        held_out = _base_rows(settings, base.contract, base.params, rows)
        bars += [(f"{name}, on the rows that the base branch holds out", gates, held_out) for name, gates, _ in bars]
    return bars


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


def judge_again(settings: Settings, bar: str, gates: Gates, rows: Rows, champion: Champion | None) -> Judgement:
    """Judge a model that stood here before; that it cannot be compared with its successor does not matter."""
    try:
        return judge(settings, bar, gates, rows, champion)
    except MlopsError as error:
        alone = judge(settings, bar, gates, rows, None)
        unknown = Check("champion", "block", f"It cannot be compared: {error}")
        return replace(alone, checks=(*(c for c in alone.checks if c.gate != "champion"), unknown))


def returning(check: Check) -> Check:
    """Report, but do not let block, what a model that stood here before is compared with: a revert is not refused."""
    if check.gate not in ("champion", "data") or check.outcome != "block":
        return check
    return replace(check, outcome="warn", words=f"{check.words} It stood here before, so this does not block.")


def _report(
    settings: Settings, env: str, name: str, base: Base, champion: Champion | None, judgements: list[Judgement]
) -> dict[str, Any]:
    return {
        "passed": all(judgement.passed for judgement in judgements),
        "identity": name,
        "env": env,
        "base": base.commit,
        "champion": None if champion is None else champion.record.model_dump(),
        "batches": [asdict(batch) for batch in load_task(settings.bundle / "task.json").batches],
        "judgements": [as_json(judgement) for judgement in judgements],
    }


def _batches_here(root: Path) -> dict[str, str]:
    return {
        path.stem: bases.pointer_checksum(decode(path.read_bytes(), path.name), path.name)
        for path in sorted((root / bases.RAW).glob("*.dvc"))
    }


def last(root: Path) -> dict[str, Any]:
    """Read the last report.

    Raises:
        MlopsError: The gate has not run.
    """
    path = root / REPORT
    if not path.is_file():
        raise MlopsError("reports/gate.json is not there. Run `mlops gate`.")
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return report
