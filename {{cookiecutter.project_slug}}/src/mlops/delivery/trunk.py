"""The branch that environments follow: ask where it is, and move it forward by one commit."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery import protected
from mlops.delivery.git import Git, complaint, without_credentials
from mlops.settings import Settings

# Two pushes that arrive together: the later one loses the remote's lock instead of the fast-forward.
RACES = ("failed to update ref", "cannot lock ref", "incorrect old value", "failed to lock", "already exists")


@dataclass(frozen=True)
class Trunk:
    """The main branch: a remote's, or without a remote (a laptop) this clone's own."""

    git: Git
    branch: str = "main"
    remote: str | None = "origin"

    @property
    def ref(self) -> str:
        """The ref that holds its newest known commit."""
        return f"refs/remotes/{self.remote}/{self.branch}" if self.remote else f"refs/heads/{self.branch}"

    @property
    def where(self) -> str:
        """How to name it to a person."""
        return f"{self.remote}/{self.branch}" if self.remote else f"the local branch {self.branch!r}"

    def known(self) -> str:
        """Name its newest commit as of the last fetch, without the network."""
        return self.git.rev_parse(self.ref)

    def tip(self) -> str:
        """Fetch and name its newest commit.

        Raises:
            MlopsError: The remote cannot be reached or has no such branch.
        """
        if self.remote:
            _fetch(self.git, self.remote, self.branch)
        return self.known()

    def advance(self, new: str, old: str) -> bool:
        """Move it from `old` to its child `new`; False when somebody else was faster.

        Raises:
            MlopsError: The remote refuses for another reason, or a checked-out file is in the way.
        """
        if self.remote:
            return _push(self.git, self.remote, new, self.branch)
        checkout = _checkout(self.git, self.branch)
        if checkout is None:
            return self.git.attempt("update-ref", f"refs/heads/{self.branch}", new, old).returncode == 0
        return _merge(checkout, new)

    def branch_tip(self, name: str) -> str | None:
        """Fetch another branch of the remote and name its newest commit; None where there is none.

        Raises:
            MlopsError: The remote cannot be reached.
        """
        url = self.remote or "."
        found = self.git.attempt("ls-remote", "--exit-code", url, f"refs/heads/{name}")
        if found.returncode == 2:
            return None
        if found.returncode:
            raise MlopsError(f"{self.remote!r} could not be asked for {name!r}: {complaint(found)}")
        sha = found.stdout.split()[0].decode()
        self.git.run("fetch", "--quiet", "--no-tags", url, f"refs/heads/{name}")
        return sha

    def put_branch(self, name: str, new: str, old: str | None) -> bool:
        """Let another branch of the remote be `new`, if it is still `old`; False when somebody else was faster.

        Where `new` is empty the branch goes.

        Raises:
            MlopsError: The remote refuses for another reason.
        """
        return _push(self.git, self.remote or ".", new, name, f"--force-with-lease=refs/heads/{name}:{old or ''}")

    def follow(self, new: str) -> str:
        """Bring a checked-out local branch to `new` where that loses nothing; say so where it cannot be done."""
        checkout = _checkout(self.git, self.branch)
        if not self.remote or checkout is None:
            return ""
        try:
            done = _merge(checkout, new)
        except MlopsError:
            done = False
        return "" if done else f"Your local {self.branch!r} could not follow: `git pull` when you are ready."


def trunk(settings: Settings) -> Trunk:
    """Find the main branch of a project; it is the local one where there is no remote at all.

    Raises:
        MlopsError: The clone is shallow, or has remotes but not the one that [tool.mlops] names.
    """
    git = Git(settings.root)
    git.require_full_history()
    remotes = git.remotes()
    if remotes and settings.remote not in remotes:
        raise MlopsError(
            f"There is no remote {settings.remote!r}, only {', '.join(map(repr, remotes))}. "
            "Set `remote` under [tool.mlops] in pyproject.toml, or `git remote add` it."
        )
    return Trunk(git, settings.branch, settings.remote if remotes else None)


def _fetch(git: Git, remote: str, branch: str) -> None:
    refspec = f"+refs/heads/{branch}:refs/remotes/{remote}/{branch}"
    for _ in range(5):
        done = git.attempt("fetch", "--quiet", "--no-tags", remote, refspec)
        # Another process of this clone may have moved the tracking ref; a lock that lasts is one that nobody holds.
        if b"cannot lock ref" not in done.stderr or b"File exists" in done.stderr:
            break
    if b"couldn't find remote ref" in done.stderr:
        raise MlopsError(f"{remote!r} has no branch {branch!r}. Run `git push -u {remote} {branch}` first.")
    if done.returncode:
        url = without_credentials(git.remote_url(remote) or "no url")
        raise MlopsError(f"{remote!r} ({url}) could not be asked for {branch!r}: {complaint(done)}")


def _push(git: Git, remote: str, sha: str, branch: str, *more: str) -> bool:
    options = ("--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no", *more)
    done = git.attempt("push", *options, remote, f"{sha}:refs/heads/{branch}")
    if not done.returncode:
        return True
    refused = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith("!")]
    if any("[rejected]" in line or any(race in line for race in RACES) for line in refused):
        return False
    if refused:
        reason = refused[0].split("\t")[-1].removeprefix("[remote rejected] ")
        said = without_credentials(done.stderr.decode("utf-8", "replace"))
        other = "" if more else " Or run again with `--via pr`, which opens a pull request."
        raise MlopsError(protected.words(remote, branch, reason, said) + other)
    raise MlopsError(f"`git push {remote}` failed: {complaint(done)}. May this identity write to the repository?")


def _checkout(git: Git, branch: str) -> Git | None:
    """Find the worktree, if any, that has the branch checked out."""
    folder = ""
    for line in os.fsdecode(git.run("worktree", "list", "--porcelain")).split("\n"):
        key, _, value = line.partition(" ")
        folder = value if key == "worktree" else folder
        if key == "branch" and value == f"refs/heads/{branch}" and Path(folder).is_dir():
            return Git(Path(folder))
    return None


def _merge(checkout: Git, new: str) -> bool:
    with _one_at_a_time(checkout):
        done = checkout.attempt("-c", "core.hooksPath=/dev/null", "merge", "--quiet", "--ff-only", "--no-verify", new)
        if not done.returncode:
            return True
        locked = any(word in done.stderr for word in (b".lock'", b"cannot lock ref"))
        if locked or not checkout.is_ancestor("HEAD", new):
            return False
    raise MlopsError(f"Files of yours in {str(checkout.root)!r} are in the way of commit {new[:10]}: {complaint(done)}")


@contextmanager
def _one_at_a_time(checkout: Git) -> Iterator[None]:
    """Keep merges of this project into one working tree apart.

    Git reads HEAD and the index before it takes their locks: of two merges the second would take the first's files,
    not yet in the index, for a person's.
    """
    folder = checkout.root / checkout.text("rev-parse", "--git-dir")
    with (folder / "mlops-merge.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
