from __future__ import annotations

import hashlib
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlops import environment
from mlops.contract.errors import MlopsError
from mlops.environment import serving_python

WHEEL = {
    "tiny/__init__.py": "answer = 42\n",
    "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny-1.0.dist-info/RECORD": "",
}


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One package of our own, locked by its hash: nothing is downloaded."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.delenv("MLOPS_ENVS", raising=False)
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in WHEEL.items():
            archive.writestr(name, text)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    path = tmp_path / "serve.txt"
    path.write_text(f"tiny @ {wheel.as_uri()} --hash=sha256:{digest}\n")
    return path


def test_many_at_once_make_one_environment_with_exactly_that(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []
    real = environment._build

    def build(home: Path, python: Path, requirements: Path) -> None:
        built.append(home)
        real(home, python, requirements)

    monkeypatch.setattr(environment, "_build", build)
    with ThreadPoolExecutor(4) as pool:
        pythons = set(pool.map(lambda _: serving_python(requirements, tmp_path / "envs"), range(4)))
    assert len(pythons) == len(built) == 1
    python = pythons.pop()
    code = "import tiny, importlib.metadata as m; print(tiny.answer, [d.name for d in m.distributions()])"
    assert subprocess.check_output([python, "-c", code], text=True) == "42 ['tiny']\n"
    other = requirements.with_name("other.txt")
    other.write_text(requirements.read_text() + "# changed\n")
    assert serving_python(other, tmp_path / "envs") != python


def test_what_a_killed_process_left_is_made_again(requirements: Path, tmp_path: Path) -> None:
    python = serving_python(requirements, tmp_path / "envs")
    (python.parents[1] / ".complete").unlink()
    python.unlink()
    assert serving_python(requirements, tmp_path / "envs") == python
    assert python.exists()


def test_the_cache_may_be_named_by_the_environment(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_ENVS", str(tmp_path / "shared"))
    assert serving_python(requirements, tmp_path / "envs").is_relative_to(tmp_path / "shared")


def test_a_wrong_or_missing_hash_says_so_and_leaves_nothing_complete(requirements: Path, tmp_path: Path) -> None:
    text = requirements.read_text()
    requirements.write_text(text.partition("--hash")[0] + "--hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(MlopsError, match=r"(?s)could not be made.*[Hh]ash mismatch.*make setup"):
        serving_python(requirements, tmp_path / "envs")
    requirements.write_text(text.partition("--hash")[0] + "\n")
    with pytest.raises(MlopsError, match=r"(?s)could not be made.*hash"):
        serving_python(requirements, tmp_path / "envs")
    assert list((tmp_path / "envs").glob("*/.complete")) == []
    with pytest.raises(MlopsError, match="is missing: it says what the server needs"):
        serving_python(tmp_path / "nothing.txt", tmp_path / "envs")
