from __future__ import annotations

from pathlib import Path

import pytest

from mlops.commands.settings import lines
from mlops.contract.errors import MlopsError
from mlops.settings import find

OWN = '[project]\nname = "my-model"\n[tool.mlops]\npackage = "p"\nfeatures = "p.features"\nmodel = "p.model"\n'


def test_a_project_is_found_from_any_folder_in_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(OWN)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'not ours'\n")
    assert (find(inner).root, find(inner).slug) == (tmp_path.resolve(), "my-model")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not inside a project"),
        ("[tool.mlops\n", "not valid TOML"),
        ("[tool]\nmlops = 3\n", "must be tables"),
        ("tool = 3\n", "is not inside a project"),
        (OWN.replace('[project]\nname = "my-model"', "project = 3"), "must be tables"),
        (OWN + 'feature = "x"\n', r"the key 'feature' is unknown\. Did you mean 'features'"),
        (OWN.replace('model = "p.model"\n', ""), "the key 'model' is missing"),
        (OWN + "branch = 3\n", "branch is 3 and must be text in quotes"),
        (OWN + 'target = "nomad"\n', "target is 'nomad' and must be one of 'local', 'argocd'"),
        (OWN + 'soak = "30"\n', "soak is '30' and must be a whole number"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(MlopsError, match=words):
        find(tmp_path)


def test_a_file_is_read_as_windows_saves_it_and_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(OWN.replace("\n", "\r\n").encode("utf-8-sig"))
    assert find(tmp_path).slug == "my-model"
    (tmp_path / "pyproject.toml").write_bytes(OWN.encode() + "# café\n".encode("latin-1"))
    with pytest.raises(MlopsError, match=r"pyproject\.toml: not UTF-8 text \(byte \d+\)\. Save it as UTF-8"):
        find(tmp_path)


def test_settings_are_printed_a_line_each_with_their_defaults(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(OWN + 'main = "retrain"\nimage = "a=b c"\n')
    said = lines(find(tmp_path))
    assert {"slug=my-model", "main=retrain", "target=local", "soak=30", "source=", "image=a=b c"} <= set(said)
    assert not any(line.startswith("root=") for line in said)


@pytest.mark.parametrize("value", ['"a\\ntarget=argocd"', '"a\\r"', '"""\na\nb"""', '"a\\u2028b"'])
def test_a_setting_with_a_line_break_would_be_another_one_and_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "pyproject.toml").write_text(OWN + f"image = {value}\n")
    with pytest.raises(MlopsError, match=r"\[tool\.mlops\]: image is .* in one line"):
        lines(find(tmp_path))
