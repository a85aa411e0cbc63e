"""The doctor's questions about Git: its version, this clone, and the remote's main branch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlops.contract.errors import MlopsError
from mlops.delivery.doctor import Finding, no, ok, unknown
from mlops.delivery.git import Git, complaint
from mlops.settings import Settings

OLDEST = (2, 38)  # `git merge-tree --write-tree`
SECONDS = 20.0
VERSION = re.compile(r"(\d+)\.(\d+)[.\d]*")
USUAL = ("main", "master")


@dataclass(frozen=True)
class Heads:
    """What a remote was asked: the branches that it has of those asked for, and which one it opens with.

    `trouble` says why it did not answer.
    """

    names: tuple[str, ...] = ()
    default: str = ""
    trouble: str = ""


def findings(settings: Settings) -> list[Finding]:
    """Look at Git, at this clone and at its remote."""
    git = Git(settings.root)
    try:
        found = [version(git.text("--version")), history(git.text("rev-parse", "--is-shallow-repository") == "true")]
        remotes = git.remotes()
        local = git.text("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    except MlopsError as error:
        return [no("git", "no repository can be read here.", str(error))]
    if settings.remote not in remotes:
        return [*found, missing(settings.remote, remotes)]
    heads = ask(git, settings.remote, settings.branch)
    return [*found, remote(settings.remote, settings.branch, heads), names(settings.branch, heads.default, local)]


def version(text: str) -> Finding:
    """Judge what `git --version` prints."""
    told = VERSION.search(text)
    if told is None:
        return unknown("git", f"its version cannot be read: {text[:80]!r}.", "Git 2.38 or newer is needed.")
    if (int(told[1]), int(told[2])) < OLDEST:
        return no("git", f"{told[0]} is older than 2.38 and cannot merge without a checkout.", "Install a newer Git.")
    return ok("git", told[0])


def history(shallow: bool) -> Finding:
    """Judge whether all commits are here."""
    if shallow:
        return no(
            "history",
            "this clone is shallow, and releases are read from history.",
            "Run `git fetch --unshallow`; in a workflow, check out with `fetch-depth: 0` (GitLab: `GIT_DEPTH: 0`).",
        )
    return ok("history", "all of it is here")


def missing(name: str, remotes: Sequence[str]) -> Finding:
    """Say that there is no remote of that name."""
    if remotes:
        return no(
            "remote",
            f"there is no remote {name!r}, only {', '.join(map(repr, remotes))}.",
            "Set `remote` under [tool.mlops] in pyproject.toml to the one that releases go to.",
        )
    return no("remote", "there is none.", f"Make an empty repository at your forge, and `git remote add {name} URL`.")


def remote(name: str, branch: str, heads: Heads) -> Finding:
    """Judge whether a remote answers, and has the main branch."""
    if heads.trouble:
        return unknown(
            "remote", f"{name!r} does not answer: {heads.trouble}", f"Mend it until `git ls-remote {name}` works."
        )
    if branch not in heads.names:
        return no("remote", f"{name!r} has no branch {branch!r}.", f"Run `git push --set-upstream {name} {branch}`.")
    return ok("remote", f"{name!r} answers and has {branch!r}")


def names(branch: str, default: str, local: Sequence[str]) -> Finding:
    """Judge whether the forge, this clone and [tool.mlops] mean one branch by the main one."""
    if default and default != branch:
        return no(
            "main branch",
            f"the forge opens with {default!r}, and releases go to {branch!r}.",
            f"Make {branch!r} the default branch in the forge's settings, or set `branch` under [tool.mlops].",
        )
    other = next((name for name in USUAL if name in local and name != branch), "")
    if other and branch not in local:
        return no(
            "main branch",
            f"this clone calls it {other!r}, and releases go to {branch!r}.",
            f"Run `git branch --move {other} {branch}`.",
        )
    return ok("main branch", f"{branch!r}" + (" at the forge, too" if default else ""))


def ask(git: Git, name: str, branch: str) -> Heads:
    """Ask a remote for its main branch, and for the one that it opens with."""
    try:
        done = git.attempt("ls-remote", "--symref", name, "HEAD", f"refs/heads/{branch}", timeout=SECONDS)
    except MlopsError as error:
        return Heads(trouble=str(error))
    if done.returncode:
        return Heads(trouble=complaint(done))
    lines = [line.split("\t") for line in done.stdout.decode("utf-8", "replace").splitlines() if "\t" in line]
    opens = next((first.removeprefix("ref: refs/heads/") for first, _ in lines if first.startswith("ref: ")), "")
    return Heads(tuple(ref.removeprefix("refs/heads/") for _, ref in lines if ref.startswith("refs/heads/")), opens)
