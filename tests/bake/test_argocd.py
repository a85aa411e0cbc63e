"""What Argo CD is told: which repository, where to, what kinds, and how it follows Git."""

from __future__ import annotations

import copy
import json
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from bake.conftest import OTHER
from baking import BakedProject, bake
from unit.chart.rendering import CASES, case, manifests

from mlops.delivery.records import Record

pytestmark = pytest.mark.bake

Document = dict[str, Any]
SLUGS = {
    "flight-delays": "https://git.example.com/team/flight-delays.git",
    OTHER["project_slug"]: OTHER["repository_url"],
}


def read(project: BakedProject, name: str) -> Document:
    document: Document = yaml.safe_load(project.read(f"deploy/argocd/{name}.yaml"))
    assert document["metadata"] == {"name": document["metadata"]["name"], "namespace": "argocd"}
    assert document["metadata"]["name"] in SLUGS
    return document


def faults(document: Document) -> list[str]:
    """List where an ApplicationSet does not follow Git as it must."""
    spec = document["spec"]
    template = spec["template"]["spec"]
    sync = template["syncPolicy"]
    slug, annotations = document["metadata"]["name"], spec["template"]["metadata"]["annotations"]
    checks = {
        "an unknown key of a release is an empty text": spec["goTemplateOptions"] == ["missingkey=error"],
        "no Go template": spec["goTemplate"] is True,
        "resources go with the application": spec["syncPolicy"].get("preserveResourcesOnDeletion") is True,
        "applications go with the file": spec["syncPolicy"].get("applicationsSync") == "create-update",
        "what Git no longer names stays": sync["automated"].get("prune") is True,
        "a change by hand stays": sync["automated"].get("selfHeal") is True,
        "a retry takes the commit that failed": sync["retry"].get("refresh") is True,
        "no retry": sync["retry"]["limit"] > 0,
        "a definite answer takes more than a minute": sum(waits(sync["retry"])) <= 30,
        "nobody is told": f"notifications.argoproj.io/subscribe.{slug}.{slug}" in annotations,
        "no namespace": "CreateNamespace=true" in sync["syncOptions"],
        "pods of any kind": sync["managedNamespaceMetadata"]["labels"].get("pod-security.kubernetes.io/enforce")
        == "restricted",
        "the default project": template["project"] == document["metadata"]["name"],
        "another commit than main's": template["source"]["targetRevision"] == "main",
        "values in another order": template["source"]["helm"]["valueFiles"] == ["../values.yaml", "../release.yaml"],
    }
    return [fault for fault, holds in checks.items() if not holds]


def waits(retry: Document) -> list[int]:
    """List the seconds between tries; each try itself takes some more."""
    backoff = retry["backoff"]
    first, longest = (int(backoff[key].removesuffix("s")) for key in ("duration", "maxDuration"))
    return [min(first * backoff["factor"] ** times, longest) for times in range(retry["limit"])]


def test_it_follows_git(baked: BakedProject) -> None:
    assert faults(read(baked, "applicationset")) == []


Edit = Callable[[Document], object]
MUTANTS: dict[str, Edit] = {
    "an unknown key of a release is an empty text": lambda spec: spec.update(goTemplateOptions=[]),
    "no Go template": lambda spec: spec.update(goTemplate=False),
    "resources go with the application": lambda spec: spec["syncPolicy"].pop("preserveResourcesOnDeletion"),
    "applications go with the file": lambda spec: spec["syncPolicy"].pop("applicationsSync"),
    "what Git no longer names stays": lambda spec: sync(spec)["automated"].pop("prune"),
    "a change by hand stays": lambda spec: sync(spec)["automated"].update(selfHeal=False),
    "a retry takes the commit that failed": lambda spec: sync(spec)["retry"].pop("refresh"),
    "no retry": lambda spec: sync(spec)["retry"].update(limit=0),
    "a definite answer takes more than a minute": lambda spec: sync(spec)["retry"].update(limit=9),
    "nobody is told": lambda spec: spec["template"]["metadata"]["annotations"].popitem(),
    "no namespace": lambda spec: sync(spec)["syncOptions"].clear(),
    "pods of any kind": lambda spec: sync(spec)["managedNamespaceMetadata"]["labels"].clear(),
    "the default project": lambda spec: spec["template"]["spec"].update(project="default"),
    "another commit than main's": lambda spec: spec["template"]["spec"]["source"].update(targetRevision="HEAD"),
    "values in another order": lambda spec: spec["template"]["spec"]["source"]["helm"]["valueFiles"].reverse(),
}


def sync(spec: Document) -> Document:
    found: Document = spec["template"]["spec"]["syncPolicy"]
    return found


@pytest.mark.parametrize("fault", MUTANTS)
def test_it_is_noticed_when(fault: str, example: BakedProject) -> None:
    document = copy.deepcopy(read(example, "applicationset"))
    MUTANTS[fault](document["spec"])
    assert faults(document) == [fault]


def test_every_environment_with_a_release_is_one_application(baked: BakedProject) -> None:
    document = read(baked, "applicationset")
    slug, spec = document["metadata"]["name"], document["spec"]
    (generator,) = spec["generators"]
    assert generator["git"] == {
        "repoURL": SLUGS[slug],
        "revision": "main",
        "files": [{"path": "deploy/envs/*/release.yaml"}],
    }
    staging = filled(spec["template"], {".path.basename": "staging", ".path.path": "deploy/envs/staging"})
    told = {f"notifications.argoproj.io/subscribe.{slug}.{slug}": ""}
    assert staging["metadata"] == {"name": f"{slug}-staging", "annotations": {"release": "20130501-2", **told}}
    source = staging["spec"]["source"]
    assert (source["repoURL"], source["path"]) == (SLUGS[slug], "deploy/envs/staging/chart")
    assert source["helm"]["releaseName"] == slug
    assert staging["spec"]["destination"]["namespace"] == f"{slug}-staging"


def filled(template: Document, facts: dict[str, str]) -> Document:
    """Put facts in for Argo CD's braces; one that is not known is an error, as for Argo CD."""
    assert "id" in Record.model_fields
    known = {**facts, ".release.id": "20130501-2"}
    text = re.sub(r"\{\{ (\S+) \}\}", lambda found: known[found[1]], yaml.safe_dump(template, width=1000))
    assert "{{" not in text
    made: Document = yaml.safe_load(text)
    return made


def test_a_project_allows_its_own_repository_namespaces_and_kinds_alone(baked: BakedProject) -> None:
    project = read(baked, "project")
    slug, spec = project["metadata"]["name"], project["spec"]
    assert spec["sourceRepos"] == [SLUGS[slug]]
    # By name: `<slug>-*` would be the namespaces of `<slug>-eu` too.
    names = [f"{slug}-{env}" for env in ("staging", "production")]
    assert [path.name for path in sorted((baked.path / "deploy/envs").iterdir())] == ["production", "staging"]
    server = "https://kubernetes.default.svc"
    assert spec["destinations"] == [{"server": server, "namespace": name} for name in names]
    assert spec["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace", "name": name} for name in names]
    rendered = {kind(m["apiVersion"], m["kind"]) for name in CASES for m in manifests(case(name))}
    allowed = [(allowed["group"], allowed["kind"]) for allowed in spec["namespaceResourceWhitelist"]]
    # What those kinds make: Argo CD hides of an application's tree what its project does not allow.
    assert allowed == [("", "Pod"), ("apps", "ReplicaSet"), *sorted(rendered)]


def kind(api_version: str, name: str) -> tuple[str, str]:
    return api_version.rpartition("/")[0], name


def test_where_argo_cd_puts_it_is_where_the_project_allows_it(baked: BakedProject) -> None:
    project, applications = (read(baked, name) for name in ("project", "applicationset"))
    allowed = project["spec"]["destinations"]
    template = applications["spec"]["template"]["spec"]
    for env in ("staging", "production"):
        place = template["destination"]
        there = filled(place, {".path.basename": env})
        assert there in allowed
    assert template["project"] == project["metadata"]["name"]
    assert template["source"]["repoURL"] in project["spec"]["sourceRepos"]


def notifications(project: BakedProject) -> dict[str, Any]:
    """Read the keys that are added to the shared ConfigMap, each as the document that its text is."""
    document = yaml.safe_load(project.read("deploy/argocd/notifications.yaml"))
    assert document["metadata"] == {"name": "argocd-notifications-cm", "namespace": "argocd"}
    return {key: yaml.safe_load(text) for key, text in document["data"].items()}


def test_the_forge_is_told_of_the_commit_that_was_applied(baked: BakedProject) -> None:
    slug = read(baked, "project")["metadata"]["name"]
    keys = notifications(baked)
    kinds = {f"{kind}.{slug}" for kind in ("service.webhook", "trigger", "template")}
    assert keys.keys() == {*kinds, f"template.{slug}-same"}
    service = keys[f"service.webhook.{slug}"]
    assert service["url"].startswith("https://git.example.")
    headers = {header["name"]: header["value"] for header in service["headers"]}
    assert f"${slug}-status-token" in (headers.get("PRIVATE-TOKEN"), headers.get("Authorization", "")[len("Bearer ") :])
    for condition in keys[f"trigger.{slug}"]:
        assert [f"template.{name}" in keys for name in condition["send"]] == [True]
        assert condition["oncePer"]
    for name in (slug, f"{slug}-same"):
        (hook,) = keys[f"template.{name}"]["webhook"].values()
        # The annotation may be the next release's; only what Argo CD says about its sync is about this one.
        assert "release" not in hook["path"] + hook["body"]
        assert "/statuses/" in hook["path"] and f'trimPrefix "{slug}-"' in hook["body"]


def test_gitlab_is_told_in_its_own_words(example: BakedProject, plain: BakedProject) -> None:
    github, gitlab = (project.read("deploy/argocd/notifications.yaml") for project in (example, plain))
    words = {"PRIVATE-TOKEN", "/projects/", '"failed"', '"running"', '"name" $context', '"ref" .app'}
    assert {word for word in words if word in gitlab} == words
    assert {word for word in words if word in github} == set()
    assert '"failure"' not in gitlab and '"context"' not in gitlab and "Bearer" not in gitlab


def test_gitlab_is_told_of_the_same(example: BakedProject, plain: BakedProject) -> None:
    """When a commit status is set is no matter of the forge."""
    on_github, on_gitlab = notifications(example)["trigger.flight-delays"], notifications(plain)["trigger.koechel"]
    assert yaml.safe_dump(on_github).replace("flight-delays", "koechel") == yaml.safe_dump(on_gitlab)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (OTHER["repository_url"], "music%2Fscores%2Fkoechel"),
        ("https://gitlab.com/team/model", "team%2Fmodel"),
        ("https://gitlab.example.com:8443/a/b/c/model.git", "a%2Fb%2Fc%2Fmodel"),
        ("ssh://git@gitlab.example.com:2222/team/model.git", "team%2Fmodel"),
    ],
)
def test_gitlab_names_a_project_by_its_whole_path(url: str, path: str, plain: BakedProject, tmp_path: Path) -> None:
    """Rendered by Helm, which has the functions that Argo CD has."""
    for hook in ("koechel", "koechel-same"):
        template = notifications(plain)[f"template.{hook}"]["webhook"]["koechel"]["path"]
        at = {"revision": "1" * 40}
        app = {
            "spec": {"source": {"repoURL": url}},
            "status": {"sync": at, "operationState": {"operation": {"sync": at}, "syncResult": at}},
        }
        assert rendered(template, app, tmp_path) == f"/projects/{path}/statuses/{'1' * 40}"


STATES: dict[str, tuple[str, str, int, str]] = {
    "being applied": ("Running", "Progressing", 0, "pending"),
    # GitLab takes no state twice in a row, but `running` after `pending`.
    "tried again": ("Running", "Progressing", 1, "running"),
    "refused": ("Failed", "Healthy", 4, "failed"),
    "not healthy": ("Succeeded", "Degraded", 0, "failed"),
    "healthy": ("Succeeded", "Healthy", 1, "success"),
}


@pytest.mark.parametrize("case", STATES)
def test_gitlab_is_told_a_state_that_it_knows(case: str, plain: BakedProject, tmp_path: Path) -> None:
    phase, health, retries, state = STATES[case]
    at = {"revision": "1" * 40}
    operation = {"phase": phase, "retryCount": retries, "message": "why", "operation": {"sync": at}, "syncResult": at}
    app = {
        "metadata": {"name": "koechel-staging"},
        "spec": {"source": {"repoURL": OTHER["repository_url"], "targetRevision": "main"}},
        "status": {"sync": at, "health": {"status": health}, "operationState": operation},
    }
    body = notifications(plain)["template.koechel"]["webhook"]["koechel"]["body"]
    told = json.loads(rendered(body, app, tmp_path))
    assert told.pop("description").startswith("Release 1 to staging: ")
    assert told == {"state": state, "name": "mlops/staging", "ref": "main"}


SUBJECT = "(call .repo.GetCommitMetadata $at).Message"


def rendered(template: str, app: Document, folder: Path) -> str:
    """Fill a template of Argo CD with what it says of an application."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: told, version: 0.1.0}\n", encoding="utf-8")
    (folder / "values.yaml").write_text(yaml.safe_dump({"app": app}), encoding="utf-8")
    text = textwrap.indent(template.replace(".app.", ".Values.app.").replace(SUBJECT, '"Release 1 to staging"'), "    ")
    begun = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: told}\ndata:\n  told: >-\n    ="
    (folder / "templates" / "told.yaml").write_text(f"{begun}\n{text}\n", encoding="utf-8")
    (made,) = manifests(chart=folder)
    return str(made["data"]["told"]).removeprefix("=").strip()


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/team/model.git", "https://api.github.com"),
        ("git@github.com:team/model.git", "https://api.github.com"),
        ("https://ghe.example.com:8443/team/model", "https://ghe.example.com:8443/api/v3"),
        ("ssh://git@ghe.example.com:2222/team/model.git", "https://ghe.example.com/api/v3"),
        ("ssh://ghe.example.com/team/model.git", "https://ghe.example.com/api/v3"),
        ("ssh://git@ssh.github.com:443/team/model.git", "https://api.github.com"),
    ],
)
def test_the_api_of_github(url: str, api: str, tmp_path: Path) -> None:
    project = bake(tmp_path, project_slug="model-one", package_name="model_of", example_data="no", repository_url=url)
    assert notifications(project)["service.webhook.model-one"]["url"] == api


def test_the_api_of_gitlab(plain: BakedProject) -> None:
    assert notifications(plain)["service.webhook.koechel"]["url"] == "https://git.example.org/api/v4"


def test_the_api_of_gitlab_by_its_other_name(tmp_path: Path) -> None:
    url = "ssh://git@altssh.gitlab.com:443/team/model.git"
    answers = {"project_slug": "model-one", "package_name": "model_of", "ci_provider": "gitlab"}
    project = bake(tmp_path, **answers, repository_url=url)
    assert notifications(project)["service.webhook.model-one"]["url"] == "https://gitlab.com/api/v4"


@pytest.mark.parametrize("slug", ["on", "null", "yes", "e1"])
def test_a_slug_that_yaml_could_read_as_something_else(slug: str, tmp_path: Path) -> None:
    project = bake(tmp_path, project_slug=slug, package_name="model_of", example_data="no")
    for name in ("project", "applicationset"):
        document = yaml.safe_load(project.read(f"deploy/argocd/{name}.yaml"))
        assert document["metadata"]["name"] == slug
    triggers = notifications(project)[f"trigger.{slug}"]
    assert {name for condition in triggers for name in condition["send"]} == {slug, f"{slug}-same"}
    assert document["spec"]["template"]["spec"]["project"] == slug
    assert document["spec"]["template"]["spec"]["source"]["helm"]["releaseName"] == slug
