"""What trains is everything but what is known to be harmless; a name can hold anything, and says nothing by it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from baking import PROJECT
from unit.delivery.world import Clone, copied, found, sh

from mlops import changes as module
from mlops.changes import harmless, trains

PIPELINE = (PROJECT / "dvc.yaml").read_text(encoding="utf-8").replace("{{ cookiecutter.package_name }}", "shop")
FILES = {
    "docs/a.md": "a\n",
    "data/raw/0001-a.csv.dvc": "outs: []\n",
    "dvc.yaml": PIPELINE,
    "old name.py": "x = 1\n" * 30,
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    clone = found(folder).clone("ada")
    clone.commit("Files", FILES)
    clone.push()
    clone.sh("checkout", "--quiet", "-b", "branch")
    return folder


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Clone:
    return copied(template, tmp_path)


def asked(clone: Clone, base: str = "origin/main", code: int = 0) -> tuple[str, str]:
    """Ask as CI does: Python's own library alone, in a locale that knows only ASCII."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "mlops.changes", base], cwd=clone.path, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT / "src"), "LC_ALL": "C", "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def inputs() -> set[str]:
    """List what the stages depend on, as a file in it where it is a folder."""
    files = {"dvc.yaml", "dvc.lock", "params.yaml"}
    for stage in yaml.safe_load(PIPELINE)["stages"].values():
        files |= {dep if Path(dep).suffix else f"{dep}/inside.md" for dep in stage["deps"]}
        for params in stage.get("params", []):
            files |= set(params) if isinstance(params, dict) else {"params.yaml"}
    return files - {"build/split/inside.md", "build/bundle/inside.md", "reports/validation.json"}


def test_no_input_of_a_stage_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"contract.yaml", "gates.yaml", "requirements/serve.txt", "src/shop/inside.md"} <= inputs()
    assert not [path for path in inputs() if harmless(path)]
    monkeypatch.setattr(module, "FOLDERS", (*module.FOLDERS, "src/"))
    assert [path for path in inputs() if harmless(path)], "a mutant"


@pytest.mark.parametrize(
    "path", ["data/raw/a.csv.dvc", "pyproject.toml", "Dockerfile", "Makefile", ".github/workflows/main.yml",
             ".gitlab-ci.yml", "ci/x.yml", ".dvc/config", ".gitattributes", "src/README.md", "docs", "docsy/a",
             "notebooks/dvc.yaml", "deploy/dvc.lock", "tests/data.csv.dvc", "anything.new", "LICENSE/run.py",
             "CODEOWNERS.py"],
)  # fmt: skip
def test_what_is_not_known_trains(path: str) -> None:
    assert trains(path, PIPELINE)


@pytest.mark.parametrize(
    "path", ["docs/a/b.md", "README.md", "LICENSE", "tests/test_model.py", "notebooks/explore.ipynb", "renovate.json",
             ".github/renovate.json", ".gitlab/renovate.json",
             "deploy/envs/staging/values.yaml", "deploy/envs/staging/dvc.lock", "deploy/chart/values.yaml",
             ".github/ISSUE_TEMPLATE/a.yml",
             ".github/CODEOWNERS", ".gitlab/issue_templates/a.md", ".editorconfig"],
)  # fmt: skip
def test_what_is_known_to_be_harmless_does_not(path: str) -> None:
    assert not trains(path, PIPELINE)


@pytest.mark.parametrize("named", ["notebooks/clean.py", "notebooks", '"./notebooks/"', "notebooks/*.py"])
def test_a_folder_that_the_pipeline_names_trains(named: str) -> None:
    assert trains("notebooks/other.py", f"{PIPELINE}    deps:\n      - {named}\n")
    assert not trains("notebooks/other.py", f"{PIPELINE}    deps:\n      - notebooks.py\n      - src/notebooks\n")


def test_documents_alone(project: Clone) -> None:
    project.commit("Words", {"docs/a.md": "b\n", "README.md": "c\n"})
    said, why = asked(project)
    assert (said, why) == ("train=no\nenvs=no\n", "changes: 2 files changed, none that a model depends on\n")


def test_an_environment_alone(project: Clone) -> None:
    project.commit("Scale", {"deploy/envs/staging/values.yaml": "replicas: 9\n"})
    said, why = asked(project)
    assert said == "train=no\nenvs=yes\n" and "an environment's: 'deploy/envs/staging/values.yaml'" in why


def test_a_removed_pointer_and_a_file_that_moves_into_the_documents(project: Clone) -> None:
    project.commit("Less data", {"data/raw/0001-a.csv.dvc": None})
    assert asked(project)[0].startswith("train=yes")
    project.sh("reset", "--quiet", "--hard", "origin/main")
    project.sh("config", "diff.renames", "copies")
    project.sh("mv", "old name.py", "docs/new name.py")
    project.commit("Move", {})
    assert asked(project) == ("train=yes\nenvs=no\n", "changes: to train and judge: 'old name.py'\n")


def test_only_what_the_branch_changes_counts(project: Clone) -> None:
    project.commit("Words", {"docs/a.md": "b\n"})
    project.sh("checkout", "--quiet", "main")
    project.source("meanwhile")
    project.sh("checkout", "--quiet", "branch")
    assert asked(project)[0].startswith("train=no")
    project.sh("merge", "--quiet", "--no-edit", "main")
    assert asked(project)[0].startswith("train=no"), "main's own change came by a merge"


HOSTILE = ["docs/a\ntrain=no\nenvs=no\n", "x\ntrain=no", "\n::set-output name=train::no", "a\x1b[2K\u202eb", "=", "é😀"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_says_nothing_by_itself(project: Clone, name: str) -> None:
    project.commit("Hostile", {f"src/{name}": "1\n"})
    said, why = asked(project)
    assert said == "train=yes\nenvs=no\n"
    assert why.isascii() and why.count("\n") == 1 and ascii(f"src/{name}") in why


def test_a_name_of_any_bytes(project: Clone) -> None:
    raw = os.fsencode(project.path / "src") + b"/\xff\xfe.py"
    Path(os.fsdecode(raw)).write_text("1\n")
    project.commit("Bytes", {})
    assert asked(project)[1] == "changes: to train and judge: 'src/\\udcff\\udcfe.py'\n"


def test_mutant_that_prints_names_as_they_are_injects_a_line(
    project: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.commit("Hostile", {"src/a\ntrain=no": "1\n"})
    monkeypatch.chdir(project.path)
    monkeypatch.setattr(module, "_few", lambda paths: ", ".join(paths))
    module.main(["origin/main"])
    assert "train=no" in capsys.readouterr().err.splitlines()[-1]


def test_what_git_cannot_tell_is_said_with_what_to_do(project: Clone) -> None:
    project.commit("Words", {"docs/a.md": "b\n"})
    assert "no commit 'origin/\\n$(x)'" in asked(project, "origin/\n$(x)", 2)[1]
    assert "no commit '--help'" in asked(project, "--help", 2)[1]
    assert "make changes BASE=" in asked(project, "", 2)[1]
    project.sh("checkout", "--quiet", "--orphan", "other")
    project.commit("Other", {})
    assert "no commit in common" in asked(project, code=2)[1]
    sh(project.path.parent, "clone", "--quiet", "--depth=1", f"file://{project.path.parent}/origin.git", "shallow")
    said, why = asked(Clone(project.path.parent / "shallow"), code=2)
    assert not said and "fetch-depth: 0" in why
    assert not asked(Clone(project.path.parent), code=2)[0], "no repository"
