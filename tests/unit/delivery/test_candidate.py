from __future__ import annotations

import hashlib
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from unit.delivery.project import CARD, project, settings
from unit.delivery.world import NOON, STAGING, Clone, World, hexed, image, no_sleep

from mlops.contract.errors import MlopsError
from mlops.delivery.builder import LocalBuilder
from mlops.delivery.candidate import gather
from mlops.delivery.image import identity, manifest
from mlops.delivery.release import release


@pytest.fixture
def ready(world: World) -> Clone:
    return project(world)


def test_a_candidate_is_what_the_design_says(ready: Clone) -> None:
    made = gather(settings(ready), ready.git, "staging", card=CARD)
    assert made.commit == ready.git.head()
    assert made.model.sha256 == hexed("the model")
    lines = f"0001-a.csv {hexed('a')}\n0002-b.csv {hexed('b')}\n"
    assert (made.data.sha256, made.data.batches, made.data.rows) == (hexed(lines), 2, 15)
    assert (made.contract.version, made.contract.sha256) == ("1.2.0", hexed("version: 1.2.0\n"))
    assert made.metrics == {"roc_auc": 0.75, "n": 15.0}
    assert set(made.files) == {
        "dvc.lock", "metrics.json", "model-card.md", "chart/Chart.yaml", "chart/templates/app.yaml",
    }  # fmt: skip


def test_it_goes_out_with_its_files_and_replaces_what_was_there(ready: Clone) -> None:
    ready.release(ready.git.head(), "1")
    ready.pull()
    ready.commit("Chart", {"deploy/chart/templates/app.yaml": None, "deploy/chart/templates/new.yaml": "kind: Job\n"})
    ready.push()
    made = gather(settings(ready), ready.git, "staging", card=CARD)
    done = release(ready.trunk, "staging", made, image("2"), now=NOON, sleep=no_sleep)
    assert done.commit is not None
    assert set(ready.git.ls(done.commit, STAGING)) == {
        "values.yaml", "release.yaml", "dvc.lock", "metrics.json", "model-card.md", "chart/Chart.yaml",
        "chart/templates/new.yaml",
    }  # fmt: skip
    assert ready.git.show(done.commit, f"{STAGING}/metrics.json") == (ready.path / "reports/metrics.json").read_bytes()
    assert ready.git.show(done.commit, f"{STAGING}/model-card.md") == CARD


def test_a_commit_that_touches_environments_alone_is_not_the_source(ready: Clone) -> None:
    source = ready.commit("Lock", {})
    ready.commit("Scale", {f"{STAGING}/values.yaml": "replicas: 3\n"})
    assert gather(settings(ready), ready.git, "staging", card=CARD).commit == source


def test_the_chart_is_the_commits_and_not_a_later_one(ready: Clone) -> None:
    entry = ready.git.ls("HEAD", "deploy/chart")["Chart.yaml"]
    assert gather(settings(ready), ready.git, "staging", card=CARD).files["chart/Chart.yaml"] == entry


@pytest.mark.parametrize("name", ["src/app.py", "notes.txt", "params.yaml"])
def test_what_is_not_committed_is_named(ready: Clone, name: str) -> None:
    ready.write({name: "changed"})
    with pytest.raises(MlopsError, match=rf"Not committed: '{name}'.*commit and push what.*other new files") as caught:
        gather(settings(ready), ready.git, "staging", card=CARD)
    assert caught.value.exit_code == 2


def test_what_git_ignores_is_not_released_from_the_source_folder(ready: Clone) -> None:
    ready.write({"src/p/build/table.py": "x = 1\n", ".git/info/exclude": "src/p/build\nbig\n", "big": "data"})
    with pytest.raises(MlopsError, match=r"Ignored by Git.*'src/p/build/table.py'\. A release is made"):
        gather(settings(ready), ready.git, "staging", card=CARD)
    ready.write({"src/p/build/table.py": None, "src/mlops/contract/__pycache__/model.cpython-311.pyc": "x"})
    assert gather(settings(ready), ready.git, "staging", card=CARD)


def test_what_reproducing_writes_and_values_do_not_count_as_uncommitted(ready: Clone) -> None:
    ready.commit("Lock", {"dvc.lock": "old\n"})
    ready.write({"dvc.lock": "new\n", f"{STAGING}/values.yaml": "replicas: 7\n"})
    assert gather(settings(ready), ready.git, "staging", card=CARD).model.sha256 == hexed("the model")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"metrics": {"roc_auc": NaN}}', "metric 'roc_auc' is nan and must be a finite number"),
        ('{"metrics": {"roc_auc": -Infinity}}', "is -inf"),
        ('{"metrics": {"roc_auc": null}}', "is None"),
        ('{"metrics": {"roc_auc": "0.9"}}', "is '0.9'"),
        ('{"metrics": {"roc_auc": true}}', "is True"),
        ('{"metrics": {"roc_auc": {"value": 1}}}', "is {'value': 1}"),
        ('{"metrics": {}}', "must map names to numbers"),
        ('{"metrics": [1]}', "must map names to numbers"),
        ("{}", 'no map under "metrics"'),
        ("[]", 'no map under "metrics"'),
        ("{", 'no map under "metrics"'),
    ],
)
def test_metrics_that_are_no_numbers_release_nothing(ready: Clone, text: str, words: str) -> None:
    ready.write({"reports/metrics.json": text})
    with pytest.raises(MlopsError) as caught:
        gather(settings(ready), ready.git, "staging", card=CARD)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "name", ["build/bundle/model.onnx", "build/bundle/task.json", "reports/metrics.json", "dvc.lock"]
)
def test_what_is_missing_is_named_with_the_command_that_makes_it(ready: Clone, name: str) -> None:
    (ready.path / name).unlink()
    with pytest.raises(MlopsError, match=rf"{name}.*dvc repro"):
        gather(settings(ready), ready.git, "staging", card=CARD)


def test_an_unknown_environment_and_a_project_inside_another_repository(ready: Clone) -> None:
    with pytest.raises(MlopsError, match="Did you mean 'staging'"):
        gather(settings(ready), ready.git, "stageing", card=CARD)
    inner = Clone(ready.path / "src")
    with pytest.raises(MlopsError, match="must be one of its own"):
        gather(settings(inner), inner.git, "staging", card=CARD)


def test_the_manifest_is_the_bundle_the_server_and_its_requirements(ready: Clone) -> None:
    ready.write({"build/bundle/p/__pycache__/features.pyc": "x", "src/mlops/serving/__pycache__/a.pyc": "x"})
    assert [file.path for file in manifest(ready.path)] == [
        "bundle/contract.yaml", "bundle/model.onnx", "bundle/p/features.py", "bundle/task.json",
        "requirements/serve.txt", "src/mlops/__init__.py", "src/mlops/contract/__init__.py",
        "src/mlops/contract/model.py", "src/mlops/serving/__init__.py",
    ]  # fmt: skip


def test_the_identity_is_a_sha256_over_sorted_lines(ready: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("sys.version_info", type("V", (), {"major": 3, "minor": 12})())
    ready.write({"Dockerfile": "FROM base\n", ".python-version": "3.11\n"})
    lines = [
        f"{file.path} 100644 {hashlib.sha256(file.source.read_bytes()).hexdigest()}\n" for file in manifest(ready.path)
    ]
    lines = [*sorted(lines), f"Dockerfile 100644 {hexed(chr(70) + 'ROM base' + chr(10))}\n"]
    assert identity(settings(ready)) == "sha256:" + hexed("".join([*lines, "platform linux/amd64 python3.12\n"]))
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert identity(settings(ready)) == "sha256:" + hexed("".join([*lines, "platform darwin/arm64 python3.12\n"]))
    declared = "sha256:" + hexed("".join([*lines, "platform linux/amd64 python3.11\n"]))
    assert identity(replace(settings(ready), target="argocd")) == declared == identity(settings(ready), local=False)


@pytest.mark.parametrize(
    "name",
    ["build/bundle/model.onnx", "build/bundle/p/features.py", "src/mlops/__init__.py", "src/mlops/contract/model.py",
     "src/mlops/serving/__init__.py", "requirements/serve.txt", ".python-version", "Dockerfile", "build/bundle/new"],
)  # fmt: skip
def test_whatever_is_copied_changes_the_identity(ready: Clone, name: str) -> None:
    before = identity(settings(ready))
    path = ready.path / name
    ready.write({name: (path.read_text() if path.exists() else "") + "changed\n"})
    assert identity(settings(ready)) != before


def test_what_is_not_copied_changes_nothing_and_a_mode_does(ready: Clone) -> None:
    before = identity(settings(ready))
    ready.write({"src/mlops/delivery/__init__.py": "y", "src/p/model.py": "y", "reports/metrics.json": "{}"})
    (ready.path / "build/bundle/model.onnx").chmod(0o600)
    assert identity(settings(ready)) == before
    (ready.path / "build/bundle/model.onnx").chmod(0o755)
    assert identity(settings(ready)) != before


def test_two_clones_have_one_identity(ready: Clone, tmp_path: Path) -> None:
    shutil.copytree(ready.path, tmp_path / "elsewhere")
    assert identity(replace(settings(ready), root=tmp_path / "elsewhere")) == identity(settings(ready))


def test_without_a_bundle_it_says_what_to_run(ready: Clone) -> None:
    shutil.rmtree(ready.path / "build")
    with pytest.raises(MlopsError, match=r"'build/bundle' is missing.*dvc repro"):
        manifest(ready.path)


def test_a_built_image_is_found_again_and_holds_the_same_bytes(ready: Clone, tmp_path: Path) -> None:
    (ready.path / "build/bundle/p/features.py").chmod(0o775)
    files, name = manifest(ready.path), identity(settings(ready))
    builder = LocalBuilder(tmp_path / "storage", "local/project")
    assert builder.lookup(name) is None
    digest = builder.build(name, files)
    assert digest == "sha256:" + hashlib.sha256("".join(f.line for f in files).encode()).hexdigest()
    assert builder.lookup(name) == digest == builder.build(name, files)
    for file in files:
        copy = builder.path(digest) / file.path
        assert copy.read_bytes() == file.source.read_bytes()
        assert copy.stat().st_mode & 0o777 == (0o755 if file.path.endswith("features.py") else 0o644)
    assert sorted(p.name for p in (tmp_path / "storage").rglob(".new-*")) == []


def test_an_image_that_was_edited_is_made_again(ready: Clone, tmp_path: Path) -> None:
    files, name = manifest(ready.path), identity(settings(ready))
    builder = LocalBuilder(tmp_path / "storage", "local/project")
    digest = builder.build(name, files)
    model = builder.path(digest) / "bundle/model.onnx"
    model.write_text("another")
    (builder.path(digest) / "bundle/__pycache__").mkdir()
    assert builder.build(name, files) == digest
    assert model.read_text() == "the model"
    shutil.rmtree(builder.path(digest))
    assert builder.lookup(name) is None


def test_builders_at_once_make_one_whole_image(ready: Clone, tmp_path: Path) -> None:
    files, name = manifest(ready.path), identity(settings(ready))
    builder = LocalBuilder(tmp_path / "storage", "local/project")
    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(lambda _: builder.build(name, files), range(16)))
    assert digests == {builder.lookup(name)}
    assert len(list((tmp_path / "storage/images").iterdir())) == len(list((tmp_path / "storage/tags").iterdir())) == 1


def test_a_file_that_changes_while_it_is_copied_is_noticed(ready: Clone, tmp_path: Path) -> None:
    files, name = manifest(ready.path), identity(settings(ready))
    ready.write({"build/bundle/model.onnx": json.dumps("half written")})
    builder = LocalBuilder(tmp_path / "storage", "local/project")
    with pytest.raises(MlopsError, match="changed while it was copied"):
        builder.build(name, files)
    assert builder.lookup(name) is None and list((tmp_path / "storage/images").iterdir()) == []
