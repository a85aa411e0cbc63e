"""Run the pipeline, and give a stage the result of an earlier run where that is sure to be one of this very stage.

DVC's run-cache is a folder at the DVC remote, and whoever may push there writes it: for a pull request that is its
own code. DVC takes what lies there under the key of a stage, and writes what the entry names to wherever the entry
says. Here an entry counts only if it is of that key, and only with outputs that stay where the stage has its outputs.

`python -m mlops.delivery.reproduction restore|retrain` does it, in a process of its own that can be stopped whole.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException  # type: ignore[import-untyped]
from dvc.fs import HTTPFileSystem, generic  # type: ignore[import-untyped]
from dvc.repo import Repo  # type: ignore[import-untyped]
from dvc.stage.cache import (  # type: ignore[import-untyped]
    RunCacheNotFoundError,
    StageCache,
    _can_hash,
    _get_cache_hash,
    _get_stage_hash,
)
from dvc_data.hashfile.hash import file_md5
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from mlops.contract.errors import MlopsError, Refused

ENTRY = re.compile("[0-9a-f]{2}/[0-9a-f]{64}/[0-9a-f]{64}")  # of the run-cache: the hash of a key, that of a result
# What DVC says of a stage of ours that says no; with this code a command of other people's may say anything.
REFUSED = re.compile(rf"failed to run: python -m mlops\.pipeline\.\w+, exited with {Refused.exit_code}")
PLAIN = {"path", "hash", "md5", "size", "nfiles", "isexec"}


class Results(StageCache):  # type: ignore[misc]
    """The run-cache: what it gives is noted, and what is no result of the stage that asks is dropped."""

    def __init__(self, repo: Any, *, restore: bool) -> None:
        super().__init__(repo)
        self.restores = restore
        self.given: list[str] = []

    def transfer(self, from_odb: Any, to_odb: Any, force: bool = True) -> list[tuple[str, str]]:
        """Bring what is named like an entry to where entries are: a bucket's names may lead anywhere."""
        there, here = from_odb.fs, to_odb.fs
        runs = there.join(from_odb.path, "runs")
        if isinstance(there, HTTPFileSystem) or not there.exists(runs):
            return super().transfer(from_odb, to_odb, force) or []
        brought = []
        for source in there.find(runs):
            names = there.parts(source)[-3:]
            target = here.join(to_odb.path, "runs", *names)
            if ENTRY.fullmatch("/".join(names)) and not here.exists(target):
                generic.copy(there, source, here, target)
                brought.append((names[1], names[2]))
        return brought

    def restore(self, stage: Any, run_cache: bool = True, pull: bool = False, dry: bool = False) -> None:
        """Check out a known result of a stage.

        Raises:
            RunCacheNotFoundError: None is known, or none may be used: the stage has to run.
        """
        if not self.restores:
            raise RunCacheNotFoundError(stage)
        stage.save_deps()
        if _can_hash(stage):
            self._drop_others(stage)
        super().restore(stage, run_cache=run_cache, pull=pull, dry=dry)
        self.given.append(stage.addressing)

    def _drop_others(self, stage: Any) -> None:
        key = _get_stage_hash(stage)
        folder = Path(self._get_cache_dir(key))
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            entry = self._load_cache(key, path.name)
            why = "is none" if entry is None else self._wrong(stage, key, entry)
            if why:
                path.unlink(missing_ok=True)
                print(f"A result of {stage.addressing} in the run-cache {why}. It is not used.", flush=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def _wrong(self, stage: Any, key: str, entry: dict[str, Any]) -> str:
        """Say why an entry is no result of a stage; nothing where it is one."""
        outs = entry.get("outs", [])
        if any(out.keys() - PLAIN for out in outs):
            return "says more than a stage's result does"
        if _get_cache_hash({**entry}, key=True) != key:
            return "belongs to another stage"
        for out in self._create_stage({**entry, "outs": outs}, wdir=stage.wdir).outs:
            if out.is_dir_checksum:
                tree = out.get_dir_cache()
                if tree is None:
                    return f"has no list of the files in {out}"
                if any(_leaves(name) for names, _, _ in tree for name in names):
                    return f"has files outside {out}"
        return ""


def _leaves(name: str) -> bool:
    return name in ("", ".", "..") or os.sep in name or "\\" in name or "\0" in name


def reproduce(root: Path, *, restore: bool) -> dict[str, bool]:
    """Bring the pipeline up to date; tells for each stage, in their order, whether it ran.

    Raises:
        Refused: A stage says no to the data.
        MlopsError: A stage failed, or its output is not what the cache keeps under its name.
    """
    # Staged, the lock of a run that fails half way would be in the next commit.
    with chdir(root), Repo(str(root), config={"core": {"autostage": False}}) as repo:
        repo.scm_context.quiet = True
        results = repo.stage_cache = Results(repo, restore=restore)
        try:
            done = repo.reproduce(pull=restore, run_cache=restore)
            if not restore:
                _verify(repo)
        except DvcException as error:
            kind = Refused if REFUSED.fullmatch(str(error.__cause__)) else MlopsError
            raise kind(f"{error}. What the stage said stands above.") from error
        stages = [stage.addressing for stage in done if stage.cmd]
        return {name: name not in results.given for name in stages}


def _verify(repo: Any) -> None:
    """Compare every file of the data and of the outputs with its name.

    Objects of the cache are believed to be what they are named after, and DVC puts one in the place of a new output of
    the same name.
    """
    for out in repo.index.outs:
        path = Path(out.fs_path)
        if out.hash_info and path.exists() and _hash(path, out) != out.hash_info.value:
            raise MlopsError(
                f"{out}: is not what it is named after: the DVC cache or the remote holds something else under that "
                "name. Remove .dvc/cache, see who can write to the remote, and run again."
            )


def _hash(path: Path, out: Any) -> str:
    if path.is_file():
        return str(file_md5(str(path), out.fs))
    tree = Tree()  # type: ignore[no-untyped-call]
    for file in sorted(path.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            tree.add(file.relative_to(path).parts, None, HashInfo("md5", file_md5(str(file), out.fs)))
    tree.digest()
    return str(tree.hash_info.value)


def main(way: str) -> int:
    """Reproduce the project in the working directory, and say what ran."""
    try:
        found = reproduce(Path.cwd(), restore=way == "restore")
    except MlopsError as error:
        print(f"mlops: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:  # of the libraries that reach a bucket, each has its own
        if os.environ.get("MLOPS_DEBUG"):
            raise
        print(f"mlops: {type(error).__name__}: {error}. Can the DVC remote be reached from here?", file=sys.stderr)
        return MlopsError.exit_code
    for stage, ran in found.items():
        print(f"{stage:<10} {'ran' if ran else 'restored from the run-cache'}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
