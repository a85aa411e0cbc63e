"""`make secrets`: what looks like a key or token stays out of Git, and nothing else does."""

from __future__ import annotations

import hashlib
import random
import string
import sys
import zlib
from pathlib import Path

import pytest
from baking import BakedProject, bake

ENVIRONMENT = Path(sys.executable).parent.parent
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase


def token(seed: int) -> str:
    """Make a token as the forge would, with its checksum: no file of this repository may hold one."""
    body = "".join(random.Random(seed).choices(DIGITS, k=30))
    rest, check = zlib.crc32(body.encode()), ""
    while rest:
        rest, digit = divmod(rest, 62)
        check = DIGITS[digit] + check
    return f"gh{'p'}_{body}{check:0>6}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> BakedProject:
    return bake(tmp_path_factory.mktemp("secrets"))


def secrets(project: BakedProject, base: str = "origin/main") -> tuple[int, str]:
    """Look for secrets; returns the exit code and all that is printed."""
    done = project.run(
        "make", "--silent", f"VENV={ENVIRONMENT}", f"--old-file={ENVIRONMENT}/.ready", "secrets", check=False, BASE=base
    )
    return done.returncode, done.stdout + done.stderr


def commit(project: BakedProject, message: str) -> None:
    project.git("add", "--all")
    project.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "--message", message)


def test_only_what_git_would_hold_is_looked_at_and_hashes_are_no_secrets(project: BakedProject) -> None:
    (project.path / ".mlops").mkdir()
    (project.path / ".mlops/token").write_text(token(1))
    sums = [hashlib.md5(str(i).encode()).hexdigest() for i in range(50)]
    (project.path / "data/raw/0001-a.csv.dvc").write_text("outs:\n" + "".join(f"- md5: {s}\n" for s in sums))
    assert secrets(project) == (0, "")


def test_a_token_in_a_file_is_found_and_not_repeated(project: BakedProject) -> None:
    name = "--exclude=*"  # an option of the scanner, were it taken for one
    (project.path / name).write_text(f'key = "{token(2)}"\n')
    code, printed = secrets(project)
    assert code and name in printed and "kingfisher:ignore" in printed and token(2) not in printed
    (project.path / name).write_text(f'key = "{token(2)}"  # kingfisher:ignore\n')
    assert secrets(project)[0] == 0


def test_a_token_that_a_later_commit_removes_is_found(project: BakedProject) -> None:
    (project.path / "gone.txt").write_text(f'key = "{token(3)}"\n')
    commit(project, "Add")
    (project.path / "gone.txt").unlink()
    commit(project, "Remove")
    code, printed = secrets(project, "HEAD~2")
    assert code and "gone.txt" in printed
    assert secrets(project, "HEAD")[0] == 0
