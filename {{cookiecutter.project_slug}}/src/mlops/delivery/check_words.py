"""Why an environment's files are no release that stood: which file, and what it is instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops.contract.errors import MlopsError
from mlops.delivery.git import Entry, Git
from mlops.delivery.layout import RECORD, folder
from mlops.delivery.records import Record, parse

SHOWN = 3


@dataclass(frozen=True)
class Known:
    """All machine-owned files of an environment at a commit; `held` where a release was taken back there."""

    env: str
    rev: str
    files: Mapping[str, Entry]
    held: bool = False


def explain(git: Git, env: str, after: Mapping[str, Entry], known: Sequence[Known], past: Known | None = None) -> str:
    """Compare with the nearest state that stood, and name each file that is not as it was there.

    Args:
        git: The repository.
        env: The environment.
        after: The machine-owned files that it would have.
        known: The states that stood there, newest first, and what other environments run.
        past: The very same files, where another environment had them once.
    """
    whole = next((state for state in known if state.files == after and state.held), None)
    if whole:
        return (
            f"{folder(env)}: this is what {whole.env} runs, but {whole.env} is held: a release was taken back there. "
            f"Bring it back or release there first."
        )
    if past:
        return (
            f"{folder(env)}: this is what {past.env} had at {past.rev[:10]}, and it has another release by now. "
            f"Promote what it has: `mlops promote --from {past.env} --to {env} --via pr`."
        )
    if not known:
        return (
            f"{folder(env)}/{_first(after)}: nothing ever stood in {env}. Only `mlops release` makes a first release."
        )
    near = max(known, key=lambda state: sum(after.get(path) == entry for path, entry in state.files.items()))
    wrong = [f"{folder(env)}/{path}: {why}" for path, why in _differences(git, after, near, known)]
    # The very same stood, but was no release: somebody had put it there by hand.
    wrong = wrong or [f"{folder(env)}/{_problem(git, near)}"]
    more = f" And {len(wrong) - SHOWN} more." if len(wrong) > SHOWN else ""
    return (
        f"{' '.join(wrong[:SHOWN])}{more} Only mlops writes these files: `mlops rollback`, `mlops promote` or "
        f"`git revert` of a whole release commit changes them together."
    )


def _first(files: Mapping[str, Entry]) -> str:
    return RECORD if RECORD in files else min(files)


def _differences(
    git: Git, after: Mapping[str, Entry], near: Known, known: Sequence[Known]
) -> Iterator[tuple[str, str]]:
    paths = sorted(after.keys() | near.files.keys(), key=lambda path: (path != RECORD, path))
    for path in paths:
        if after.get(path) == near.files.get(path):
            continue
        if path not in after:
            yield path, f"is missing, and was there at {near.rev[:10]}."
        elif path == RECORD:
            yield path, _record(git, after[path], near, known)
        elif all(path not in state.files for state in known):
            yield path, "is new; no release had such a file."
        else:
            yield path, _mixed(after[path], path, near, known)


def _mixed(entry: Entry, path: str, near: Known, known: Sequence[Known]) -> str:
    other = next((state for state in known if state.files.get(path) == entry), None)
    if other:
        return f"is that of {other.rev[:10]}, while the others are those of {near.rev[:10]}: two releases are mixed."
    return f"is not as it was in any release; the nearest is {near.rev[:10]}."


def _record(git: Git, entry: Entry, near: Known, known: Sequence[Known]) -> str:
    text = git.blobs([entry.sha]).get(entry.sha, b"")
    try:
        ours = parse(text)
    except MlopsError as error:
        return str(error).removeprefix(f"{RECORD}: ")
    if any(state.files.get(RECORD) == entry for state in known):
        return _mixed(entry, RECORD, near, known)
    theirs = _parsed(git, near)
    if theirs is None or ours.id != theirs.id:
        return f"its record {ours.id} never stood; the nearest is that of {near.rev[:10]}."
    fields = [name for name in Record.model_fields if getattr(ours, name) != getattr(theirs, name)]
    return (
        f"its record {ours.id} was edited: {', '.join(fields) or 'its wording'} is not as it stood at {near.rev[:10]}."
    )


def _problem(git: Git, known: Known) -> str:
    text = git.show(known.rev, f"{folder(known.env)}/{RECORD}")
    if text is None:
        return f"{RECORD}: is missing."
    try:
        return f"{RECORD}: {parse(text).id} is no rollback."
    except MlopsError as error:
        return str(error)


def _parsed(git: Git, known: Known) -> Record | None:
    text = git.show(known.rev, f"{folder(known.env)}/{RECORD}")
    try:
        return None if text is None else parse(text)
    except MlopsError:
        return None
