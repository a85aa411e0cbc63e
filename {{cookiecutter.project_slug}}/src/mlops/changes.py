"""What a branch changes, as CI asks before it has an environment: does it train, does it touch environments?

`python -m mlops.changes BASE` prints `train=yes|no` and `envs=yes|no`, and on standard error why. Python's own library
and Git are all it needs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatchcase

ENVS = "deploy/envs/"
# Whole folders in which nothing can change a model or the verdict on it.
FOLDERS = (
    "deploy/",
    "docs/",
    "notebooks/",
    "tests/",
    ".github/ISSUE_TEMPLATE/",
    ".gitlab/issue_templates/",
    ".gitlab/merge_request_templates/",
)
# Single files of that kind, beside *.md at the root.
FILES = (
    "LICENSE",
    "CODEOWNERS",
    ".github/CODEOWNERS",
    ".gitlab/CODEOWNERS",
    ".github/pull_request_template.md",
    ".github/dependabot.yml",
    ".editorconfig",
    "renovate.json",
    ".github/renovate.json",
    ".gitlab/renovate.json",
)
# What DVC reads wherever it lies, but for ENVS: the lock there is a release's, and .dvcignore hides it.
PIPELINE = ("*.dvc", "dvc.yaml", "dvc.lock", "params.yaml")
SHOWN = 5


class Unanswered(Exception):
    """Git cannot say what the branch changes."""


def harmless(path: str) -> bool:
    """Tell whether a file is known to change neither a model nor the verdict on it."""
    name = path.rpartition("/")[2]
    if not path.startswith(ENVS) and any(fnmatchcase(name, pattern) for pattern in PIPELINE):
        return False
    return path.startswith(FOLDERS) or path in FILES or ("/" not in path and name.endswith(".md"))


def trains(path: str, pipeline: str) -> bool:
    """Tell whether a change of a file has to be trained and judged.

    Args:
        path: The file, from the root of the repository.
        pipeline: The text of dvc.yaml: a folder that it names is not harmless.
    """
    return not harmless(path) or _named(path.partition("/")[0], pipeline)


def _named(top: str, pipeline: str) -> bool:
    return re.search(rf"(?<![\w./-])(?:\./)?{re.escape(top)}(?![\w.-])", pipeline) is not None


def changed(base: str) -> list[str]:
    """List the files that HEAD changes since it left the base; the old and the new name of a renamed one.

    Raises:
        Unanswered: The clone is shallow, or the base is not there, or has no commit in common with HEAD.
    """
    if _git("rev-parse", "--is-shallow-repository").strip() == b"true":
        raise Unanswered(
            "this clone is shallow: the commit where the branch began may be missing. "
            "In CI check out with fetch-depth: 0 (GitHub) or GIT_DEPTH: 0 (GitLab); here run `git fetch --unshallow`."
        )
    commit = _one("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}")
    if not commit:
        raise Unanswered(f"there is no commit {base!a} here. `git fetch` it, or name another: make changes BASE=…")
    met = _one("merge-base", commit, "HEAD")
    if not met:
        raise Unanswered(f"HEAD and {base!a} have no commit in common. Name the branch that this one began from.")
    # Whatever the configuration says, and wherever this is started: each name as it is, from the root.
    found = _git("diff", "--name-only", "-z", "--no-renames", "--no-relative", "--ignore-submodules=none", met, "HEAD")
    return [path.decode("utf-8", "surrogateescape") for path in found.split(b"\0") if path]


def _one(*args: str) -> str:
    """Ask Git for a name; nothing where it has none."""
    done = subprocess.run(["git", *args], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return "" if done.returncode else done.stdout.decode("utf-8", "surrogateescape").strip()


def _git(*args: str) -> bytes:
    try:
        return subprocess.run(["git", *args], stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        raise Unanswered("there is no git here. Install it.") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
        raise Unanswered(f"git {args[0]} failed: {said!a}") from error


def _few(paths: list[str]) -> str:
    # A name can hold anything, a line break too: ascii() leaves nothing of that.
    more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
    return ", ".join(map(ascii, paths[:SHOWN])) + more


def main(args: list[str]) -> int:
    """Print what HEAD changes against a base; 2 where nobody can say."""
    if len(args) != 1 or not args[0]:
        print("changes: give the branch to compare with: make changes BASE=origin/main", file=sys.stderr)
        return 2
    try:
        paths = changed(args[0])
        pipeline = _one("show", "HEAD:dvc.yaml")
    except Unanswered as error:
        print(f"changes: {error}", file=sys.stderr)
        return 2
    training = [path for path in paths if trains(path, pipeline)]
    envs = [path for path in paths if path.startswith(ENVS)]
    for found, meaning in ((training, "to train and judge"), (envs, "an environment's")):
        if found:
            print(f"changes: {meaning}: {_few(found)}", file=sys.stderr)
    if not training:
        print(f"changes: {len(paths)} files changed, none that a model depends on", file=sys.stderr)
    print(f"train={'yes' if training else 'no'}\nenvs={'yes' if envs else 'no'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
