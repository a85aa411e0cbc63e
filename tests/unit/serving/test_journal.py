"""The files of what was asked: whole lines, a file a process and day, and no request that fails for them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops.serving import journal
from mlops.serving.journal import Journal, Lines


def lines(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def test_a_file_a_day(tmp_path: Path) -> None:
    now = [datetime(2024, 5, 1, 23, 59, tzinfo=UTC).timestamp()]
    lost: list[int] = []
    kept = Journal(tmp_path, lost.append, lambda: now[0])
    kept.inputs(b'{"a":1}', 1)
    kept.outcomes([b'{"b":1}', b'{"b":2}'])
    now[0] += 60
    kept.inputs(b'{"a":2}', 1)
    kept.close()
    assert [path.name[:8] for path in sorted((tmp_path / "inputs").iterdir())] == ["20240501", "20240502"]
    assert lines(tmp_path / "inputs") == [b'{"a":1}', b'{"a":2}']
    assert lines(tmp_path / "outcomes") == [b'{"b":1}', b'{"b":2}']
    assert not lost


def test_lines_come_without_a_close(tmp_path: Path) -> None:
    kept = Journal(tmp_path, lambda _: None)
    kept.inputs(b"{}", 1)
    while not lines(tmp_path / "inputs"):
        os.sched_yield()


def test_the_end_waits_for_lines_that_are_being_written(tmp_path: Path) -> None:
    kept = Journal(tmp_path, lambda _: None)
    kept.inputs(b"{}", 1)
    kept.close()
    assert kept.thread is not None and not kept.thread.is_alive()
    assert lines(tmp_path / "inputs") == [b"{}"]


def test_half_a_line_spoils_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, write = Lines(tmp_path), os.write
    assert file.append("20240501", [b'{"a":1}'])
    monkeypatch.setattr(journal.os, "write", lambda to, data: write(to, data[:3]))
    assert not file.append("20240501", [b'{"a":2}'])
    monkeypatch.undo()
    assert file.append("20240501", [b'{"a":3}'])
    assert lines(tmp_path) == [b'{"a":1}', b'{"a', b'{"a":3}']


def test_a_folder_that_cannot_be_written_costs_lines_and_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "inputs").write_text("a file")
    lost: list[int] = []
    kept = Journal(tmp_path, lost.append)
    for _ in range(3):
        kept.inputs(b"{}", 5)
        kept.close()
    assert lost == [5, 5, 5]
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event.action"] for line in said] == ["journal"]


def test_what_waits_for_a_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_BYTES", 3)
    lost: list[int] = []
    kept = Journal(tmp_path, lost.append)
    kept.inputs(b"{}  ", 7)
    kept.close()
    assert lost == [7]


def test_a_forked_process_writes_a_file_of_its_own(tmp_path: Path) -> None:
    kept = Journal(tmp_path, lambda _: None)
    kept.outcomes([b"{}"])
    child = os.fork()
    if not child:
        kept.outcomes([b"{}"])
        os._exit(0)
    os.waitpid(child, 0)
    assert len(list((tmp_path / "outcomes").iterdir())) == 2
