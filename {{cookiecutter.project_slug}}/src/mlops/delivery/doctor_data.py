"""The doctor's questions about the DVC remote: whether CI and colleagues can use it too."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.delivery import dvc
from mlops.delivery.doctor import NO, Finding, no, ok, unknown
from mlops.delivery.git import without_credentials
from mlops.delivery.remote import Remote, default_remote
from mlops.settings import Settings

SECONDS = 30.0
ERROR = re.compile(r"^ERROR: (.+)$", re.MULTILINE)
GUIDE = "docs/guides/storage.md"
LOCKS = ("requirements/train.txt", "requirements/dev.txt")
CLIENTS = {
    "s3": "dvc-s3", "gs": "dvc-gs", "azure": "dvc-azure", "ssh": "dvc-ssh", "oss": "dvc-oss", "gdrive": "dvc-gdrive",
    "hdfs": "dvc-hdfs", "webhdfs": "dvc-webhdfs", "webdav": "dvc-webdav", "webdavs": "dvc-webdav",
    "http": "dvc-http", "https": "dvc-http",
}  # fmt: skip
# The kinds of file system that another machine can mount too, as Linux names them.
SHARED = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ceph|lustre|beegfs|gpfs|afs"
    r"|fuse\.(sshfs|glusterfs|ceph-fuse|s3fs|gcsfuse|rclone|blobfuse2?)"
)


def findings(settings: Settings, *, forge: bool) -> list[Finding]:
    """Look at the DVC remote.

    Args:
        settings: The project.
        forge: Whether pull requests are made at a forge, whose runners are other machines.
    """
    try:
        remote = default_remote(settings.root)
    except MlopsError as error:
        return [no("data", "there is no DVC remote.", str(error))]
    if forge and not committed(settings.root):
        says = "only .dvc/config.local names the DVC remote, which Git ignores: CI and colleagues have none."
        return [no("data", says, f"Run `dvc remote add --default --force {remote.name} URL`, and commit .dvc/config.")]
    if remote.folder is not None:
        return [folder(remote.folder, kind(remote.folder), forge=forge), writable(remote.folder)]
    locks = [settings.root / name for name in LOCKS]
    text = "\n".join(path.read_text(encoding="utf-8") for path in locks if path.is_file())
    needed = client(remote, text)
    return [needed] if needed.state == NO else [needed, *bucket(remote, ask(settings.root, remote))]


def committed(root: Path) -> bool:
    """Tell whether .dvc/config alone names a remote."""
    try:
        return bool(default_remote(root, ("config",)))
    except MlopsError:
        return False


def folder(path: Path, kind: str | None, *, forge: bool) -> Finding:
    """Judge a remote that is a folder: right for one machine, and for those that mount it."""
    do = f"Move the data to a bucket, or to a folder that the runners mount too: {GUIDE}."
    if kind is None:
        return unknown("data", f"{str(path)!r} is a folder; whether other machines mount it cannot be told.", do)
    if SHARED.fullmatch(kind):
        return ok("data", f"{str(path)!r} is mounted ({kind}); the runners must mount it too")
    if forge:
        return no("data", f"{str(path)!r} is a folder of this machine, which no runner of the forge can read.", do)
    return ok("data", f"{str(path)!r}, a folder of this machine")


def writable(path: Path) -> Finding:
    """Judge whether a folder, or the one that it would be made in, can be read and written."""
    there = next(one for one in (path, *path.parents) if os.path.exists(one))  # noqa: PTH110  Path.exists raises where it may not look
    if there.is_dir() and os.access(there, os.R_OK | os.W_OK | os.X_OK):
        return ok(
            "data access", "it can be read and written" if there == path else "it will be made with the first push"
        )
    return no("data access", f"{str(there)!r} cannot be read and written.", f"Let this account write to {str(path)!r}.")


def client(remote: Remote, locks: str) -> Finding:
    """Judge whether the client of a bucket is among what CI installs."""
    scheme = remote.url.partition("://")[0]
    name = CLIENTS.get(scheme)
    if name is None:
        return unknown("data client", f"{scheme!r} is no kind of remote known here.", f"See {GUIDE}.")
    if not re.search(rf"^{name}==", locks, re.MULTILINE):
        return no(
            "data client",
            f"a remote at {scheme}:// needs {name}, which is not among the dependencies.",
            f"Add {name!r} to the `train` dependencies in pyproject.toml, then `make lock setup`.",
        )
    return ok("data client", f"{name} is among the dependencies")


def bucket(remote: Remote, done: subprocess.CompletedProcess[str] | None) -> list[Finding]:
    """Judge what DVC said when it was asked to list a remote; whether it may write is not tried."""
    url = without_credentials(remote.url)
    if done is None:
        return [unknown("data", f"{url!r} did not answer in {SECONDS:.0f} s.", f"Is it reachable? See {GUIDE}.")]
    if done.returncode:
        said = without_credentials(" ".join(ERROR.findall(done.stderr) or done.stderr.split())[:300])
        do = f"Mend it until `dvc list-url remote://{remote.name}` works; it fails too where nothing was pushed yet."
        return [unknown("data", f"{url!r} could not be listed: {said}", do)]
    write = unknown("data access", "whether it may be written is not tried.", "Run `dvc push --run-cache` once.")
    return [ok("data", f"{url!r} can be read"), write]


def ask(root: Path, remote: Remote) -> subprocess.CompletedProcess[str] | None:
    """Let DVC list the top of a remote; None where it takes too long."""
    command = [sys.executable, "-m", "dvc", "list-url", f"remote://{remote.name}"]
    try:
        return subprocess.run(
            command, cwd=root, env=dvc.environment(), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None


def kind(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """Name the kind of file system that holds a folder; None where this machine does not tell."""
    try:
        table = [line.split(" ") for line in mounts.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return None
    return holder(path, table)


def holder(path: Path, table: Sequence[Sequence[str]]) -> str | None:
    """Find the mount with the longest name above a path; a later one hides an earlier one."""
    found: tuple[int, str] | None = None
    for row in table:
        if len(row) > 2:
            place = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), row[1]))
            if (place == path or place in path.parents) and (found is None or len(place.parts) >= found[0]):
                found = (len(place.parts), row[2])
    return found and found[1]
