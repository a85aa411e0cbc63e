"""What a baked project holds, and that a person could have written it."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from bake.conftest import OTHER
from baking import PROJECT, BakedProject, bake

from mlops.settings import Settings

pytestmark = pytest.mark.bake

ALWAYS = {
    ".dockerignore",
    ".dvc/.gitignore",
    ".dvc/config",
    ".dvcignore",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    ".python-version",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "data/raw/.gitignore",
    "deploy/argocd/applicationset.yaml",
    "deploy/argocd/notifications.yaml",
    "deploy/argocd/project.yaml",
    "deploy/envs/production/values.yaml",
    "deploy/envs/staging/values.yaml",
    "deploy/monitoring/datadog.yaml",
    "deploy/monitoring/elastic.yaml",
    "deploy/monitoring/newrelic.yaml",
    "deploy/monitoring/alertmanager.yaml",
    "deploy/monitoring/prometheus.yaml",
    "deploy/monitoring/settings.yaml",
    "docs/guides/alerts.md",
    "docs/guides/ci.md",
    "docs/guides/cluster.md",
    "docs/guides/doctor.md",
    "docs/guides/feedback.md",
    "docs/guides/image.md",
    "docs/guides/monitoring.md",
    "docs/guides/retraining.md",
    "docs/guides/storage.md",
    "docs/guides/telemetry.md",
    "docs/model-card.notes.md",
    "docs/reference/chart.md",
    "docs/reference/commands.md",
    "docs/reference/contract.md",
    "docs/reference/drift.md",
    "docs/reference/gates.md",
    "docs/reference/settings.md",
    "dvc.yaml",
    "notebooks/explore.ipynb",
    "pyproject.toml",
    "requirements/dev.txt",
    "requirements/serve.txt",
    "requirements/train.txt",
    "requirements/uv.txt",
    "tests/conftest.py",
    "tests/test_contract.py",
    "tests/test_features.py",
    "tests/test_model.py",
}
CHART = {
    "deploy/chart/.helmignore",
    "deploy/chart/Chart.yaml",
    "deploy/chart/ci/full-values.yaml",
    "deploy/chart/ci/minimal-values.yaml",
    "deploy/chart/ci/production-values.yaml",
    "deploy/chart/ci/retrain-values.yaml",
    "deploy/chart/monitoring/dashboard.json",
    "deploy/chart/monitoring/rules.yaml",
    "deploy/chart/templates/_helpers.tpl",
    "deploy/chart/templates/dashboard.yaml",
    "deploy/chart/templates/deployment.yaml",
    "deploy/chart/templates/horizontalpodautoscaler.yaml",
    "deploy/chart/templates/ingress.yaml",
    "deploy/chart/templates/networkpolicy.yaml",
    "deploy/chart/templates/poddisruptionbudget.yaml",
    "deploy/chart/templates/podmonitor.yaml",
    "deploy/chart/templates/prometheusrule.yaml",
    "deploy/chart/templates/retrain.yaml",
    "deploy/chart/templates/service.yaml",
    "deploy/chart/templates/serviceaccount.yaml",
    "deploy/chart/templates/smoke.yaml",
    "deploy/chart/values.schema.json",
    "deploy/chart/values.yaml",
}
GITHUB = {
    ".github/CODEOWNERS",
    ".github/ISSUE_TEMPLATE/config.yml",
    ".github/ISSUE_TEMPLATE/data.yml",
    ".github/ISSUE_TEMPLATE/model.yml",
    ".github/ISSUE_TEMPLATE/service.yml",
    ".github/actions.yaml",
    ".github/actions/credentials/action.yml",
    ".github/actions/credentials/git-credential",
    ".github/actions/credentials/registry-login",
    ".github/actions/setup/action.yml",
    ".github/pull_request_template.md",
    ".github/renovate.json",
    ".github/workflows/main.yml",
    ".github/workflows/pull-request.yml",
    ".github/workflows/retrain.yml",
    ".github/workflows/rollback.yml",
    ".github/zizmor.yml",
}
GITLAB = {
    ".gitlab-ci.yml",
    ".gitlab/CODEOWNERS",
    ".gitlab/issue_templates/data.md",
    ".gitlab/issue_templates/model.md",
    ".gitlab/issue_templates/service.md",
    ".gitlab/merge_request_templates/Default.md",
    ".gitlab/renovate.json",
    "ci/credentials.sh",
    "ci/git-credential",
    "ci/image.sh",
    "ci/main.yml",
    "ci/merge-request.yml",
    "ci/retrain.yml",
    "ci/rollback.yml",
}
OWN = {"__init__.py", "features.py", "model.py"}
EXAMPLE = {
    "contract.yaml",
    "example.mk",
    "gates.yaml",
    "params.yaml",
    "requirements/flights.in",
    "requirements/flights.txt",
    "scripts/demo.py",
    "src/flight_delays/flights.py",
}
MACHINERY = "src/mlops/"
RAW = (
    ".github/workflows/",
    ".github/actions/",
    MACHINERY,
    "notebooks/",
    "deploy/chart/templates/",
    "deploy/chart/monitoring/",
)
# Their braces are Argo CD's: test_argocd.py looks at each.
ARGO = ["deploy/argocd/applicationset.yaml", "deploy/argocd/notifications.yaml"]


def machinery() -> dict[str, bytes]:
    """Read the machinery where it lies in the template."""
    paths = (PROJECT / MACHINERY).rglob("*.py")
    return {path.relative_to(PROJECT).as_posix(): path.read_bytes() for path in paths}


def test_exactly_these_files_with_example_data(example: BakedProject) -> None:
    rest = {name for name in example.files() if not name.startswith(MACHINERY)}
    assert rest == ALWAYS | CHART | GITHUB | EXAMPLE | {f"src/flight_delays/{name}" for name in OWN}


def test_exactly_these_files_without(plain: BakedProject) -> None:
    rest = {name for name in plain.files() if not name.startswith(MACHINERY)}
    assert rest == ALWAYS | CHART | GITLAB | {f"src/koechel_no1/{name}" for name in OWN}


def test_nothing_lies_about_that_is_not_committed(baked: BakedProject) -> None:
    assert baked.git("status", "--porcelain", "--ignored") == ""
    assert [
        path for path in baked.path.rglob("*") if path.is_dir() and not any(path.iterdir()) and ".git" not in path.parts
    ] == []


@pytest.mark.parametrize("name", ["mlflow.db", "mlflow.db-journal", "mlflow.db-wal", "mlflow.db-shm"])
def test_git_ignores_the_notebook_and_what_sqlite_writes_beside_it(example: BakedProject, name: str) -> None:
    assert example.git("check-ignore", name).strip() == name


def test_the_machinery_is_the_same_bytes(baked: BakedProject) -> None:
    copied = {name: (baked.path / name).read_bytes() for name in baked.files() if name.startswith(MACHINERY)}
    assert copied == machinery()


def test_the_chart_is_the_same_bytes(baked: BakedProject) -> None:
    assert {name: (baked.path / name).read_bytes() for name in CHART} == {
        name: (PROJECT / name).read_bytes() for name in CHART
    }


def test_the_machinery_holds_no_jinja() -> None:
    assert [name for name, content in machinery().items() if re.search(rb"\{\{\s*cookiecutter|\{%", content)] == []


def test_no_jinja_is_left(baked: BakedProject) -> None:
    left = [n for n in baked.files() if not n.startswith(RAW) and re.search(r"\{\{|\{%|%\}|\{#", baked.read(n))]
    assert left == ARGO
    assert [name for name in baked.files() if "cookiecutter." in baked.read(name)] == []


def test_a_person_could_have_written_it(baked: BakedProject) -> None:
    for name in baked.files():
        text = baked.read(name)
        blank = "\n\n\n\n" if name.endswith(".py") else "\n\n\n"
        assert blank not in text, name
        assert not re.search(r"[ \t]\n", text), name
        assert text == "" or text.endswith("\n"), name
        assert not text.endswith("\n\n"), name


def test_everything_parses(baked: BakedProject) -> None:
    parsers = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".json": json.loads,
        ".ipynb": json.loads,
        ".yaml": lambda text: list(yaml.safe_load_all(text)),
        ".yml": lambda text: list(yaml.safe_load_all(text)),
    }
    for name in baked.files():
        parse = parsers.get(Path(name).suffix)
        if parse and not name.startswith("deploy/chart/templates/"):
            parse(baked.read(name))


def test_workflows_are_yaml_before_rendering() -> None:
    workflows = list((PROJECT / ".github" / "workflows").glob("*.yml"))
    assert workflows
    for path in workflows:
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {}


def test_answers_arrive(plain: BakedProject) -> None:
    project = tomllib.loads(plain.read("pyproject.toml"))["project"]
    assert project["name"] == "koechel"
    assert project["description"] == OTHER["description"]
    assert project["authors"] == [{"name": OTHER["author"]}]
    assert plain.read("README.md").startswith("# " + OTHER["project_name"].replace("<", "&lt;") + "\n")
    assert plain.read(".python-version") == "3.12\n"
    assert OTHER["author"] in plain.read("LICENSE")
    assert "@music/scores\n" in plain.read(".gitlab/CODEOWNERS")
    assert "url = ../../koechel-storage/dvc" in plain.read(".dvc/config")


@pytest.mark.parametrize("license_", ["Apache-2.0", "MIT", "BSD-3-Clause", "Proprietary"])
def test_one_license(tmp_path: Path, license_: str) -> None:
    words = {
        "Apache-2.0": "Apache License",
        "MIT": "MIT License",
        "BSD-3-Clause": "BSD 3-Clause",
        "Proprietary": "All rights",
    }
    project = bake(tmp_path, license=license_)
    assert [word for word in words.values() if word in project.read("LICENSE")] == [words[license_]]
    assert [name for name in project.files() if "LICENSE" in name] == ["LICENSE"]


def test_without_example_data_nothing_knows_flights(plain: BakedProject) -> None:
    knowing = [
        n for n in plain.files() if re.search(r"(?<!in_)flight|nyc|carrier|airport", plain.read(n), flags=re.IGNORECASE)
    ]
    assert knowing == []


def test_the_settings_page_lists_every_setting(example: BakedProject) -> None:
    listed = re.findall(r"^\| `(\w+)` \|", example.read("docs/reference/settings.md"), flags=re.MULTILINE)
    fields = {field.name for field in dataclasses.fields(Settings)} - {"root", "slug"}
    assert set(listed) == fields
    assert set(tomllib.loads(example.read("pyproject.toml"))["tool"]["mlops"]) <= fields


def test_two_bakes_are_identical(example: BakedProject, tmp_path: Path) -> None:
    again = bake(tmp_path)
    assert again.git("rev-parse", "HEAD^{tree}") == example.git("rev-parse", "HEAD^{tree}")


def test_links_between_pages_lead_somewhere(baked: BakedProject) -> None:
    pages = [name for name in baked.files() if name.endswith(".md")]
    found = [
        (name, path, anchor)
        for name in pages
        for path, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", baked.read(name))
    ]
    assert len(found) > 20
    for name, path, anchor in found:
        there = (baked.path / name).parent / path if path else baked.path / name
        assert there.exists(), f"{name}: {path}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), flags=re.MULTILINE)
            names = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in names, f"{name}: {anchor}"


def test_readmes_are_short_and_start_early(baked: BakedProject) -> None:
    lines = baked.read("README.md").splitlines()
    assert len(lines) <= 120
    assert next(number for number, line in enumerate(lines) if "make setup" in line) < 30
