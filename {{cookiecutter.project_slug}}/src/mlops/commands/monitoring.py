"""`mlops monitoring`: a profile of a file, and a file judged by a profile."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.contract.model import Contract
from mlops.contract.task import load_task
from mlops.data.sample import spread
from mlops.data.table import read_raw, to_json
from mlops.monitoring import reference, window
from mlops.monitoring.judge import LEAST_ROWS, Counts, Finding, judge
from mlops.monitoring.judge_words import numbers, sentence, too_few
from mlops.monitoring.table import belongs, by_contract, by_looks, by_profile
from mlops.pipeline.dataset import contract
from mlops.pipeline.params import Monitoring
from mlops.pipeline.params import load as load_params
from mlops.serving.profile import NAME, Profile, load_profile
from mlops.settings import Settings, find


def profile(file: Path, out: Path) -> None:
    """Write the reference profile of a file."""
    settings, frame = _project(), read_raw(file)
    agreed = _contract(settings)
    asked = Monitoring()
    few = spread(frame, reference.ROWS)
    if settings is not None and agreed is not None and belongs(frame, agreed):
        rows, how = by_contract(few, agreed, file.name), f"as contract.yaml {agreed.version} says"
        if (settings.root / "params.yaml").is_file():
            asked = load_params(settings.root).monitoring
    else:
        rows, agreed = by_looks(few, file.name)
        how = "each column as its values look"
    made = reference.of_rows(rows, agreed, slices=asked.slices, bins=asked.bins)
    try:
        made.dump(out)
    except OSError as error:
        raise MlopsError(f"{str(out)!r} cannot be written: {error.strerror}. Name another file with --out.") from error
    say(f"{out}: {_many(len(made.monitored), 'column')} of {file.name}, {_many(made.rows, 'row')}, read {how}.")


def check(file: Path, by: Path | None, *, as_json: bool, predictions: bool) -> None:
    """Judge a file by a profile; exit 1 if a column has drifted."""
    settings = _project()
    known = load_profile(by or _default(settings))
    frame, agreed = read_raw(file), _contract(settings)
    columns = by_profile(frame, known, agreed, file.name)
    scores = _predicted(settings, agreed, frame, file) if predictions else None
    counts = window.count(known, columns, scores)
    findings = judge(known, counts)
    drifted = [finding for finding in findings if finding.drifted]
    for line in report(file.name, len(frame), known, findings, counts):
        say(line)
    names = list(dict.fromkeys(finding.column for finding in drifted))
    if as_json:
        say(json.dumps({"drifted": names}))
    if names:
        raise SystemExit(1)


def report(file: str, rows: int, known: Profile, findings: list[Finding], counts: Counts) -> list[str]:
    """Say what was found: drifted columns, each with its rules, or that there are none, and why."""
    when = f", {known.start} to {known.end}" if known.start else ""
    lines = [f"{file}: {_many(rows, 'row')}, judged by a reference of {_many(known.rows, 'row')}{when}."]
    if rows < LEAST_ROWS:
        return [*lines, too_few(rows)]
    drifted = [finding for finding in findings if finding.drifted]
    for finding in drifted:
        key = (finding.kind, finding.slice, finding.column)
        where = f" where {finding.slice}" if finding.slice else ""
        lines.append(f"drifted: {finding.column!r}{where}, {finding.rule}: {sentence(finding, known, counts[key])}.")
        lines.append(f"  {numbers(finding)}.")
    few = dict.fromkeys(f.column for f in findings if not f.slice and 0 < f.rows < LEAST_ROWS)
    if few:
        lines.append(f"Fewer than {LEAST_ROWS} values, which cannot show how they spread: {', '.join(map(repr, few))}.")
    judged = len(dict.fromkeys((finding.kind, finding.column) for finding in findings))
    count = len(dict.fromkeys((finding.kind, finding.column) for finding in drifted))
    return [*lines, f"{count or 'None'} of {_many(judged, 'column')} {'has' if count < 2 else 'have'} drifted."]


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _project() -> Settings | None:
    try:
        return find()
    except MlopsError as error:
        if "is not inside a project" in str(error):
            return None
        raise


def _default(settings: Settings | None) -> Path:
    if settings is None:
        raise MlopsError("there is no project here whose profile could be taken. Name one with --profile.")
    return settings.bundle / NAME


def _contract(settings: Settings | None) -> Contract | None:
    return contract(settings) if settings and (settings.root / "contract.yaml").is_file() else None


def _predicted(settings: Settings | None, agreed: Contract | None, frame: pd.DataFrame, file: Path) -> window.Array:
    if settings is None or agreed is None or not (settings.bundle / "task.json").is_file():
        raise MlopsError("--predictions needs the model of a project, and there is none. Run `dvc repro` in one.")
    rows = by_contract(frame, agreed, file.name)
    from mlops.pipeline.served import serve  # takes a second, and only this needs it

    task = load_task(settings.bundle / "task.json")
    return window.predictions(task, serve(settings, to_json(rows, agreed), len(rows)))
