"""What a stage's exit code says: 1 is a no to the data, and never an error of the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.contract.errors import MlopsError, Refused
from mlops.pipeline.stage import run
from mlops.settings import Settings


@pytest.mark.parametrize(
    ("error", "code"), [(Refused("no"), 1), (MlopsError("not here"), 2), (ZeroDivisionError("a bug"), 2)]
)
def test_only_a_refusal_is_a_no(
    tmp_path: Path,
    error: Exception,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work(settings: Settings) -> str:
        raise error

    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        run("train", work)
    assert caught.value.code == code
    said = capsys.readouterr().err
    assert str(error) in said and ("Traceback" in said) is (type(error) is ZeroDivisionError)


PYPROJECT = '[project]\nname = "shop"\n[tool.mlops]\npackage = "shop"\nfeatures = "shop.f"\nmodel = "shop.m"\n'
