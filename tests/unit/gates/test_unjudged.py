"""Where nothing was judged, a report says so, if it is told what to say; otherwise that is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.commands import gate as command
from mlops.contract.errors import MlopsError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "p"\n[tool.mlops]\npackage = "p"\nfeatures = "p.f"\nmodel = "p.m"\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_words_are_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    command.report("markdown", unjudged="[The run](https://forge.example.com/1) ended early.")
    assert capsys.readouterr().out == "## ⚪ Not judged\n\n[The run](https://forge.example.com/1) ended early.\n"
    command.report("text", unjudged="It ended early.")
    assert capsys.readouterr().out == "Not judged: It ended early.\n"


def test_without_words_it_is_an_error() -> None:
    with pytest.raises(MlopsError, match="is not there"):
        command.report("markdown")


def test_a_report_that_nobody_can_read_is_not_passed_over(project: Path) -> None:
    (project / "reports").mkdir()
    (project / "reports" / "gate.json").write_text("{}")
    with pytest.raises(MlopsError, match=r"gate\.json"):
        command.report("markdown", unjudged="It ended early.")
