"""Keep the files that the answers ask for, and make the first commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

ANSWERS = json.loads(r"""{{ cookiecutter | tojson }}""")
SOURCE = f"src/{ANSWERS['package_name']}"
# Where an answer is given, these leave.
REMOVE = {
    ("example_data", "no"): [
        "contract.yaml",
        "params.yaml",
        "gates.yaml",
        "example.mk",
        "requirements/flights.in",
        "requirements/flights.txt",
        "scripts/demo.py",
        f"{SOURCE}/flights.py",
    ],
    ("ci_provider", "github"): [".gitlab-ci.yml", ".gitlab", "ci"],
    ("ci_provider", "gitlab"): [".github"],
}
# Where an answer is given, NAME.variant.md takes the place of NAME.md; elsewhere it leaves.
VARIANTS = {
    ("example_data", "no"): ["README.generic.md", "docs/model-card.notes.generic.md", f"{SOURCE}/features.generic.py"],
    ("ci_provider", "gitlab"): ["docs/guides/ci.gitlab.md", "deploy/argocd/notifications.gitlab.yaml"],
}
DEBRIS = ["LICENSE.*", "src/**/__pycache__", "scripts/__pycache__"]  # not chosen; the template's own

# The commit is the same on every machine: nobody's name, key, hook or ignore file takes part.
IDENTITY = {"NAME": "cookiecutter-gitops-ml", "EMAIL": "cookiecutter-gitops-ml@localhost"}
GIT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in IDENTITY.items()},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def remove(path: Path) -> None:
    """Remove a file or folder, and the folder that held nothing else."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()


def git(*arguments: str) -> None:
    """Run git on the new repository."""
    subprocess.run(["git", *arguments], env=GIT, check=True, stdin=subprocess.DEVNULL)


def commit() -> str:
    """Make the repository and its first commit, unless there is one; say what to do next."""
    if Path(".git").exists():
        return "The repository was there before: look at `git status`, then commit."
    if shutil.which("git") is None:
        return "git was not found: install it, then `git init -b main && git add . && git commit`."
    git("init", "--quiet", "--template=", "--initial-branch=main")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Start from cookiecutter-gitops-ml")
    return "The repository has its first commit."


given = ANSWERS.items()
for path, answer in [(Path(name), answer) for answer, names in VARIANTS.items() for name in names]:
    path.replace(path.with_suffix("").with_suffix(path.suffix)) if answer in given else path.unlink()
Path(f"LICENSE.{ANSWERS['license']}").replace("LICENSE")
for name in [path for answer, paths in REMOVE.items() if answer in given for path in paths]:
    remove(Path(name))
for path in [path for pattern in DEBRIS for path in Path().glob(pattern)]:
    remove(path)

start = "make setup data demo" if ANSWERS["example_data"] == "yes" else "make setup"
print(commit(), f"Next: cd {ANSWERS['project_slug']} && {start}", "Then: README.md says the rest.", sep="\n")
