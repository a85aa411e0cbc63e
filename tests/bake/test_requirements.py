"""The locked requirements install on each Python that is offered and can be had here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from baking import PROJECT, ROOT

pytestmark = pytest.mark.bake

UV = [sys.executable, "-m", "uv"]
LOCKED = PROJECT / "requirements"
IMPORTS = {
    "serve.txt": "fastapi, numpy, onnxruntime, open_data_contract_standard, uvicorn",
    "train.txt": "numpy, onnxruntime, pandas, pyarrow, scipy, skl2onnx, sklearn",
}


def offered() -> list[str]:
    versions: list[str] = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))["python_version"]
    return versions


def find(version: str) -> str | None:
    """Find a Python: where uv looks, then among pyenv's."""
    found = subprocess.run(
        [*UV, "python", "find", "--system", "--no-project", version], capture_output=True, text=True, cwd="/"
    )
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    others = sorted(str(path) for path in pyenv.glob(f"{version}.*/bin/python"))
    return next(iter([*found.stdout.split(), *others]), None)


PYTHONS = {version: path for version in offered() if (path := find(version))}
if missing := set(offered()) - set(PYTHONS):
    warnings.warn(f"not had here, so not tried: Python {', '.join(sorted(missing))}", stacklevel=1)


def uv(*arguments: str) -> str:
    """Run uv where no project's settings reach it."""
    done = subprocess.run([*UV, *arguments], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_some_python_can_be_had() -> None:
    assert PYTHONS


@pytest.mark.parametrize("version", PYTHONS)
def test_they_install_and_import(version: str, tmp_path: Path) -> None:
    environment = str(tmp_path / "env")
    uv("venv", "--quiet", "--python", PYTHONS[version], environment)
    for name, modules in IMPORTS.items():
        uv("pip", "sync", "--quiet", "--python", environment, "--require-hashes", str(LOCKED / name))
        subprocess.run([f"{environment}/bin/python", "-c", f"import {modules}"], check=True, cwd=tmp_path)
    everything = [str(LOCKED / name) for name in ("dev.txt", "flights.txt")]
    said = uv("pip", "sync", "--dry-run", "--python", environment, "--require-hashes", *everything)
    assert "Would install" in said


def test_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(f"idna==3.10 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    environment = str(tmp_path / "env")
    uv("venv", "--quiet", "--python", next(iter(PYTHONS.values())), environment)
    done = subprocess.run(
        [*UV, "pip", "sync", "--python", environment, "--require-hashes", str(wrong)], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()


@pytest.mark.parametrize(("small", "large"), [("serve.txt", "train.txt"), ("train.txt", "dev.txt")])
def test_the_smaller_file_is_part_of_the_larger(small: str, large: str) -> None:
    pins = {name: pinned((LOCKED / name).read_text(encoding="utf-8")) for name in (small, large)}
    assert pins[small] <= pins[large]


def pinned(text: str) -> set[str]:
    return {line.split(" \\")[0].split(" ;")[0] for line in text.splitlines() if "==" in line and line[0].isalnum()}
