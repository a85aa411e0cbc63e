"""`mlops comment` and `mlops gate --status`: what a forge is told, and what is not read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.delivery.forge_server import Forge, serving
from unit.delivery.world import Clone

from mlops.commands import comment as comments
from mlops.commands import gate as gates
from mlops.commands import gate_status
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.dvc import Dvc

BRANCH = "feature/ü;$(id)"
SETTINGS = '[project]\nname = "p"\n[tool.mlops]\npackage = "p"\nfeatures = "p.features"\nmodel = "p.model"\n'


@pytest.fixture
def forge(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    clone.commit("Settings", {"pyproject.toml": SETTINGS})
    monkeypatch.chdir(clone.path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as there:
        for name, value in there.environ.items():
            monkeypatch.setenv(name, value)
        yield there


def opened(forge: Forge) -> None:
    forge.post("/repos/team/project/pulls", {"head": BRANCH, "base": "main", "title": "t", "body": "x"})


def write(text: bytes) -> Path:
    path = Path("reports/comment.md")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text)
    return path


def test_a_report_is_one_comment_and_only_text(forge: Forge, capsys: pytest.CaptureFixture[str]) -> None:
    opened(forge)
    comments.comment(
        write("# Verdict\n<script>$(id)</script> {{ x }} é\n/approve\n".encode() + b"\xff\0"), BRANCH, missing=""
    )
    assert capsys.readouterr().out == "https://forge.example.com/team/project/pull/1#issuecomment-1\n"
    text = "<!-- mlops report -->\n# Verdict\n<script>$(id)</script> {{ x }} é\n\\/approve\n\ufffd"
    assert [c["body"] for c in forge.comments] == [text]
    comments.comment(write(b"# Another\n"), BRANCH, missing="")
    assert [c["body"] for c in forge.comments] == ["<!-- mlops report -->\n# Another"]


def test_what_is_missing_is_said_in_its_place(forge: Forge) -> None:
    opened(forge)
    comments.comment(Path("reports/none.md"), BRANCH, missing="Not judged.")
    comments.comment(write(b" \n"), BRANCH, missing="Not judged, again.")
    assert [c["body"] for c in forge.comments] == ["<!-- mlops report -->\nNot judged, again."]
    with pytest.raises(MlopsError, match=r"none\.md' is not there or empty") as caught:
        comments.comment(Path("reports/none.md"), BRANCH, missing="")
    assert caught.value.exit_code == 2


def test_a_link_to_what_only_this_machine_may_read_is_not_followed(forge: Forge, tmp_path: Path) -> None:
    opened(forge)
    secret = tmp_path / "secret" / "comment.md"
    secret.parent.mkdir()
    secret.write_text("s3cret")
    Path("report.md").symlink_to(secret)
    Path("reports").symlink_to(secret.parent)
    os.mkfifo("pipe.md")
    for file, words in (("report.md", "is a link"), ("reports/comment.md", "is a link"), ("pipe.md", "is no file")):
        with pytest.raises(MlopsError, match=words):
            comments.comment(Path(file), BRANCH, missing="")
    assert not forge.comments


def judging(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any] | Exception) -> None:
    def judged(*_: object) -> dict[str, Any]:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(gates, "contract", lambda settings: None)
    monkeypatch.setattr(Dvc, "require_reproduced", lambda self: None)
    monkeypatch.setattr(gates, "judged", judged)
    monkeypatch.setattr(gates.reports, "text", lambda found: "the report")
    monkeypatch.setattr(
        gates.reports, "verdict", lambda found: "Yes." if found["passed"] else "No: the champion is better."
    )


def ended(status: bool = True) -> int:
    try:
        gates.gate(None, "staging", status=status)
    except MlopsError as error:
        return error.exit_code
    return 0


@pytest.mark.parametrize(
    ("found", "code", "told"),
    [
        ({"passed": True}, 0, ("success", "Yes.")),
        ({"passed": False}, 1, ("failure", "No: the champion is better.")),
        (MlopsError("No rows."), 2, ("error", "Not judged: No rows.")),
    ],
)
def test_the_verdict_stands_on_the_commit(
    clone: Clone, forge: Forge, monkeypatch: pytest.MonkeyPatch, found: Any, code: int, told: tuple[str, str]
) -> None:
    judging(monkeypatch, found)
    assert ended(status=False) == code and not forge.statuses
    assert ended() == code
    (status,) = forge.statuses[clone.git.head()]
    assert (status["context"], status["state"], status["description"]) == ("mlops/gate", *told)


@pytest.mark.parametrize(
    ("found", "code"), [({"passed": True}, 0), ({"passed": False}, 1), (MlopsError("No rows."), 2)]
)
def test_a_forge_that_does_not_answer_changes_no_verdict(
    forge: Forge, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: Any, code: int
) -> None:
    judging(monkeypatch, found)
    forge.fail = (503, "busy")
    assert ended() == code
    assert "The commit status mlops/gate is not set to" in capsys.readouterr().out
    monkeypatch.delenv("GITHUB_TOKEN")
    assert ended() == code and "No token for the forge" in capsys.readouterr().out


def test_what_nobody_foresaw_is_told_by_its_name_only(
    clone: Clone, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging(monkeypatch, ValueError("s3cret"))
    with pytest.raises(ValueError, match="s3cret"):
        gates.gate(None, "staging", status=True)
    assert forge.statuses[clone.git.head()][0]["description"] == "Not judged: ValueError"


def test_mutant_a_forge_that_ends_the_gate_hides_the_verdict(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    judging(monkeypatch, {"passed": False})
    forge.fail = (503, "busy")
    monkeypatch.setattr(gate_status, "MlopsError", Refused)
    with pytest.raises(MlopsError, match="503") as caught:
        gates.gate(None, "staging", status=True)
    assert caught.value.exit_code == 2
