"""What the base branch says: its bar, its split, its batches. A pull request is judged by these, not by its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from mlops.contract.document import parse as parse_contract
from mlops.contract.errors import MlopsError
from mlops.contract.model import Column, Contract
from mlops.contract.text import decode
from mlops.delivery.candidate import source_commit
from mlops.delivery.git import Git
from mlops.gates.bar import Gates
from mlops.gates.bar import parse as parse_gates
from mlops.gates.match import Check
from mlops.pipeline.params import Params
from mlops.pipeline.params import parse as parse_params

RAW = "data/raw"


@dataclass(frozen=True)
class Base:
    """The base commit's own files; None where it has none, as before the first model."""

    commit: str
    gates: Gates | None
    params: Params | None
    contract: Contract | None
    batches: dict[str, str]


def read(git: Git, rev: str) -> Base:
    """Read the bar of a revision.

    Raises:
        MlopsError: No such revision, or a file of it is not valid.
    """
    commit = git.rev_parse(rev)
    texts = {name: git.show(commit, name) for name in ("gates.yaml", "params.yaml", "contract.yaml")}
    said = {name: decode(text, f"{name} of {rev}") for name, text in texts.items() if text is not None}
    contract = said.get("contract.yaml")
    return Base(
        commit=commit,
        gates=parse_gates(said["gates.yaml"], f"gates.yaml of {rev}") if "gates.yaml" in said else None,
        params=parse_params(said["params.yaml"], f"params.yaml of {rev}") if "params.yaml" in said else None,
        contract=parse_contract(contract, f"contract.yaml of {rev}") if contract else None,
        batches=batches(git, commit),
    )


def batches(git: Git, commit: str) -> dict[str, str]:
    """List the batches of a commit: file name to the checksum that DVC has of it."""
    pointers = {path: entry.sha for path, entry in git.ls(commit, RAW).items() if path.endswith(".dvc")}
    texts = git.blobs(pointers.values())
    return {
        PurePosixPath(path).stem: pointer_checksum(texts[sha].decode("utf-8"), path) for path, sha in pointers.items()
    }


def pointer_checksum(text: str, path: str) -> str:
    """Read the checksum out of a `.dvc` file."""
    try:
        return str(yaml.safe_load(text)["outs"][0]["md5"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError) as error:
        raise MlopsError(f"{RAW}/{path}: not a DVC pointer ({error!r}). Restore it from Git.") from error


def check_batches(base: dict[str, str], ours: dict[str, str], read: Collection[str] = ()) -> Check:
    """Batches may be added, not changed or dropped; `read` are those that the model was trained on."""
    unknown = sorted(set(read) - ours.keys())
    if unknown:
        return Check("data", "block", f"DVC does not know {', '.join(unknown)}. Add it with `mlops data add`.")
    dropped = sorted(base.keys() - ours.keys())
    changed = sorted(name for name in base.keys() & ours.keys() if base[name] != ours[name])
    if dropped or changed:
        named = [f"{name} is {word}" for word, names in (("dropped", dropped), ("changed", changed)) for name in names]
        return Check(
            "data", "block", f"Data is append-only: {'; '.join(named)}. Bring it back, or have an owner merge this."
        )
    added = sorted(ours.keys() - base.keys())
    return Check(
        "data",
        "pass",
        f"{'Added: ' + ', '.join(added) if added else 'No batch added'}; none changed or dropped.",
    )


def check_question(base: Base, params: Params, target: str) -> None:
    """Refuse to judge a model that answers another question than the base branch asks.

    Raises:
        MlopsError: Task, target or positive label differ from the base's.
    """
    if base.params is None or base.contract is None:
        return
    theirs = (base.params.task, base.contract.target.name, base.params.positive)
    ours = (params.task, target, params.positive)
    for word, before, now in zip(("task", "target", "positive"), theirs, ours, strict=True):
        if before != now:
            raise MlopsError(
                f"{word} is {now!r} here and {before!r} on the base branch, whose bar cannot judge this. "
                "Start a new project for another question, or have an owner merge this."
            )


def rows_differ(base: Base, params: Params, agreed: Contract) -> bool:
    """Tell whether the pull request holds out other rows than the base's settings and contract would."""
    if base.params is None or base.contract is None:
        return False
    theirs = (base.params.split, base.params.window, base.params.label_delay, _dealing(base.contract, base.params))
    return theirs != (params.split, params.window, params.label_delay, _dealing(agreed, params))


def _dealing(contract: Contract, params: Params) -> tuple[object, ...]:
    """List what of a contract decides a row's side."""
    if params.split.method == "time":
        return (_key(contract.time), contract.timezone)
    content = sorted((c.name, c.kind) for c in contract.columns if "target" not in c.roles)
    return (_key(contract.group), _key(contract.id_column), contract.timezone, content)


def _key(column: Column | None) -> tuple[str, str] | None:
    return None if column is None else (column.name, column.kind)


def require_up_to_date(git: Git, base: str) -> None:
    """Refuse to judge a branch that lacks what the base branch has: its bar and its batches are not this branch's.

    Raises:
        MlopsError: The base has newer commits, other than releases.
    """
    git.require_full_history()
    source = source_commit(git, base)
    if not git.is_ancestor(source, "HEAD"):
        raise MlopsError(
            f"The base branch has moved on: this branch lacks its commit {source[:10]}. "
            f"Bring it up to date (`git merge {base[:10]}`), then `dvc repro`."
        )


def default_rev(git: Git, remote: str, branch: str) -> str:
    """Name the main branch: the remote's where there is one."""
    there = git.attempt("rev-parse", "--verify", "--quiet", f"refs/remotes/{remote}/{branch}")
    return f"{remote}/{branch}" if not there.returncode else branch
