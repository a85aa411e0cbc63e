"""A small typed adapter over the `git` binary: run it, and read what a repository holds."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlops.contract.errors import MlopsError

SECONDS = 180.0
FIXED = (
    "i18n.logOutputEncoding=UTF-8",
    "i18n.commitEncoding=UTF-8",
    "core.splitIndex=false",
    "core.fsmonitor=false",
    "core.filesRefLockTimeout=60000",  # Git's own tenth of a second is less than a busy machine may let a process wait
)
# What a Git hook or `git worktree` exports would point these processes at somebody else's index.
INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")


@dataclass(frozen=True)
class Entry:
    """A file of a Git tree: its mode ("100644") and the name of its blob."""

    mode: str
    sha: str


class Git:
    """One repository, or one worktree of it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def attempt(
        self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, timeout: float = SECONDS
    ) -> subprocess.CompletedProcess[bytes]:
        """Run git and return what came out, whatever its exit code.

        Raises:
            MlopsError: There is no git, or it did not end in `timeout` seconds.
        """
        command = ["git", *(part for value in FIXED for part in ("-c", value)), *args]
        try:
            return subprocess.run(
                command, cwd=self.root, input=stdin, env=_environment(env), capture_output=True, timeout=timeout
            )
        except FileNotFoundError as error:
            missing = (
                f"{str(self.root)!r} is no folder." if not self.root.is_dir() else "No `git` on the PATH: install Git."
            )
            raise MlopsError(missing) from error
        except subprocess.TimeoutExpired as error:
            words = f"`git {args[0]}` did not answer in {timeout:.0f} s in {str(self.root)!r}. Is the remote reachable?"
            raise MlopsError(words) from error

    def run(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run git and return its standard output.

        Raises:
            MlopsError: Git failed; the message carries its last lines.
        """
        done = self.attempt(*args, stdin=stdin, env=env)
        if done.returncode:
            raise MlopsError(f"`git {' '.join(args[:2])}` failed in {str(self.root)!r}: {complaint(done)}")
        return done.stdout

    def text(self, *args: str) -> str:
        """Run git and return its output as stripped text."""
        return self.run(*args).decode("utf-8", "replace").strip()

    def rev_parse(self, rev: str) -> str:
        """Name the commit that `rev` means.

        Raises:
            MlopsError: There is no such commit.
        """
        done = self.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        if done.returncode:
            self.run("rev-parse", "--git-dir")
            raise MlopsError(f"{rev!r} is no commit of {str(self.root)!r}. Commit first, or `git fetch`.")
        return done.stdout.decode().strip().splitlines()[-1]

    def head(self) -> str:
        """Name the commit that is checked out."""
        return self.rev_parse("HEAD")

    def toplevel(self) -> Path:
        """Find the root of the working tree."""
        return Path(os.fsdecode(self.run("rev-parse", "--show-toplevel").rstrip(b"\n")))

    def require_full_history(self) -> None:
        """Refuse a shallow clone: what stood before is read from history.

        Raises:
            MlopsError: The clone is shallow.
        """
        if self.text("rev-parse", "--is-shallow-repository") == "true":
            raise MlopsError("This clone is shallow and releases are read from history. Run `git fetch --unshallow`.")

    def dirty(self, ignoring: Iterable[str] = ()) -> list[str]:
        """List files that are not as HEAD has them, but for those that Git ignores or that lie at or under `ignoring`.

        An index of its own makes Git read every file. The repository's remembers times and sizes: a change of the same
        length within the second of a checkout is lost once another program, as DVC does, writes it anew.
        """
        with tempfile.TemporaryDirectory() as place:
            own = {"GIT_INDEX_FILE": str(Path(place) / "index")}
            self.run("read-tree", "HEAD", env=own)
            out = self.run("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", env=own)
        fields = out.split(b"\0")
        paths = [os.fsdecode(field[3:]) for field in fields if field]
        skip = tuple(ignoring)
        return sorted(p for p in paths if not any(p == s or p.startswith(f"{s}/") for s in skip))

    def ignored(self, folder: str) -> list[str]:
        """List the files at or under a folder that no commit holds because Git ignores them."""
        out = self.run("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--", f":(top){folder}")
        return sorted(os.fsdecode(path) for path in out.split(b"\0") if path)

    def show(self, rev: str, path: str) -> bytes | None:
        """Read a file as it is in a commit; None where there is none."""
        return self._objects([f"{rev}:{path}"])[0]

    def blobs(self, shas: Iterable[str]) -> dict[str, bytes]:
        """Read many blobs by name in one go."""
        names = list(dict.fromkeys(shas))
        return {name: data for name, data in zip(names, self._objects(names), strict=True) if data is not None}

    def _objects(self, names: list[str]) -> list[bytes | None]:
        out = self.run("cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode())
        found: list[bytes | None] = []
        at = 0
        for _ in names:
            end = out.index(b"\n", at)
            head = out[at:end].rsplit(b" ", 2)
            size = int(head[2]) if head[-1].isdigit() else -1
            found.append(out[end + 1 : end + 1 + size] if size >= 0 and head[1] == b"blob" else None)
            at = end + 1 + (size + 1 if size >= 0 else 0)
        return found

    def ls(self, rev: str, folder: str) -> dict[str, Entry]:
        """List the files under a folder of a commit or tree, by their path inside it."""
        out = self.run("ls-tree", "-r", "-z", "--full-tree", f"{rev}^{{tree}}", "--", f"{folder}/")
        lines = [line.split(b"\t", 1) for line in out.split(b"\0") if line]
        return {os.fsdecode(path)[len(folder) + 1 :]: Entry(*_mode_and_sha(head)) for head, path in lines}

    def first_parent(self, rev: str) -> list[str]:
        """List the first-parent line of a commit, newest first."""
        return self.text("rev-list", "--first-parent", self.rev_parse(rev)).split()

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Tell whether one commit is another's ancestor, or the same; unknown commits are not."""
        return self.attempt("merge-base", "--is-ancestor", older, newer).returncode == 0

    def remotes(self) -> list[str]:
        """List the names of remotes."""
        return self.text("remote").split()

    def remote_url(self, remote: str) -> str | None:
        """Look a remote's address up."""
        done = self.attempt("remote", "get-url", remote)
        return None if done.returncode else done.stdout.decode().strip()


def complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """Condense what a process said to its last lines, without the credentials of an address."""
    said = (done.stderr or done.stdout).decode("utf-8", "replace") or f"exit code {done.returncode}"
    return without_credentials(" ".join([line for line in said.splitlines() if line.strip()][-4:]))


def without_credentials(text: str) -> str:
    """Blank out what stands before the host of an address."""
    return re.sub(r"://[^@/\s]+@", "://***@", text)


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    env = {key: value for key, value in os.environ.items() if key not in INHERITED}
    quiet = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat"}
    return {**env, **quiet, **(extra or {})}


def _mode_and_sha(head: bytes) -> tuple[str, str]:
    mode, _, sha = head.decode().split()
    return mode, sha
