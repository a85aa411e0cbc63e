"""The list of what is inside: whole, valid, and the same for the same pins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from baking import PROJECT

from mlops.contract.errors import MlopsError
from mlops.delivery.sbom import applying, markers, write
from mlops.settings import Settings

PINS = (PROJECT / "requirements/serve.txt").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/serve.txt").write_text(PINS)
    (tmp_path / ".python-version").write_text("3.11\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "sales"\nversion = "0.1.0"\n')
    return Settings(tmp_path, "sales", "p", "p.features", "p.model", target="argocd")


def test_it_is_valid_whole_and_the_same_again(project: Settings) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = write(project, local=False).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert write(project, local=False).read_text() == text
    document = json.loads(text)
    assert "serialNumber" not in document and "timestamp" not in document["metadata"]
    assert document["metadata"]["component"]["name"] == "sales"
    found = {part["name"]: part for part in document["components"]}
    pinned = {line.partition("==")[0] for line in PINS.splitlines() if "==" in line}
    assert set(found) == pinned and len(document["components"]) == len(pinned)
    for part in found.values():
        hashes = part["externalReferences"][0]["hashes"]
        assert hashes and all(f"sha256:{one['content']}" in PINS for one in hashes)


@pytest.mark.parametrize(("python", "numpy"), [("3.11", "2.4"), ("3.12.1", "2.5")])
def test_only_the_pins_of_the_images_python_are_in_it(project: Settings, python: str, numpy: str) -> None:
    (project.root / ".python-version").write_text(python)
    lines = list(applying(PINS, markers(project)))
    assert [line.partition("==")[2][:3] for line in lines if line.startswith("numpy==")] == [numpy]
    assert all("--hash=sha256:" in line for line in lines)


def test_pins_of_another_platform_are_left_out(project: Settings) -> None:
    text = (
        "# by uv\na==1 \\\n    --hash=sha256:1\nb==1 ; sys_platform == 'win32'\nc==1 ; platform_machine == 'x86_64'\n"
    )
    assert list(applying(text, markers(project))) == ["a==1 --hash=sha256:1", "c==1 ; platform_machine == 'x86_64'"]


def test_what_cannot_be_listed_is_said(project: Settings) -> None:
    (project.root / "pyproject.toml").write_text("[project\n")
    with pytest.raises(MlopsError, match=r"requirements/serve\.txt could not be made: .*make setup"):
        write(project, local=False)
