from __future__ import annotations

import os
import select
import signal
import socket
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from unit.local.project import RELEASE, Project, bundle, git
from unit.local.reconciling import Load, served, up
from unit.serving.bundle_factory import FEATURES, ROW
from unit.serving.processes import DEADLINE, ask

from mlops.contract.errors import MlopsError
from mlops.delivery import local
from mlops.delivery.local_feedback import KEY, feedback_options


def test_a_release_and_its_revert_are_served_without_a_failed_request(project: Project, tmp_path: Path) -> None:
    first = project.record(bundle(tmp_path, 1), "20240501-1")
    second = project.record(bundle(tmp_path, 2), "20240501-2")
    with up(project.settings) as reconciler:
        assert reconciler.wait_for("waiting") == "staging: nothing is released yet on origin/main; waiting"
        project.release(first)
        port = reconciler.serves(first.id)
        load = Load(port)
        project.release(second)
        reconciler.serves(second.id)
        assert served(port) == second.id
        reconciler.wait_for(f"{first.id} drained")
        project.revert()
        reconciler.serves(first.id)
        assert served(port) == first.id
        reconciler.wait_for(f"{second.id} drained")
        load.stop()
        assert load.failures == []
        assert {first.id, second.id} == set(load.answers)
        assert load.answers[-1] == first.id
        running = local.running(project.settings, "staging")
        assert running is not None
        assert (running.release, running.port, running.pid) == (first.id, port, reconciler.process.pid)
        live = local.live(project.settings, "staging")
        assert live is not None
        assert (live["release"], live["digest"], live["commit"]) == (first.id, first.image.digest, first.commit)
        processes = watch(running.server_pid)
        project.revert_to_nothing()
        reconciler.wait_for(f"origin/main names no release any more; {first.id} stays")
        assert served(port) == first.id
        assert reconciler.end() == 0
    assert local.running(project.settings, "staging") is None
    assert ended(processes)


def test_what_cannot_be_served_leaves_the_old_one_and_says_why(project: Project, tmp_path: Path) -> None:
    good = project.record(bundle(tmp_path, 1), "20240501-1")
    broken = project.record(
        bundle(tmp_path, 2, features="import pandas\n" + FEATURES.partition("annotations\n")[2]), "20240501-2"
    )
    other = project.record(bundle(tmp_path, 3), "20240501-3")
    wrong = other.model_copy(update={"model": good.model})
    missing = good.model_copy(
        update={"id": "20240501-4", "image": good.image.model_copy(update={"digest": "sha256:" + "0" * 64})}
    )
    edited = other.model_copy(update={"id": "20240501-5"})
    project.release(good)
    with up(project.settings) as reconciler:
        port = reconciler.serves(good.id)
        load = Load(port, 1)
        project.release(broken)
        said = reconciler.wait_for(f"{broken.id} cannot be served")
        assert "features.py imports 'pandas', something that the server does not have" in said
        assert f"{good.id} keeps serving." in said
        project.release(wrong)
        said = reconciler.wait_for(f"{wrong.id} cannot be served")
        assert f"model.sha256 of release {wrong.id!r} is {good.model.sha256!r}" in said
        project.release(missing)
        assert "not on this machine" in reconciler.wait_for(f"{missing.id} cannot be served")
        image = project.storage / "images" / edited.image.digest.removeprefix("sha256:")
        (image / "bundle" / "task.json").write_text("{}")
        project.release(edited)
        assert "they were changed" in reconciler.wait_for(f"{edited.id} cannot be served")
        (project.root / RELEASE).write_text("release: {id: 1}\n")
        project.push("Edit the record by hand")
        assert "not a release record" in reconciler.wait_for("release.yaml")
        load.stop()
        assert load.failures == []
        assert set(load.answers) == {good.id}
        assert served(port) == good.id


def test_a_server_that_dies_is_started_again_and_nobody_is_refused(project: Project, tmp_path: Path) -> None:
    record = project.record(bundle(tmp_path, 1), "20240501-1")
    project.release(record)
    with up(project.settings) as reconciler:
        port = reconciler.serves(record.id)
        running = local.running(project.settings, "staging")
        assert running is not None
        assert running.server_pid is not None
        os.kill(running.server_pid, signal.SIGKILL)
        assert "exit code -9" in reconciler.wait_for("stopped answering")
        assert served(port) == record.id
        reconciler.serves(record.id)


def test_the_server_ends_with_a_reconciler_that_is_killed(project: Project, tmp_path: Path) -> None:
    project.release(project.record(bundle(tmp_path, 1), "20240501-1"))
    with up(project.settings) as reconciler:
        reconciler.serves("20240501-1")
        running = local.running(project.settings, "staging")
        assert running is not None
        assert running.server_pid is not None
        processes = watch(running.server_pid)
        reconciler.process.kill()
        reconciler.process.wait()
        assert ended(processes)
    assert local.running(project.settings, "staging") is None
    assert local.down(project.settings, "staging") is False


def test_detached_up_says_what_it_did_and_down_ends_it(project: Project, tmp_path: Path) -> None:
    said: list[str] = []
    record = project.record(bundle(tmp_path, 1), "20240501-1")
    project.release(record)
    local.up(project.settings, "staging", port=0, poll=0.05, detach=True, say=said.append)
    try:
        running = local.running(project.settings, "staging")
        assert running is not None
        assert said[-1] == f"staging: {record.id} (commit {record.commit[:7]}) is serving on {running.url}"
        assert served(running.port) == record.id
        processes = watch(running.pid, running.server_pid)
        with pytest.raises(MlopsError, match=f"'staging' is up already on {running.url}"):
            local.up(project.settings, "staging", port=0, detach=True)
        with pytest.raises(MlopsError, match="is up already"):
            local.up(project.settings, "staging", port=0)
    finally:
        assert local.down(project.settings, "staging") is True
    assert local.running(project.settings, "staging") is None
    assert len(processes) == 2
    assert ended(processes)


def test_detached_up_returns_while_nothing_is_released(project: Project) -> None:
    said: list[str] = []
    local.up(project.settings, "staging", port=0, detach=True, say=said.append)
    assert local.down(project.settings, "staging") is True
    assert said == ["staging: nothing is released yet on origin/main; waiting"]


def test_an_environment_that_does_not_exist_is_said(project: Project) -> None:
    with pytest.raises(MlopsError, match="No environment 'stagin'"):
        local.up(project.settings, "stagin", port=0)


def test_a_port_that_is_taken_is_said(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for detach in (True, False):
            with pytest.raises(MlopsError, match=f"cannot listen on 127.0.0.1:{port}"):
                local.up(project.settings, "staging", port=port, detach=detach)


def test_without_a_remote_the_local_branch_is_followed(project: Project, tmp_path: Path) -> None:
    project.release(project.record(bundle(tmp_path, 1), "20240501-1"))
    git(project.settings.root, "pull", "--quiet")
    git(project.settings.root, "remote", "remove", "origin")
    with up(project.settings) as reconciler:
        reconciler.serves("20240501-1")


def watch(*pids: int | None) -> list[int]:
    """Open processes that are no children of ours, to see their end."""
    return [os.pidfd_open(pid) for pid in pids if pid is not None]


def ended(pidfds: list[int]) -> bool:
    """Wait for the end of processes."""
    try:
        return all(select.select([pidfd], [], [], DEADLINE)[0] for pidfd in pidfds)
    finally:
        for pidfd in pidfds:
            os.close(pidfd)


def test_feedback_survives_a_restart_and_its_key_is_nobody_elses(project: Project, tmp_path: Path) -> None:
    first = project.record(bundle(tmp_path, 1), "20240501-1")
    project.release(first)
    key = project.settings.cache / KEY
    kept = project.settings.cache / "feedback" / "staging"
    with up(project.settings) as reconciler:
        port = reconciler.serves(first.id)
        (answer,) = posted(port, "/predict", {"rows": [ROW]})["predictions"]
        assert reconciler.end() == 0
    assert key.stat().st_mode & 0o777 == 0o600
    assert (kept.stat().st_mode & 0o777, len(list((kept / "inputs").iterdir()))) == (0o700, 1)
    with up(project.settings) as reconciler:
        port = reconciler.serves(first.id)
        outcome = {"prediction_id": answer["prediction_id"], "outcome": True}
        assert posted(port, "/feedback", {"outcomes": [outcome]})["results"] == [{"result": "counted"}]
        assert reconciler.end() == 0


def test_a_server_from_before_feedback_gets_no_option_for_it(project: Project, tmp_path: Path) -> None:
    assert feedback_options(project.settings, "staging", tmp_path) == []


def posted(port: int, path: str, body: object) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    answer: dict[str, Any] = ask(connection, "POST", path, body).json
    connection.close()
    return answer
