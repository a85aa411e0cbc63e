"""Does the gate stop a worse model, and let an equal one pass? Asked of a table of one's own, or of the flights.

Bakes a project, releases a first model, and tries pull requests against it, each a mistake in the user's own files:
half of one group's rows lost, a third of the labels wrong, the most important column gone, only the oldest rows used.
Two others only refit. Prints what the gate says to each, the difference of the metric, and the loss that the rows could
show; ends with 1 where a refit is blocked, or where a loss beyond the margin is neither blocked nor called uncertain.

    python benchmarks/degraded.py titanic.csv --target survived --protected gender --lose gender
    python benchmarks/degraded.py flights --lose carrier=UA
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import numpy as np
import yaml
from baking import bake
from living import LivingProject, living

from mlops.data.table import read_raw

ANSWERS = {"python_version": f"{sys.version_info.major}.{sys.version_info.minor}"}
CARELESS = '''

class Careless(BaseEstimator):
    """Fits on other rows or labels than it is given, and gives back what was fitted."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def fit(self, frame: Any, truth: Any) -> Any:
        import numpy as np

        random, rows, truth = np.random.default_rng(1), np.arange(len(truth)), np.array(truth)
        {mistake}
        return self.inner.fit(frame.iloc[rows], truth[rows])


_careful = build


def build(task: str, **params: Any) -> BaseEstimator:
    """Build the estimator and let it be careless."""
    return Careless(_careful(task, **params))
'''
GONE = '''

_whole = features


def features(columns: Columns) -> Columns:
    """Forget some columns."""
    kept = dict(columns)
    for name in {columns!r}:
        there = kept[name]
        blank = np.full(there.shape, "" if there.dtype == object else np.nan if there.dtype.kind == "f" else "NaT")
        kept[name] = blank.astype(there.dtype)
    return {{name: values for name, values in _whole(kept).items() if name not in {columns!r}}}
'''
MISTAKES = {
    "an equal refit, other rows": "rows = np.sort(random.permutation(rows)[: int(0.97 * len(rows))])",
    "half of {group} lost": (
        "there = np.flatnonzero({mask})\n"
        "        rows = np.setdiff1d(rows, random.permutation(there)[: len(there) // 2])"
    ),
    "the upper half of {group} lost": (
        "there = np.flatnonzero({mask})\n"
        "        high = there[np.argsort(truth[there], kind='stable')][len(there) // 2 :]\n"
        "        rows = np.setdiff1d(rows, high)"
    ),
    "a third of the labels wrong": ("wrong = random.random(len(truth)) < 1 / 3\n        truth[wrong] = {wrong}"),
    "only the oldest third of the rows": "rows = rows[: len(rows) // 3]",
}
EQUAL = ("an equal refit", "an equal refit, other rows")


@dataclass(frozen=True)
class Verdict:
    """What the gate made of one pull request."""

    code: int
    report: dict[str, Any]

    def having(self, outcome: str) -> list[str]:
        """Name the gates with an outcome."""
        return [check["gate"] for check in self._checks() if check["outcome"] == outcome]

    def _checks(self) -> list[dict[str, Any]]:
        return list(self.report["judgements"][0]["checks"]) if self.report else []

    def why(self) -> str:
        """Say why in the words of the first gate that blocks or, where none does, of the comparison."""
        first = (self.having("block") or ["champion"])[0]
        return next((check["words"] for check in self._checks() if check["gate"] == first), "not judged")

    def missed(self, name: str) -> str | None:
        """Say how it differs from what is expected, if it does."""
        if self.code == 2 or not self.report:
            return "could not be judged"
        if name in EQUAL:
            return f"an equal model is blocked by {', '.join(self.having('block'))}" if self.code else None
        found, margin = self.report["judgements"][0]["comparison"], self.report["judgements"][0]["gates"]["margin"]
        words = next(check["words"] for check in self._checks() if check["gate"] == "champion")
        if self.code or found["difference"] >= -margin or "smallest loss" in words:
            return None
        return f"a loss of {-found['difference']:.4f} is passed over without a word"


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="degraded-") as scratch:
        os.environ.setdefault("HOME", scratch)
        project = released(Path(scratch), asked)
        told = json.loads((project.path / "reports" / "metrics.json").read_text(encoding="utf-8"))
        print(f"{asked.table}: {told['rows']} test rows, {gate_metric(project)}", flush=True)
        failed = [name for name in variants(project, asked) if tried(project, name, asked)]
    print(f"{len(failed)} unexpected" if failed else "as expected")
    sys.exit(bool(failed))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", help="a CSV or Parquet file, or `flights`")
    parser.add_argument("--target")
    parser.add_argument("--task")
    parser.add_argument("--time")
    for role in ("slice", "protected", "group", "excluded"):
        parser.add_argument(f"--{role}", action="append", default=[], metavar="COLUMN", help=f"tag it `{role}`")
    parser.add_argument("--lose", metavar="COLUMN[=VALUE]", help="the group that loses rows; by default the commonest")
    parser.add_argument("--gone", action="append", metavar="COLUMN", help="a column that gets lost", default=[])
    parser.add_argument("--only", metavar="TEXT", default="", help="pull requests whose name has it")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep each report.md there")
    return parser.parse_args()


def released(folder: Path, asked: argparse.Namespace) -> LivingProject:
    """Bake, bring the table, train and release the champion."""
    flights = asked.table == "flights"
    project = living(bake(folder, example_data="yes" if flights else "no", **ANSWERS).path, folder / "envs")
    if flights:
        project.mlops("data", "next", "--initial")
    else:
        hints = [part for name in ("task", "time") if (value := getattr(asked, name)) for part in (f"--{name}", value)]
        file = str(Path(asked.table).resolve())
        print(project.mlops("contract", "infer", file, "--target", asked.target, *hints))
        for role in ("slice", "protected", "group", "excluded"):
            for column in getattr(asked, role):
                tag(project, column, role)
        project.mlops("data", "add", file)
    project.dvc("repro")
    project.commit("First model")
    project.publish(folder / "origin.git")
    project.mlops("release", "--env", "staging")
    project.git("pull", "--quiet", "--rebase", "origin", "main")
    keep(project, "first", asked.keep, project.mlops("gate"))
    return project


def tag(project: LivingProject, column: str, role: str) -> None:
    """Tag a column, beside what it is already; a group or an excluded column is nothing else."""
    path = project.path / "contract.yaml"
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = next(p for p in document["schema"][0]["properties"] if p["name"] == column)
    before = set() if role in ("group", "excluded") else set(found.get("tags", ())) - {"excluded", "slice", "protected"}
    found["tags"] = sorted(before | {role} | ({"input"} if role == "protected" else set()))
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")


def gate_metric(project: LivingProject) -> str:
    bar = yaml.safe_load((project.path / "gates.yaml").read_text(encoding="utf-8"))
    return f"{bar['metric']}, margin {bar['margin']}"


def variants(project: LivingProject, asked: argparse.Namespace) -> list[str]:
    named, _ = group(project, asked)
    names = [EQUAL[0], *(name.format(group=named) for name in MISTAKES), f"{' and '.join(gone(project, asked))} gone"]
    return [name for name in names if asked.only in name]


def gone(project: LivingProject, asked: argparse.Namespace) -> list[str]:
    """Name the columns that get lost: by default the one without which the first model loses most."""
    found = json.loads((project.path / "reports" / "importance.json").read_text(encoding="utf-8"))
    return list(asked.gone) or [str(found["columns"][0]["column"])]


def group(project: LivingProject, asked: argparse.Namespace) -> tuple[str, str]:
    """Name the group that loses rows, and write as Python which rows of the training features it is."""
    column, _, value = (asked.lose or "").partition("=")
    if not column:
        document = yaml.safe_load((project.path / "contract.yaml").read_text(encoding="utf-8"))
        tags = {found["name"]: found.get("tags", ()) for found in document["schema"][0]["properties"]}
        column = next(name for role in ("protected", "slice", "target") for name in tags if role in tags[name])
    values = read_raw(Path(asked.table))[column] if asked.table != "flights" else None
    if not value and values is not None:
        value = str(values.value_counts().index[0])
    if values is not None and np.issubdtype(values.dtype, np.number) and values.nunique() > 10:
        middle = float(values.median())
        return f"{column} above {middle:g}", f"np.asarray(frame[{column!r}], dtype=float) > {middle!r}"
    return f"{column} = {value}", f"frame[{column!r}].astype(str).isin([{value!r}, {value + '.0'!r}]).to_numpy()"


def tried(project: LivingProject, name: str, asked: argparse.Namespace) -> bool:
    """Make one pull request; returns whether the verdict is another than it should be."""
    project.git("switch", "--quiet", "main")
    project.git("switch", "--quiet", "--create", re.sub(r"\W+", "-", name).strip("-"))
    change(project, name, asked)
    project.dvc("repro")
    project.commit(name)
    code, said = judged(project)
    path = project.path / "reports" / "gate.json"
    verdict = Verdict(code, json.loads(path.read_text(encoding="utf-8")) if code < 2 else {})
    keep(project, name, asked.keep, said)
    show(name, verdict, said)
    return verdict.missed(name) is not None


def change(project: LivingProject, name: str, asked: argparse.Namespace) -> None:
    source = next(path for path in (project.path / "src").iterdir() if (path / "model.py").is_file())
    named, mask = group(project, asked)
    mistake = {what.format(group=named): text for what, text in MISTAKES.items()}.get(name)
    if mistake is not None:
        wrong = "random.permutation(truth[wrong])" if truth_is_number(project) else OTHER_CLASS
        text = mistake.format(mask=mask, wrong=wrong) if "{" in mistake else mistake
        append(source / "model.py", CARELESS.format(mistake=text))
    elif name.endswith(" gone"):
        append(source / "features.py", GONE.format(columns=gone(project, asked)))
    else:
        params = (project.path / "params.yaml").read_text(encoding="utf-8")
        rounds = int(re.search(r"max_iter: (\d+)", params)[1])  # type: ignore[index]
        project.edit("params.yaml", f"max_iter: {rounds}", f"max_iter: {rounds + 1}")


OTHER_CLASS = "(truth[wrong] + random.integers(1, truth.max() + 1, wrong.sum())) % (truth.max() + 1)"


def truth_is_number(project: LivingProject) -> bool:
    return bool(yaml.safe_load((project.path / "params.yaml").read_text(encoding="utf-8"))["task"] == "regression")


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def judged(project: LivingProject) -> tuple[int, str]:
    """Run the gate; returns its exit code and what it prints."""
    try:
        return 0, project.mlops("gate", "--base", "main")
    except AssertionError as error:
        found = re.search(r"ended with (\d+)", str(error))
        assert found is not None and "Traceback" not in str(error), error
        return int(found[1]), str(error).partition("\n")[2]


def keep(project: LivingProject, name: str, folder: Path | None, said: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name.replace('/', '-')}.txt").write_text(said, encoding="utf-8")
        for kind in ("report.md", "gate.json"):
            if (project.path / "reports" / kind).is_file():
                shutil.copy(project.path / "reports" / kind, folder / f"{name.replace('/', '-')}.{kind}")


def show(name: str, verdict: Verdict, said: str) -> None:
    found = verdict.report["judgements"][0]["comparison"] if verdict.report else None
    gates = "; ".join(f"{word} {', '.join(there)}" for word in ("block", "warn") if (there := verdict.having(word)))
    moved = "" if found is None else f"{found['difference']:+.4f} (shows {found['smallest_loss']:.4f})"
    print(f"{name:<44} exit {verdict.code}  {moved:<26} {gates or 'all pass'}")
    print(f"{'':<4}{verdict.why() if verdict.report else said.strip()}")
    if (miss := verdict.missed(name)) is not None:
        print(f"    UNEXPECTED: {miss}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
