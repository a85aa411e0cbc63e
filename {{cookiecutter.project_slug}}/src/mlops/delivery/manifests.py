"""How a branch changes what a cluster is asked for: at its merge, and with the next release."""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from mlops.contract.errors import MlopsError
from mlops.delivery.git import Git
from mlops.delivery.helm import Manifest, render
from mlops.delivery.layout import RECORD, folder, require_environment
from mlops.settings import Settings

Files = dict[str, bytes]
CHART = "deploy/chart"
COPY = "chart/"
VALUES = "values.yaml"
# The name of the smoke test's job follows from all else and says nothing by itself.
HASHED = re.compile(r"(-smoke)-[0-9a-f]{8}\Z")


def manifest_changes(settings: Settings, git: Git, env: str, base: str, head: str | None = None) -> str:
    """Show how a branch changes the manifests of an environment.

    Args:
        settings: The project.
        git: Its repository.
        env: The environment.
        base: The revision into which the branch would be merged.
        head: The branch; None for the working tree.

    Returns:
        Two sections of unified diffs of YAML. *At merge*: what the environment's own files make, which is how a change
        of values.yaml acts. *When released*: what `deploy/chart` makes of the same record, instead of the chart that
        came with it.

    Raises:
        MlopsError: No such environment or revision, no helm, or helm refuses a chart or its values.
    """
    fork = _fork(git, base, head)
    before, after = _merged(settings, git, folder(env), fork, base, head)
    if VALUES not in after:
        require_environment(git, base, env)
    if RECORD not in before and RECORD not in after:
        return f"{env} has had no release: nothing runs there, so there is nothing to compare."
    _, chart = _merged(settings, git, CHART, fork, base, head)
    released = {path: text for path, text in after.items() if not path.startswith(COPY)}
    released |= {f"{COPY}{path}": text for path, text in chart.items()}
    parts = [_section("At merge", _changes(settings, env, before, after))]
    if RECORD in after:
        parts.append(_section("When released", _changes(settings, env, after, released)))
    else:
        parts.append(f"{folder(env)}/{RECORD} goes: Argo CD lets go of {env} and leaves its pods serving.")
    return "\n\n".join(parts)


def differences(before: Sequence[Manifest], after: Sequence[Manifest]) -> Iterator[str]:
    """Diff manifests object by object, in the order of their kinds and names."""
    old, new = _named(before), _named(after)
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name, "").splitlines(), new.get(name, "").splitlines()
        labels = (name if name in old else "nothing", name if name in new else "nothing")
        diff = list(difflib.unified_diff(was, now, *labels, lineterm=""))
        if diff:
            yield "\n".join(diff)


def _named(manifests: Sequence[Manifest]) -> dict[str, str]:
    found = {}
    for manifest in manifests:
        metadata = {**manifest["metadata"], "name": HASHED.sub(r"\1", manifest["metadata"]["name"])}
        text = yaml.safe_dump({**manifest, "metadata": metadata}, width=1_000_000, allow_unicode=True)
        found[f"{manifest['kind']}/{metadata['name']}"] = text
    return found


def _section(title: str, changes: list[str]) -> str:
    return "\n\n".join([f"{title}:", *changes]) if changes else f"{title}: no change."


def _changes(settings: Settings, env: str, before: Files, after: Files) -> list[str]:
    if before == after:
        return []
    return list(differences(*(rendered(settings, env, files) for files in (before, after))))


def rendered(settings: Settings, env: str, files: Files) -> list[Manifest]:
    """Render the files of an environment as Argo CD does; nothing where it has no record or no chart.

    Raises:
        Unrendered: Helm refuses the chart or its values.
        MlopsError: There is no helm.
    """
    if RECORD not in files or f"{COPY}Chart.yaml" not in files:
        return []
    with tempfile.TemporaryDirectory(prefix="mlops-diff-") as scratch:
        root = Path(scratch)
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(text)
        values = [root / name for name in (VALUES, RECORD) if name in files]
        return render(root / "chart", values, name=settings.slug, namespace=f"{settings.slug}-{env}")


def _fork(git: Git, base: str, head: str | None) -> str:
    """Name the commit where the branch began; without one, the base itself."""
    done = git.attempt("merge-base", git.rev_parse(base), git.rev_parse(head or "HEAD"))
    return base if done.returncode else done.stdout.decode().strip()


def _merged(settings: Settings, git: Git, where: str, fork: str, base: str, head: str | None) -> tuple[Files, Files]:
    """Read a folder as it is on the base, and after a merge: file by file, what the branch has changed wins."""
    began, there = read(git, fork, where), read(git, base, where)
    ours = _on_disk(settings.root / where) if head is None else read(git, head, where)
    result: dict[str, Any] = {}
    for path in sorted(there.keys() | ours.keys()):
        result[path] = there.get(path) if ours.get(path) == began.get(path) else ours.get(path)
    return there, {path: text for path, text in result.items() if text is not None}


def read(git: Git, rev: str, where: str) -> Files:
    """Read the files of a folder at a commit or in a tree."""
    entries = git.ls(rev, where)
    blobs = git.blobs(entry.sha for entry in entries.values())
    return {path: blobs[entry.sha] for path, entry in entries.items() if entry.sha in blobs}


def _on_disk(where: Path) -> Files:
    try:
        return {path.relative_to(where).as_posix(): path.read_bytes() for path in where.rglob("*") if path.is_file()}
    except OSError as error:
        raise MlopsError(f"{error.filename}: cannot be read ({error.strerror}).") from error
