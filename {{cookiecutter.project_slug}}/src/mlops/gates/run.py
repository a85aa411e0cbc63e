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
from mlops.gates.judge import Check, Judgement, Rows, as_json, judge
from mlops.gates.leak import check_leaks
from mlops.pipeline import dataset, prepare
from mlops.pipeline.params import Params
from mlops.pipeline.params import load as load_params
from mlops.pipeline.stage import write_json
from mlops.settings import Settings

REPORT = Path("reports") / "gate.json"


def run(settings: Settings, base_rev: str | None = None, env: str = "staging") -> dict[str, Any]:
    """Judge the project's bundle and write the report.

    Args:
        settings: the project, with an up-to-date `build/`.
        base_rev: the revision whose bar and champion count; default the main branch.
        env: the environment whose release is the champion.

    Returns:
        The report: `passed`, the champion's release, and a judgement for each bar.

    Raises:
        MlopsError: It could not be judged.
    """
    git = Git(settings.root)
    base = bases.read(git, base_rev or bases.default_rev(git, settings.remote, settings.branch))
    own = parse_gates(_read(settings.root / "gates.yaml"))
    params, agreed = load_params(settings.root), dataset.contract(settings)
    bases.check_question(base, params, agreed.target.name)
    champion = champions.fetch(settings, git, base.commit, env)
    rows = _rows(settings, agreed)
    common = (
        bases.check_batches(base.batches, _batches_here(settings.root)),
        check_leaks(agreed, load_task(settings.bundle / "task.json"), rows.train),
    )
    name = identity(settings.root)
    again = any(s.record is not None and s.record.identity == name for s in history(git, env, base.commit))
    bars = _bars(settings, base, own, params, rows)
    found = [judge(settings, bar, gates, held_out, champion) for bar, gates, held_out in bars]
    judgements = [replace(j, checks=(*common, *(returning(c) if again else c for c in j.checks))) for j in found]
    report = _report(settings, env, name, base, champion, judgements)
    write_json(settings.root / REPORT, report)
    return report


def _rows(settings: Settings, agreed: Contract) -> Rows:
    prepared = prepare.load(settings.root)
    return Rows(agreed, prepared.train, prepared.test, tuple(batch.sha256 for batch in prepared.batches))


def _bars(settings: Settings, base: Base, own: Gates, params: Params, rows: Rows) -> list[tuple[str, Gates, Rows]]:
    """Pair each bar with its rows; where a pull request moves the bar, both are applied and the stricter decides."""
    bars = [("gates.yaml of the base branch", base.gates or own, rows)]
    if base.gates is None:
        bars = [("gates.yaml of this branch, as the base has none yet", own, rows)]
    elif base.gates != own:
        bars.append(("gates.yaml as changed here", own, rows))
    if base.params is not None and bases.rows_differ(base.params, params):
        held_out = _base_rows(settings, base.params, rows)
        bars.append(("split settings of the base branch", base.gates or own, held_out))
    return bars


def _base_rows(settings: Settings, params: Params, ours: Rows) -> Rows:
    """Hold out what the base's settings hold out, less what this model was trained on."""
    test = prepare.divide(dataset.load(settings), params).test
    key = [prepare.BATCH, prepare.ROW]
    trained = ours.train.set_index(key).index
    kept = test[~test.set_index(key).index.isin(trained)].reset_index(drop=True)
    if len(kept) < 0.3 * len(test):
        raise MlopsError(
            f"params.yaml: the changed split trains on {len(test) - len(kept)} of the {len(test)} rows that the base "
            "branch holds out; too few are left to judge by. Keep the base's split, or have an owner merge this."
        )
    return replace(ours, test=kept)


def returning(check: Check) -> Check:
    """Report, but do not let block, the comparison of a model that stood here before: a revert must not be refused."""
    if check.gate != "champion" or check.outcome != "block":
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
        path.stem: bases.pointer_checksum(_read(path), path.name) for path in sorted((root / bases.RAW).glob("*.dvc"))
    }


def _read(path: Path) -> str:
    if not path.is_file():
        raise MlopsError(
            f"{path.name} is not there yet. Run `mlops contract infer FILE --target COLUMN` to propose one."
        )
    return path.read_text(encoding="utf-8")


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
