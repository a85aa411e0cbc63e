"""What the doctor says of each setting: right, wrong or not told; and one look at a forge of each kind."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from loopback import Quiet, listening
from unit.delivery import registry_server
from unit.delivery.world import Clone

from mlops.commands import doctor as command
from mlops.contract.errors import MlopsError, Refused
from mlops.delivery import bootstrap, doctor_argocd, doctor_data, doctor_git, doctor_github, doctor_gitlab, doctor_rest
from mlops.delivery import doctor_registry as images
from mlops.delivery.argocd_run import Binary
from mlops.delivery.doctor import Finding
from mlops.delivery.doctor_git import Heads
from mlops.delivery.doctor_gitlab import Variable
from mlops.delivery.doctor_rest import Answer, Rest
from mlops.delivery.git import Git
from mlops.delivery.remote import Remote
from mlops.settings import Settings

TOKEN = "s3cret-token"
DENIED, HIDDEN, SILENT = Answer(403, {}), Answer(404, {}), Answer(reason="ConnectTimeout: too slow")
UNTOLD = pytest.mark.parametrize("answer", [DENIED, HIDDEN, SILENT, Answer(500, {})], ids=lambda answer: answer.status)
ODD = pytest.mark.parametrize("body", [None, [1], "odd", {"permissions": None, "protection": None}], ids=repr)
ENVS = ("staging", "production")


def states(findings: list[Finding]) -> dict[str, str]:
    return {finding.topic: finding.state for finding in findings}


def wrong(findings: list[Finding]) -> list[str]:
    """The topics that are to change; whatever is not well says what to do."""
    assert all(finding.do for finding in findings if finding.state != "ok")
    return [finding.topic for finding in findings if finding.state == "no"]


# GitHub

REPO = {
    "permissions": {"admin": False, "push": True, "pull": True},
    "allow_auto_merge": True,
    "allow_squash_merge": True,
    "allow_rebase_merge": False,
    "allow_merge_commit": False,
}
CLASSIC = {"enabled": True, "required_status_checks": {"enforcement_level": "non_admins", "contexts": ["required"]}}
OWNED = {"required_pull_request_reviews": {"require_code_owner_reviews": True}}
UNGUARDED = {"name": "main", "protected": False, "protection": {"enabled": False}}
RULES = [
    {"type": "pull_request", "parameters": {"require_code_owner_review": True}},
    {"type": "required_status_checks", "parameters": {"required_status_checks": [{"context": "required"}]}},
]
CUSTOM = {"protected_branches": False, "custom_branch_policies": True}
ENVIRONMENTS = {"environments": [{"name": env, "deployment_branch_policy": CUSTOM} for env in ENVS]}
ONLY_MAIN = {"branch_policies": [{"name": "main", "type": "branch"}]}
SECRETS = {"secrets": [{"name": "RELEASE_TOKEN"}]}
SEEN = doctor_github.Seen(
    repo=Answer(200, REPO, {"X-OAuth-Scopes": "repo, workflow"}),
    workflow=Answer(200, {"can_approve_pull_request_reviews": True}),
    everybodys=HIDDEN,
    branch=Answer(200, {"name": "main", "protected": True, "protection": CLASSIC}),
    protection=Answer(200, OWNED),
    rules=Answer(200, []),
    environments=Answer(200, ENVIRONMENTS),
    policies=dict.fromkeys(ENVS, Answer(200, ONLY_MAIN)),
    secrets=dict.fromkeys(ENVS, Answer(200, SECRETS)),
)


def github(seen: doctor_github.Seen, *, cluster: bool = False) -> list[Finding]:
    about = doctor_github.About("GITHUB_TOKEN", "team/project", "main", ENVS, cluster)
    return doctor_github.judge(seen, about)


def of_repo(**changed: object) -> dict[str, Answer]:
    return {"repo": Answer(200, {**REPO, **changed})}


def of_staging(**changed: object) -> dict[str, Answer]:
    first, second = ENVIRONMENTS["environments"]
    return {"environments": Answer(200, {"environments": [{**first, **changed}, second]})}


def requiring(**checks: object) -> dict[str, Any]:
    protection = {"enabled": True, "required_status_checks": checks}
    return {"branch": Answer(200, {"protected": True, "protection": protection})}


def allowing(*names: str) -> dict[str, Any]:
    rows = {"branch_policies": [{"name": name} for name in names]}
    return {"policies": {**SEEN.policies, "staging": Answer(200, rows)}}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        of_repo(),
        {"branch": Answer(200, UNGUARDED), "protection": HIDDEN, "rules": Answer(200, RULES)},
        {"branch": Answer(200, {"protected": True}), "protection": DENIED, "rules": Answer(200, RULES)},
        {**of_staging(deployment_branch_policy={"protected_branches": True}), **allowing("release/*")},
        {"secrets": dict.fromkeys(ENVS, Answer(200, {"secrets": []}))},
    ],
)
def test_a_good_github_needs_no_change(changed: dict[str, Any]) -> None:
    assert set(states(github(replace(SEEN, **changed))).values()) == {"ok"}


@pytest.mark.parametrize(
    ("topic", "changed"),
    [
        ("token", {"repo": Answer(200, REPO, {"X-OAuth-Scopes": "gist, workflow"})}),
        ("token", of_repo(permissions={"push": False, "pull": True})),
        ("pull requests", {"workflow": Answer(200, {"can_approve_pull_request_reviews": False})}),
        ("auto-merge", of_repo(allow_auto_merge=False)),
        ("merge methods", of_repo(allow_squash_merge=False)),
        ("required check", requiring(contexts=["lint"])),
        ("required check", requiring(contexts=["required"], enforcement_level="off")),
        ("required check", {"branch": HIDDEN}),
        ("code owners", {"protection": Answer(200, {"required_pull_request_reviews": {}})}),
        ("environment staging", of_staging(name="stage")),
        ("environment staging", of_staging(deployment_branch_policy=None)),
        ("environment staging", allowing("main", "release/*")),
        ("environment staging", allowing("trunk")),
        ("environment staging", allowing()),
    ],
)
def test_each_wrong_setting_of_github_has_its_own_line(topic: str, changed: dict[str, Any]) -> None:
    assert wrong(github(replace(SEEN, **changed))) == [topic]


def test_an_unguarded_branch_and_an_open_secret_are_told() -> None:
    bare = replace(SEEN, branch=Answer(200, UNGUARDED), protection=HIDDEN)
    assert wrong(github(bare)) == ["required check", "code owners"]
    none = replace(SEEN, secrets=dict.fromkeys(ENVS, Answer(200, {"secrets": []})))
    assert wrong(github(none, cluster=True)) == ["secret staging"]
    assert not wrong(github(SEEN, cluster=True))
    assert wrong(github(replace(SEEN, everybodys=Answer(200, {})))) == ["secret staging", "secret production"]


@UNTOLD
@pytest.mark.parametrize(
    ("field", "topics"),
    [
        ("workflow", ["pull requests"]),
        ("protection", ["code owners"]),
        ("rules", ["required check", "code owners"]),
        ("environments", ["environment staging", "environment production"]),
        ("policies", ["environment staging", "environment production"]),
        ("secrets", ["secret staging", "secret production"]),
    ],
)
def test_what_github_does_not_tell_is_no_verdict(field: str, topics: list[str], answer: Answer) -> None:
    bare = {"branch": Answer(200, UNGUARDED), "protection": HIDDEN} if field == "rules" else {}
    told = dict.fromkeys(ENVS, answer) if field in ("policies", "secrets") else answer
    found = github(replace(SEEN, **{**bare, field: told}))
    assert [finding.topic for finding in found if finding.state == "?"] == topics
    assert not wrong(found)


def test_settings_that_are_shown_to_administrators_alone_are_no_verdict() -> None:
    found = github(replace(SEEN, repo=Answer(200, {"permissions": REPO["permissions"]})))
    assert [finding.topic for finding in found if finding.state == "?"] == ["auto-merge", "merge methods"]
    kept = {key: PROJECT[key] for key in ("permissions", "namespace")}
    found = gitlab(replace(LAB, project=Answer(200, kept)))
    assert [finding.topic for finding in found if finding.state == "?"] == ["required check", "merge method"]
    assert not wrong(found)


@UNTOLD
def test_a_branch_that_is_not_told_is_not_called_unguarded(answer: Answer) -> None:
    found = states(github(replace(SEEN, branch=answer, protection=answer)))
    assert (found["required check"], found["code owners"]) == ("no" if answer.status == 404 else "?", "?")


@ODD
def test_no_answer_of_github_makes_it_fall_over(body: object) -> None:
    answer = Answer(200, body)
    everything = dict.fromkeys(ENVS, answer)
    names = ("repo", "workflow", "everybodys", "branch", "protection", "rules", "environments")
    odd = doctor_github.Seen(**dict.fromkeys(names, answer), policies=everything, secrets=everything)
    assert len(github(odd)) == len(github(SEEN))


# GitLab

PROJECT = {
    "namespace": {"kind": "group"},
    "permissions": {"project_access": None, "group_access": {"access_level": 40}},
    "only_allow_merge_if_pipeline_succeeds": True,
    "allow_merge_on_skipped_pipeline": None,
    "merge_method": "merge",
    "ci_push_repository_for_job_token_allowed": False,
}
BRANCH = {"name": "main", "allow_force_push": False, "push_access_levels": [{"access_level": 40}]}
LAB = doctor_gitlab.Seen(
    itself=Answer(200, {"scopes": ["api"], "expires_at": "2031-01-01"}),
    project=Answer(200, PROJECT),
    branches=Answer(200, [BRANCH]),
    variables=(Variable(protected=True, masked=True, of="team/project"),),
)


def gitlab(seen: doctor_gitlab.Seen) -> list[Finding]:
    return doctor_gitlab.judge(seen, "GITLAB_TOKEN", "team/project", "main")


def of_project(**changed: object) -> dict[str, Answer]:
    return {"project": Answer(200, {**PROJECT, **changed})}


def of_branch(**changed: object) -> dict[str, Answer]:
    return {"branches": Answer(200, [{**BRANCH, **changed}])}


@pytest.mark.parametrize("changed", [{}, of_branch(name="ma*"), of_branch(push_access_levels=[{"access_level": None}])])
def test_a_good_gitlab_needs_no_change(changed: dict[str, Any]) -> None:
    assert set(states(gitlab(replace(LAB, **changed))).values()) == {"ok"}


@pytest.mark.parametrize(
    ("topic", "changed"),
    [
        ("token", {"itself": Answer(200, {"scopes": ["read_api"]})}),
        ("token", of_project(permissions={"project_access": {"access_level": 20}})),
        ("required check", of_project(only_allow_merge_if_pipeline_succeeds=False)),
        ("skipped", of_project(allow_merge_on_skipped_pipeline=True)),
        ("protection", of_branch(name="release/*")),
        ("protection", of_branch(allow_force_push=True)),
        ("protection", of_branch(push_access_levels=[{"access_level": 40}, {"access_level": 30}])),
        ("variable", {"variables": ()}),
        ("variable", {"variables": (Variable(protected=False, masked=True, of="team"),)}),
        ("variable", {"variables": (Variable(protected=True, masked=False, of="team"),)}),
    ],
)
def test_each_wrong_setting_of_gitlab_has_its_own_line(topic: str, changed: dict[str, Any]) -> None:
    assert wrong(gitlab(replace(LAB, **changed))) == [topic]


@UNTOLD
def test_what_gitlab_does_not_tell_is_no_verdict(answer: Answer) -> None:
    for field, topic in {"itself": "token", "branches": "protection"}.items():
        found = gitlab(replace(LAB, **{field: answer}))
        assert [finding.topic for finding in found if finding.state == "?"] == [topic]
        assert not wrong(found)
    assert states(gitlab(replace(LAB, **of_branch(push_access_levels=[{"access_level": 0}]))))["protection"] == "?"
    assert states(gitlab(replace(LAB, variables=None, silent="403")))["variable"] == "?"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(401, {}), "no"),
        (HIDDEN, "no"),
        (DENIED, "?"),
        (SILENT, "?"),
        (Answer(500, {}), "?"),
        (Answer(200, {"name": "project"}), "?"),
    ],
)
def test_a_token_that_is_refused_is_wrong_and_one_that_is_not_judged_is_no_verdict(answer: Answer, state: str) -> None:
    assert doctor_github.token("GITHUB_TOKEN", "team/project", answer).state == state
    assert doctor_gitlab.token("GITLAB_TOKEN", "team/project", LAB.itself, answer).state == state
    assert len(gitlab(replace(LAB, project=answer))) == (6 if answer.ok else 1)


@ODD
def test_no_answer_of_gitlab_makes_it_fall_over(body: object) -> None:
    answer = Answer(200, body)
    assert len(gitlab(doctor_gitlab.Seen(answer, answer, answer, None))) == len(gitlab(LAB))


def test_the_variable_of_a_group_counts_and_one_that_is_not_told_is_no_verdict() -> None:
    row = {"key": "RELEASE_TOKEN", "value": TOKEN, "protected": True, "masked": True}
    none, one = Answer(200, []), Answer(200, [row])
    told = {"team/sub/project": none, "team/sub": none, "team": one}
    groups = ["team/sub", "team"]
    assert doctor_gitlab.variables(told, "team/sub/project", groups) == ((Variable(True, True, "team"),), "")
    assert doctor_gitlab.variables({**told, "team": none}, "team/sub/project", groups) == ((), "")
    assert doctor_gitlab.variables({**told, "team": DENIED}, "team/sub/project", groups)[0] is None


# Git, the DVC remote, the registry, Argo CD


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (doctor_git.version("git version 2.39.5 (Apple Git-154)"), "ok"),
        (doctor_git.version("git version 2.38.0"), "ok"),
        (doctor_git.version("git version 2.37.9"), "no"),
        (doctor_git.version("hello"), "?"),
        (doctor_git.history(False), "ok"),
        (doctor_git.history(True), "no"),
        (doctor_git.missing("origin", []), "no"),
        (doctor_git.missing("origin", ["upstream"]), "no"),
        (doctor_git.remote("origin", "main", Heads(("main",), "main")), "ok"),
        (doctor_git.remote("origin", "main", Heads()), "no"),
        (doctor_git.remote("origin", "main", Heads(trouble="timed out")), "?"),
        (doctor_git.names("main", "main", ["main", "topic"]), "ok"),
        (doctor_git.names("main", "", []), "ok"),
        (doctor_git.names("main", "master", ["main"]), "no"),
        (doctor_git.names("main", "main", ["master"]), "no"),
        (doctor_git.names("trunk", "trunk", ["main"]), "no"),
    ],
)
def test_git(finding: Finding, state: str) -> None:
    assert finding.state == state
    assert state == "ok" or finding.do


def test_a_remote_of_another_name_is_named() -> None:
    assert "only 'upstream'" in doctor_git.missing("origin", ["upstream"]).says
    assert "git remote add origin" in doctor_git.missing("origin", []).do


def test_git_asks_the_remote_itself(clone: Clone) -> None:
    assert doctor_git.ask(clone.git, "origin", "main") == Heads(("main",), "main")
    assert doctor_git.ask(clone.git, "origin", "trunk") == Heads((), "main")
    assert "origin" in doctor_git.ask(clone.git, "origin.git", "main").trouble
    assert "is no folder" in doctor_git.ask(Git(clone.path / "none"), "origin", "main").trouble


MOUNTS = [
    ["/dev/sda1", "/", "ext4"],
    ["/dev/sdb1", "/srv", "ext4"],
    ["disk:/shared", "/srv/our\\040disk", "nfs4"],
]


def test_a_folder_is_for_others_only_where_they_can_mount_it(tmp_path: Path) -> None:
    assert [doctor_data.holder(Path(path), MOUNTS) for path in ("/srv/our disk/a", "/srv/our", "/home")] == [
        "nfs4", "ext4", "ext4",
    ]  # fmt: skip
    assert doctor_data.folder(tmp_path, "nfs4", forge=True).state == "ok"
    assert doctor_data.folder(tmp_path, "ext4", forge=True).state == "no"
    assert doctor_data.folder(tmp_path, "ext4", forge=False).state == "ok"
    assert doctor_data.folder(tmp_path, None, forge=True).state == "?"
    assert doctor_data.kind(tmp_path, tmp_path / "none") is None
    assert doctor_data.writable(tmp_path / "not" / "yet").state == "ok"
    (tmp_path / "file").write_text("")
    assert doctor_data.writable(tmp_path / "file" / "inside").state == "no"


def test_a_bucket_needs_its_client_and_a_remote_that_answers() -> None:
    bucket = Remote("storage", "s3://team/data", None)
    assert doctor_data.client(bucket, "dvc==3.67.1 \\\ndvc-s3==3.2.2 \\\n").state == "ok"
    assert doctor_data.client(bucket, "dvc==3.67.1 \\\n    # dvc-s3==3.2.2").state == "no"
    assert doctor_data.client(Remote("storage", "ftp://team", None), "").state == "?"
    for code, expected in ((0, ["ok", "?"]), (255, ["?"])):
        done = subprocess.CompletedProcess("dvc", code, "", "ERROR: Forbidden")
        assert [finding.state for finding in doctor_data.bucket(bucket, done)] == expected
    assert [finding.state for finding in doctor_data.bucket(bucket, None)] == ["?"]
    private = Remote("storage", f"https://ada:{TOKEN}@data.test", None)
    refused = subprocess.CompletedProcess("dvc", 255, "", f"WARNING: x\nERROR: https://ada:{TOKEN}@data.test: 403\n")
    assert doctor_data.bucket(private, refused)[0].says.endswith("could not be listed: https://***@data.test: 403")
    assert TOKEN not in repr([doctor_data.bucket(private, done) for done in (refused, None)])


def test_a_remote_that_only_this_clone_knows_is_none(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "project", "p", "p.f", "p.m")
    assert wrong(doctor_data.findings(settings, forge=False)) == ["data"]
    (tmp_path / ".dvc").mkdir()
    config = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../data\n"
    (tmp_path / ".dvc" / "config.local").write_text(config)
    assert not wrong(doctor_data.findings(settings, forge=False))
    assert "config.local" in doctor_data.findings(settings, forge=True)[0].says
    (tmp_path / ".dvc" / "config").write_text(config)
    assert "config.local" not in doctor_data.findings(settings, forge=True)[0].says
    (tmp_path / ".dvc" / "config").write_text(config.replace("../data", "s3://team/data"))
    (tmp_path / ".dvc" / "config.local").unlink()
    assert wrong(doctor_data.findings(settings, forge=True)) == ["data client"]


def test_a_registry_is_asked_to_pull_and_push_and_keeps_nothing() -> None:
    with registry_server.serving() as there:
        image = f"{there.host}/team/model"
        assert [finding.state for finding in images.registry(image)] == ["ok", "ok"]
        assert there.asked[-2:] == ["POST /v2/team/model/blobs/uploads/", "DELETE /v2/team/model/blobs/uploads/1"]
        assert not there.contents
        there.elsewhere = "https://uploads.test/1"
        assert states(images.registry(image))["image push"] == "ok" and there.asked[-1].startswith("POST")
        for status, state in ((403, "no"), (404, "no"), (405, "?"), (500, "?")):
            there.takes = status
            assert states(images.registry(image)) == {"image pull": "ok", "image push": state}
        there.auth = "basic"
        assert wrong(images.registry(image)) == ["image pull", "image push"]
    assert states(images.registry(image)) == {"image pull": "?", "image push": "?"}
    for name in ("", "Team/Model", "registry.example.com/team/model"):
        assert wrong(images.registry(name)) == ["image"]


def test_a_base_must_be_pinned(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "project", "p", "p.f", "p.m")
    assert wrong([images.base(settings)]) == ["image base"]
    (tmp_path / ".python-version").write_text("3.11\n")
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\n")
    assert wrong([images.base(settings)]) == ["image base"]
    (tmp_path / "Dockerfile").write_text(f"FROM python:3.11-slim@sha256:{'0' * 64}\n")
    assert images.base(settings).state == "ok"


def argocd(folder: Path, script: str, **environ: str) -> Binary:
    folder.mkdir(exist_ok=True)
    (folder / "argocd").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "argocd").chmod(0o755)
    return Binary({"PATH": f"{folder}:{os.defpath}", "ARGOCD_SERVER": "argocd.test", **environ})


@pytest.mark.parametrize(
    ("script", "environ", "state"),
    [
        ('echo \'[{"metadata": {"name": "project-staging"}}]\'', {}, "ok"),
        ("echo '[]'", {}, "ok"),
        ("echo 'code = Unauthenticated desc = invalid session' >&2; exit 20", {"ARGOCD_AUTH_TOKEN": TOKEN}, "no"),
        ("echo 'code = Unauthenticated desc = no session information' >&2; exit 20", {}, "?"),
        ("echo 'code = Unavailable' >&2; exit 20", {}, "?"),
        ("echo 'code = PermissionDenied' >&2; exit 20", {}, "?"),
        ("echo hello", {}, "?"),
    ],
)
def test_argo_cd_is_asked_once(tmp_path: Path, script: str, environ: Mapping[str, str], state: str) -> None:
    found = doctor_argocd.applications("project", argocd(tmp_path / "bin", script, **environ))
    assert found.state == state and TOKEN not in repr(found)
    assert doctor_argocd.applications("project", Binary({"PATH": ""})).state == "?"


def test_argo_cd_follows_the_repository_and_has_a_token() -> None:
    key = bootstrap.status_key("project")
    secret = {"data": {key: TOKEN}}
    assert doctor_argocd.applicationset("project", lambda kind, name: {}).state == "ok"
    assert doctor_argocd.status_token("project", lambda kind, name: secret).state == "ok"
    assert TOKEN not in repr(doctor_argocd.status_token("project", lambda kind, name: secret))
    for nothing in (lambda kind, name: None, lambda kind, name: {"data": {"other": "token"}}):
        assert wrong([doctor_argocd.status_token("project", nothing)]) == ["notifications"]
    assert wrong([doctor_argocd.applicationset("project", lambda kind, name: None)]) == ["following"]
    for get in (MlopsError("No cluster."), _raise):
        assert doctor_argocd.applicationset("project", get).state == "?"
        assert doctor_argocd.status_token("project", get).state == "?"


def test_a_kubeconfig_that_cannot_be_read_is_not_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "kubeconfig"
    broken.write_text(f"{{[token: {TOKEN}")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(broken))
    binary = argocd(tmp_path / "bin", "echo '[]'", ARGOCD_SERVER="", KUBECONFIG=str(broken))
    found = [doctor_argocd.applications("project", binary), *doctor_argocd.findings("project")[1:]]
    assert states(found) == {"argo cd": "?", "following": "?", "notifications": "?"}
    assert "no readable kubeconfig" in found[0].says and TOKEN not in repr(found)


def test_what_threads_ask_with_is_there_before_they_start() -> None:
    """Two threads that import a package at once may each find half of it."""
    assert doctor_rest.requests.get


def _raise(kind: str, name: str) -> None:
    raise MlopsError("Forbidden.")


# The whole command, against a forge on loopback


@contextmanager
def forge(header: str, value: str, answers: Mapping[str, Any], asked: list[str] | None = None) -> Iterator[str]:
    """Serve answers by path to who sends the right header; `{"moved": URL}` leads elsewhere."""

    asked = [] if asked is None else asked

    class Handler(Quiet):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked.append(path)
            status, body = (200, answers[path]) if path in answers else (404, {"message": "Not Found"})
            if self.headers[header] != value:
                status, body = 401, {"message": f"Bad credentials {TOKEN}"}
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            moved = body.get("moved") if isinstance(body, dict) else None
            self.send_response(301 if moved else status)
            if moved:
                self.send_header("Location", moved)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    with listening(Handler) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def project(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a project whose data lie where others can mount them."""
    toml = '[project]\nname = "project"\n[tool.mlops]\npackage = "p"\nfeatures = "p.f"\nmodel = "p.m"\nci = "github"\n'
    config = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = ../../storage\n"
    clone.write({"pyproject.toml": toml, ".dvc/config": config})
    monkeypatch.chdir(clone.path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(doctor_data, "kind", lambda path: "nfs4")
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return clone.path


def run(capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, str]]:
    """Run the doctor: how it ended, and the state of each topic."""
    try:
        command.doctor()
        ended = ""
    except Refused as error:
        ended = str(error)
    out = capsys.readouterr().out
    assert TOKEN not in out + ended
    lines = [line for line in out.splitlines()[:-1] if not line.startswith(" ")]
    found = {line[4:28].strip(): line[:4].strip() for line in lines}
    values = list(found.values())
    counted = f"{values.count('ok')} ok, {values.count('no')} to change, {values.count('?')} unknown"
    assert out.splitlines()[-1] == counted
    return ended, found


def test_github_as_a_whole(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    base = "/repos/team/project"
    answers: dict[str, Any] = {
        base: REPO,
        f"{base}/actions/permissions/workflow": SEEN.workflow.body,
        f"{base}/branches/main": SEEN.branch.body,
        f"{base}/branches/main/protection": OWNED,
        f"{base}/rules/branches/main": [],
        f"{base}/environments": ENVIRONMENTS,
        **{f"{base}/environments/{env}/deployment-branch-policies": ONLY_MAIN for env in ENVS},
        **{f"{base}/environments/{env}/secrets": SECRETS for env in ENVS},
    }
    with forge("Authorization", f"token {TOKEN}", answers) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        monkeypatch.setenv("GITHUB_REPOSITORY", "team/project")
        assert run(capsys) == ("Not ready: token.", {**run(capsys)[1], "token": "no"})
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        ended, found = run(capsys)
        assert (ended, set(found.values())) == ("", {"ok"})
        assert list(found)[:6] == ["git", "history", "remote", "main branch", "token", "pull requests"]
        del answers[f"{base}/environments"]
        answers[base] = {**REPO, "allow_auto_merge": False}
        ended, found = run(capsys)
        assert ended == "Not ready: auto-merge."
        assert found["environment staging"] == found["environment production"] == "?"
        monkeypatch.setenv("GITHUB_TOKEN", f"another {TOKEN}")
        assert run(capsys)[0] == "Not ready: token."
    assert run(capsys)[1]["token"] == "?"


def test_gitlab_as_a_whole(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    toml = project / "pyproject.toml"
    toml.write_text(toml.read_text().replace("github", "gitlab"))
    base = "/projects/team%2Fproject"
    answers = {
        "/personal_access_tokens/self": LAB.itself.body,
        base: PROJECT,
        f"{base}/protected_branches": [BRANCH],
        f"{base}/variables": [],
        "/groups/team/variables": [{"key": "RELEASE_TOKEN", "value": TOKEN, "protected": True, "masked": True}],
    }
    with forge("PRIVATE-TOKEN", TOKEN, answers) as url:
        monkeypatch.setenv("CI_API_V4_URL", url)
        monkeypatch.setenv("CI_PROJECT_PATH", "team/project")
        monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
        ended, found = run(capsys)
        assert (ended, set(found.values())) == ("", {"ok"})
        answers["/groups/team/variables"] = []
        assert run(capsys)[0] == "Not ready: variable."
        del answers["/groups/team/variables"]
        assert run(capsys)[1]["variable"] == "?"
        monkeypatch.setenv("GITLAB_TOKEN", f"another {TOKEN}")
        assert run(capsys)[0] == "Not ready: token."
    assert run(capsys)[1]["token"] == "?"


def test_without_a_forge_the_rest_is_looked_at(
    project: Path, clone: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor_data, "kind", lambda path: "ext4")
    for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
    ended, found = run(capsys)
    assert (ended, found["forge"], found["data"], found["target"]) == ("", "?", "ok", "ok")
    clone.sh("remote", "remove", "origin")
    ended, found = run(capsys)
    assert (ended, found["forge"], found["data"]) == ("Not ready: remote.", "?", "ok")
    (project / ".git").rename(project / "git")
    assert run(capsys)[0] == "Not ready: git."


def test_no_reason_holds_the_token_and_what_speaks_no_json_is_no_answer() -> None:
    with forge("Authorization", "token right", {"/page": b"<html>"}) as url:
        assert Rest(url, {}, TOKEN).get("/page") == Answer(401, ANY, ANY, "Bad credentials ***")
        page = Rest(url, {"Authorization": "token right"}, TOKEN).get("/page")
        assert page.status == 0 and "no JSON" in page.why
    assert Rest(url, {}, TOKEN).get("/page").why.endswith("Connection refused")


def test_a_renamed_repository_is_followed_and_the_token_stays_with_its_forge() -> None:
    elsewhere: list[str] = []
    sent = {"PRIVATE-TOKEN": TOKEN}
    with forge("PRIVATE-TOKEN", TOKEN, {"/taken": {}}, elsewhere) as other:
        moved = {
            "/old": {"moved": "/new"},
            "/new": {"id": 1},
            "/out": {"moved": f"{other}/taken"},
            "/round": {"moved": "/round"},
        }
        with forge("PRIVATE-TOKEN", TOKEN, moved) as url:
            rest = Rest(url, sent, TOKEN)
            assert rest.get("/old").table == {"id": 1}
            assert [rest.get(path).status for path in ("/out", "/round")] == [301, 301]
    assert not elsewhere


def test_outside_a_project_it_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MlopsError, match="is not inside a project") as caught:
        command.doctor()
    assert caught.value.exit_code == 2
