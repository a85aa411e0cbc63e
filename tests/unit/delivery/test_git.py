"""Repositories as they are found: shallow, detached, without a remote, with hooks, signing and odd names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from unit.delivery.world import STAGING, Clone, World, found, sh

from mlops.contract.errors import MlopsError
from mlops.delivery.commit import commit_tree, write
from mlops.delivery.git import Git
from mlops.delivery.layout import environments, require_environment
from mlops.delivery.trunk import Trunk, trunk
from mlops.settings import Settings


def settings(root: Path, **changes: str) -> Settings:
    return Settings(root=root, slug="project", package="p", features="p.features", model="p.model", **changes)


def test_what_is_no_repository_or_has_no_commit_says_so(tmp_path: Path) -> None:
    with pytest.raises(MlopsError, match="not a git repository"):
        Git(tmp_path).head()
    with pytest.raises(MlopsError, match="is no folder"):
        Git(tmp_path / "nowhere").head()
    sh(tmp_path, "init", "--quiet")
    with pytest.raises(MlopsError, match=r"'HEAD' is no commit.*Commit first"):
        Git(tmp_path).head()


def test_without_git_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MlopsError, match="install Git"):
        Git(tmp_path).head()


def test_reading_files_and_folders_of_a_commit(clone: Clone) -> None:
    odd = {"a b/ü ☃.txt": "1", "a b/line\ttab": "2", "a b/-dash": "3", 'a b/"q"': "4"}
    rev = clone.commit("Odd names", odd)
    assert set(clone.git.ls(rev, "a b")) == {name.removeprefix("a b/") for name in odd}
    assert clone.git.ls(rev, "a") == {} and clone.git.ls(rev, "nowhere") == {}
    for name, text in odd.items():
        assert clone.git.show(rev, name) == text.encode()
    assert clone.git.show(rev, "a b") is None
    assert clone.git.show(rev, "a b/missing") is None
    entries = clone.git.ls(rev, "a b")
    assert sorted(clone.git.blobs(e.sha for e in entries.values()).values()) == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("hidden", ["by its time", "by a flag"])
def test_dirty_reads_files_and_does_not_believe_the_index(clone: Clone, hidden: str) -> None:
    file = clone.path / "README.md"
    before, text = file.stat(), file.read_text()
    if hidden == "by a flag":
        clone.git.run("update-index", "--assume-unchanged", "README.md")
    else:
        clone.git.run("config", "core.trustctime", "false")
        os.utime(file, (1_000_000_000, 1_000_000_000))
        clone.git.run("update-index", "--refresh")
        before = file.stat()
    file.write_text(text.swapcase())
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert clone.git.run("status", "--porcelain") == b""
    assert clone.git.dirty() == ["README.md"]


def test_dirty_names_changed_and_untracked_but_not_ignored_files(clone: Clone) -> None:
    clone.commit("Ignore", {".gitignore": "build/\n"})
    assert not clone.git.dirty()
    clone.write(
        {"build/x": "1", "README.md": "changed", "new dir/ü": "1", f"{STAGING}/values.yaml": "x", "dvc.lock": "x"}
    )
    clone.sh("rm", "--quiet", "src/app.py")
    assert clone.git.dirty() == ["README.md", f"{STAGING}/values.yaml", "dvc.lock", "new dir/ü", "src/app.py"]
    assert clone.git.dirty(["deploy/envs", "dvc.lock", "new"]) == ["README.md", "new dir/ü", "src/app.py"]


def test_a_commit_moves_nobodys_files_index_or_branch(clone: Clone) -> None:
    clone.write({"README.md": "half done", "new.txt": "untracked"})
    clone.sh("add", "README.md")
    before = clone.sh("status", "--porcelain"), clone.git.head(), clone.sh("ls-files", "--stage")
    changes = {"src/app.py": None, "deploy/x": write(clone.git, b"\r\n\x00\xff"), "README.md": write(clone.git, b"")}
    sha = commit_tree(clone.git, before[1], changes, "Beside\n\nbody ü")
    assert (clone.sh("status", "--porcelain"), clone.git.head(), clone.sh("ls-files", "--stage")) == before
    assert clone.git.show(sha, "deploy/x") == b"\r\n\x00\xff"
    assert clone.git.show(sha, "README.md") == b"" and clone.git.show(sha, "src/app.py") is None
    assert clone.git.first_parent(sha)[1] == before[1]


def test_a_file_may_become_a_folder_and_back(clone: Clone) -> None:
    entry = write(clone.git, b"x")
    one = commit_tree(clone.git, clone.git.head(), {"README.md": None, "README.md/part": entry}, "Folder")
    assert set(clone.git.ls(one, "README.md")) == {"part"}
    two = commit_tree(clone.git, one, {"README.md": entry, "README.md/part": None}, "File")
    assert clone.git.show(two, "README.md") == b"x"


def test_the_users_identity_is_used_and_a_fixed_one_where_there_is_none(clone: Clone) -> None:
    def who() -> str:
        sha = commit_tree(clone.git, clone.git.head(), {"x": write(clone.git, b"")}, "x")
        return clone.sh("show", "--no-patch", "--format=%an <%ae> %cn <%ce>", sha)

    assert who() == "mlops <mlops@localhost> mlops <mlops@localhost>"
    clone.sh("config", "user.name", "Grace")
    assert who() == "mlops <mlops@localhost> mlops <mlops@localhost>"
    clone.sh("config", "user.email", "grace@example.com")
    assert who() == "Grace <grace@example.com> Grace <grace@example.com>"


def test_signing_hooks_filters_and_inherited_variables_do_not_interfere(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in {
        "commit.gpgSign": "true", "gpg.program": "false", "push.gpgSign": "if-asked", "core.autocrlf": "true",
        "core.splitIndex": "true", "log.showRoot": "false", "log.showSignature": "true", "push.followTags": "true",
        "i18n.logOutputEncoding": "latin1", "diff.renames": "copies", "status.showUntrackedFiles": "no",
        "merge.ff": "false", "pull.rebase": "true", "core.quotePath": "true", "color.ui": "always",
    }.items():  # fmt: skip
        clone.sh("config", key, value)
    for hook in ("pre-commit", "commit-msg", "pre-push", "post-merge", "prepare-commit-msg"):
        path = clone.path / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
        path.chmod(0o755)
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    sha = clone.git.head()
    first = clone.release(sha, "1")
    assert first.kind == "done" and clone.standing() == first.record
    monkeypatch.delenv("GIT_INDEX_FILE")
    monkeypatch.delenv("GIT_DIR")
    assert clone.git.head() == first.commit


def test_a_detached_head_releases_and_moves_no_local_branch(clone: Clone) -> None:
    sha = clone.source("1")
    clone.sh("checkout", "--quiet", "--detach", sha)
    outcome = clone.release(sha, "1")
    assert outcome.kind == "done" and clone.trunk.tip() == outcome.commit
    assert clone.git.head() == sha == clone.git.rev_parse("refs/heads/main")


def test_a_linked_worktree_releases_and_the_main_one_follows(world: World, clone: Clone) -> None:
    sha = clone.source("1")
    clone.sh("worktree", "add", "--quiet", "-b", "other", str(world.root / "linked"))
    outcome = Clone(world.root / "linked").release(sha, "1")
    assert outcome.kind == "done" and clone.git.head() == outcome.commit
    assert (clone.path / STAGING / "release.yaml").is_file()


def test_the_checked_out_main_follows_unless_a_file_of_yours_is_in_the_way(clone: Clone) -> None:
    clone.write({"README.md": "half done"})
    outcome = clone.release(clone.git.head(), "1")
    assert clone.git.head() == outcome.commit and clone.git.dirty() == ["README.md"]
    sha = clone.git.head()
    clone.sh("checkout", "--quiet", "README.md")
    clone.write({f"{STAGING}/release.yaml": "mine\n"})
    back = clone.release(clone.git.first_parent(sha)[1], "2")
    assert back.kind == "done" and "could not follow: `git pull`" in back.words
    assert clone.git.head() == sha
    assert (clone.path / STAGING / "release.yaml").read_text() == "mine\n"


def test_a_laptop_without_a_remote_uses_its_own_main(clone: Clone) -> None:
    clone.sh("remote", "remove", "origin")
    alone = trunk(settings(clone.path))
    assert alone.remote is None
    lone = Clone(clone.path, remote=None)
    first = lone.ship("1")
    assert "No remote" in first.words and lone.git.head() == first.commit and not lone.git.dirty()
    before = lone.tree()
    lone.ship("2")
    lone.rollback()
    assert lone.tree() == before and not lone.git.dirty()
    lone.sh("checkout", "--quiet", "-b", "elsewhere")
    lone.sh("branch", "--force", "main", "HEAD")
    assert lone.rollback(to="20130501-2").commit == lone.git.rev_parse("main") != lone.git.head()
    assert not lone.git.dirty()


def test_a_laptop_says_which_file_is_in_the_way_and_moves_nothing(clone: Clone) -> None:
    lone = Clone(clone.path, remote=None)
    sha = lone.git.head()
    lone.write({f"{STAGING}/release.yaml": "mine\n"})
    with pytest.raises(MlopsError, match=r"(?s)in the way.*release\.yaml"):
        lone.release(sha, "1")
    assert lone.git.head() == sha


def test_a_main_that_moved_is_not_overwritten_without_a_remote(clone: Clone) -> None:
    lone = Trunk(clone.git, "main", None)
    base = clone.git.head()
    new = commit_tree(clone.git, base, {"x": write(clone.git, b"")}, "x")
    clone.commit("Meanwhile", {"y": "y"})
    assert not lone.advance(new, base)
    clone.sh("checkout", "--quiet", "--detach")
    assert not lone.advance(new, base)


def test_a_shallow_clone_is_told_how_to_deepen(world: World) -> None:
    world.clone("ada").source("1")
    sh(world.root, "clone", "--quiet", "--depth=1", world.origin.as_uri(), "shallow")
    with pytest.raises(MlopsError, match="git fetch --unshallow") as caught:
        trunk(settings(world.root / "shallow"))
    assert caught.value.exit_code == 2
    sh(world.root / "shallow", "fetch", "--quiet", "--unshallow")
    assert trunk(settings(world.root / "shallow")).remote == "origin"


def test_a_wrong_missing_or_empty_remote_is_named(world: World, clone: Clone) -> None:
    with pytest.raises(MlopsError, match="no remote 'upstream', only 'origin'"):
        trunk(settings(clone.path, remote="upstream"))
    with pytest.raises(MlopsError, match=r"no branch 'trunk'.*git push -u origin trunk"):
        Trunk(clone.git, "trunk", "origin").tip()
    clone.sh("remote", "set-url", "origin", str(world.root / "gone.git"))
    with pytest.raises(MlopsError, match=r"'origin' \(.*gone\.git\) could not be asked for 'main'"):
        clone.trunk.tip()


def test_a_token_in_an_address_is_not_shown(clone: Clone) -> None:
    clone.sh("remote", "set-url", "origin", "http://user:s3cret@127.0.0.1:9/x.git")
    with pytest.raises(MlopsError) as caught:
        clone.trunk.tip()
    assert "s3cret" not in str(caught.value) and "***@127.0.0.1" in str(caught.value)


def test_a_protected_branch_is_named_and_not_retried(world: World, clone: Clone) -> None:
    hook = world.origin / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'main is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(
        MlopsError, match=r"does not let you push to 'main'.*hook declined.*main is protected"
    ) as caught:
        clone.release(clone.git.head(), "1")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("branch", ["ünï/feat#1", "main@2", "a'b\"c$(id)", "-odd-".strip("-") + "/-x", "release;true"])
def test_odd_branch_names(tmp_path: Path, branch: str) -> None:
    world = found(tmp_path, branch)
    ada = world.clone("ada")
    first = ada.ship("1").record
    ada.ship("2")
    ada.rollback()
    assert ada.standing() == first


def test_an_unknown_environment_names_the_nearest(clone: Clone) -> None:
    assert environments(clone.git, "HEAD") == ["production", "staging"]
    with pytest.raises(MlopsError, match="Did you mean 'staging'"):
        require_environment(clone.git, "HEAD", "stagign")
    for name in ("*", "", "../envs/staging", "staging/chart", "x" * 300, "stag\ning", ".", "-"):
        with pytest.raises(MlopsError, match="No environment"):
            require_environment(clone.git, "HEAD", name)


def test_git_that_hangs_is_stopped(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*args: object, **kwargs: object) -> None:
        raise subprocess.TimeoutExpired("git", 180.0)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(MlopsError, match="did not answer in 180 s"):
        clone.git.attempt("fetch", timeout=180.0)
