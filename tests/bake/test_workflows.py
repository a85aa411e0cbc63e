"""The workflows of a project on GitHub: linted, pinned, and each guard seen to turn red by what it guards against."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import check_jsonschema
import pytest
import yaml
from baking import PROJECT, BakedProject
from jsonschema.validators import validator_for
from loopback import Quiet, listening
from packaging.requirements import Requirement
from typer.main import get_command

from mlops.cli import app

pytestmark = pytest.mark.bake

BIN = Path(sys.executable).parent
GITHUB = PROJECT / ".github"
WORKFLOWS = sorted(path.name for path in (GITHUB / "workflows").iterdir())
USES = re.compile(r"uses: (?!\./)(\S+?)@(\S+?)(?: # (\S+))?$", flags=re.MULTILINE)
# Their runs have a token that may write although somebody else's code is there.
DANGEROUS = {"pull_request_target", "workflow_run", "issue_comment"}
# It may write to pull requests, so it must not be able to hold one up; it runs no code of the branch.
BESIDE = {"report", "required"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository with these workflows, to break."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    shutil.copytree(GITHUB, tmp_path / ".github")
    return tmp_path


def read(place: Path, name: str) -> dict[str, Any]:
    """Read a workflow; YAML takes its key `on` for a truth."""
    found = yaml.safe_load((place / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in found.items()}


def tool(place: Path, *command: str) -> str:
    """Run a linter; returns what it finds."""
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return done.stdout + done.stderr if done.returncode else ""


def linted(place: Path) -> str:
    """Run the two linters, as `make check` does in a project."""
    workflows = [f".github/workflows/{name}" for name in WORKFLOWS]
    return tool(place, "actionlint", *workflows) + tool(
        place, "zizmor", "--quiet", "--offline", "--persona=pedantic", ".github"
    )


def pins(place: Path) -> dict[str, tuple[str, str]]:
    """Read the list of actions: name to commit and version."""
    text = (place / ".github" / "actions.yaml").read_text(encoding="utf-8")
    return {name: (sha, version) for name, sha, version in re.findall(r"^(\S+): (\S+) # (\S+)$", text, re.MULTILINE)}


def unpinned(place: Path) -> list[str]:
    """Find uses that are not those of the list, and lines of the list that nothing uses."""
    listed = pins(place)
    texts = [path.read_text(encoding="utf-8") for path in (place / ".github").glob("*s/**/*.yml")]
    used = {name: (sha, version) for text in texts for name, sha, version in USES.findall(text)}
    all_used = {(name, sha, version) for text in texts for name, sha, version in USES.findall(text)}
    wrong = [f"{name}@{sha} # {version}" for name, sha, version in all_used if listed.get(name) != (sha, version)]
    bad = [
        name
        for name, (sha, version) in listed.items()
        if not re.fullmatch(r"[0-9a-f]{40} v\d[\d.]*", f"{sha} {version}")
    ]
    return sorted([*wrong, *bad, *(set(listed) - set(used))])


def faults(place: Path) -> list[str]:
    """Find what no linter looks for."""
    found = []
    for name in sorted(path.name for path in (place / ".github" / "workflows").iterdir()):
        workflow = read(place, name)
        found += [f"{name}: on {event}" for event in DANGEROUS & set(workflow["on"])]
        found += [] if workflow["permissions"] == {} else [f"{name}: permissions"]
        for job, body in workflow["jobs"].items():
            found += [f"{name}: {job}: {what}" for what in faults_of(job, body)]
    jobs = read(place, "pull-request.yml")["jobs"]
    needs = jobs["required"]["needs"]
    asked = [f"${{{{ needs.{need}.result }}}}" for need in needs]
    found += [] if set(needs) == set(jobs) - BESIDE else ["required: a job is not needed"]
    found += [] if list(jobs["required"]["steps"][0]["env"].values()) == asked else ["required: a result is not read"]
    found += [] if jobs["required"]["if"] == "${{ always() }}" else ["required: not always"]
    return found + [f"not pinned: {name}" for name in unpinned(place)]


def faults_of(job: str, body: dict[str, Any]) -> list[str]:
    """Find what is wrong with a job."""
    found = [key for key in ("timeout-minutes", "permissions", "name") if key not in body]
    found += [] if body.get("name") == job else ["named otherwise"]
    found += ["goes on after an error"] if job not in BESIDE and "continue-on-error" in str(body) else []
    for step in body["steps"]:
        run, uses, given = step.get("run", ""), step.get("uses", ""), step.get("with", {})
        found += ["an expression in run"] if "${{" in run else []
        found += ["keeps its token"] if "/checkout@" in uses and given.get("persist-credentials") is not False else []
        found += ["a cache beside a token"] if given.get("cache") and "write" in writes(body) else []
    return found


def writes(body: dict[str, Any]) -> set[str]:
    """List what a job may do, but prove who it is."""
    return {value for scope, value in body["permissions"].items() if scope != "id-token"}


def test_workflows_are_clean(place: Path) -> None:
    assert linted(place) == ""
    assert faults(place) == []


def test_they_are_copied_as_they_are(example: BakedProject) -> None:
    for folder in ("workflows", "actions"):
        for path in (GITHUB / folder).rglob("*"):
            if path.is_file():
                assert (example.path / path.relative_to(PROJECT)).read_bytes() == path.read_bytes()


PIN = "actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2"
BROKEN = {
    "a tag instead of a commit": ("main.yml", PIN, "actions/checkout@v4", "not pinned: actions/checkout"),
    "another commit than the list's": ("main.yml", "@11bd", "@21bd", "not pinned: actions/checkout"),
    "another version than the list's": ("main.yml", "# v4.2.2", "# v4.2.3", "not pinned: actions/checkout"),
    "pull_request_target": (
        "pull-request.yml",
        "  pull_request:\n",
        "  pull_request_target:\n",
        "on pull_request_target",
    ),
    "a title in a script": ("retrain.yml", '--cause="$CAUSE"', '--cause="${{ inputs.cause }}"', "an expression in run"),
    "a token on disk": ("main.yml", "persist-credentials: false", "persist-credentials: true", "keeps its token"),
    "a need less": ("pull-request.yml", "needs: [check, gate]", "needs: [check]", "a job is not needed"),
    "a result that nobody reads": ("pull-request.yml", "needs.gate.result }}", "needs.check.result }}", "is not read"),
    "only after success": ("pull-request.yml", "if: ${{ always() }}", "if: ${{ success() }}", "not always"),
    "an error that is passed over": (
        "pull-request.yml",
        "      - run: make check\n",
        "      - run: make check\n        continue-on-error: true\n",
        "check: goes on after an error",
    ),
    "no timeout": ("rollback.yml", "    timeout-minutes: 15\n", "", "timeout-minutes"),
    "rights for all": ("main.yml", "permissions: {}", "permissions: write-all", "main.yml: permissions"),
    "the branch's cache beside a token": (
        "pull-request.yml",
        "      - uses: ./.github/actions/setup\n      - uses: actions/download",
        '      - uses: ./.github/actions/setup\n        with:\n          cache: "yes"\n      - uses: actions/download',
        "report: a cache beside a token",
    ),
}


@pytest.mark.parametrize("mutant", BROKEN)
def test_what_is_broken_is_found(place: Path, mutant: str) -> None:
    name, old, new, said = BROKEN[mutant]
    replace(place / ".github" / "workflows" / name, old, new)
    assert said in "\n".join(faults(place))


LINTED = {
    "zizmor: a tag": ("main.yml", PIN, "actions/checkout@v4", "unpinned-uses"),
    "zizmor: a target": ("pull-request.yml", "  pull_request:\n", "  pull_request_target:\n", "dangerous-triggers"),
    "zizmor: a title": (
        "pull-request.yml",
        '--branch="$BRANCH"',
        '--branch="${{ github.event.pull_request.title }}"',
        "template-injection",
    ),
    "actionlint: a key": ("main.yml", "timeout-minutes: 120", "timeout-hours: 2", "timeout-hours"),
    "zizmor: no reason": ("main.yml", " # pushes the image", "", "undocumented-permissions"),
}


@pytest.mark.parametrize("mutant", LINTED)
def test_what_is_broken_is_found_by_make_check_too(place: Path, mutant: str) -> None:
    name, old, new, said = LINTED[mutant]
    replace(place / ".github" / "workflows" / name, old, new)
    assert said in linted(place)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_required_is_green_only_if_every_job_is() -> None:
    step = read(PROJECT, "pull-request.yml")["jobs"]["required"]["steps"][0]
    results = ("success", "failure", "cancelled", "skipped", "")
    green = {}
    for check, gate in product(results, repeat=2):
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, env={"CHECK": check, "GATE": gate}, capture_output=True, check=False)
        green[check, gate] = done.returncode == 0
    assert set(step["env"]) == {"CHECK", "GATE"}
    assert [pair for pair, passed in green.items() if passed] == [("success", "success")]


class Statuses(Quiet):
    """A forge that takes commit statuses."""

    taken: ClassVar[list[tuple[str, str | None, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.taken.append((self.path, self.headers["Authorization"], body))
        self.send_response(201)
        self.end_headers()


@pytest.fixture
def statuses() -> Iterator[str]:
    """Where such a forge is."""
    Statuses.taken.clear()
    with listening(Statuses) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_dispatched_run_tells_the_pull_request_by_a_commit_status(statuses: str) -> None:
    step = read(PROJECT, "pull-request.yml")["jobs"]["required"]["steps"][1]
    assert step["if"] == "${{ always() && github.event_name == 'workflow_dispatch' }}"
    assert step["env"]["RESULT"] == "${{ job.status }}"
    assert "continue-on-error" not in read(PROJECT, "pull-request.yml")["jobs"]["required"]["steps"][0]
    env = {
        "GITHUB_API_URL": statuses,
        "GITHUB_REPOSITORY": "o/n",
        "GITHUB_SHA": "abc",
        "RUN": "http://run/1",
        "TOKEN": "t",
    }
    for result in ("success", "failure", "cancelled"):
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        subprocess.run(command, env={"PATH": os.environ["PATH"], "NO_PROXY": "*", **env, "RESULT": result}, check=True)
    assert [(path, token, body["context"], body["target_url"]) for path, token, body in Statuses.taken] == [
        ("/repos/o/n/statuses/abc", "Bearer t", "required", "http://run/1")
    ] * 3
    assert [body["state"] for *_, body in Statuses.taken] == ["success", "failure", "failure"]


def test_no_job_that_may_write_runs_code_of_the_branch() -> None:
    jobs = read(PROJECT, "pull-request.yml")["jobs"]
    assert [name for name, job in jobs.items() if "write" in writes(job)] == ["report", "required"]
    assert not [step for step in jobs["required"]["steps"] if "uses" in step]
    checkout = jobs["report"]["steps"][0]["with"]
    assert checkout["ref"] == "${{ github.base_ref || github.event.repository.default_branch }}"
    assert "secrets.RELEASE_TOKEN" not in (GITHUB / "workflows" / "pull-request.yml").read_text(encoding="utf-8")


def test_the_release_token_is_read_only_where_an_environment_guards_it() -> None:
    for name in WORKFLOWS:
        for job, body in read(PROJECT, name)["jobs"].items():
            assert ("RELEASE_TOKEN" in str(body)) == ("environment" in body), f"{name}: {job}"
            assert "secrets" not in str(body.get("env")), f"{name}: {job}"


def test_release_commits_start_nothing_and_main_is_never_cancelled() -> None:
    main = read(PROJECT, "main.yml")
    assert main["on"]["push"] == {"branches": ["main"], "paths-ignore": ["deploy/envs/**"]}
    assert main["jobs"]["release"]["concurrency"] == {"group": "release", "cancel-in-progress": False}
    assert main["jobs"]["promote"]["concurrency"] == {"group": "promote", "cancel-in-progress": True}
    by_hand = [read(PROJECT, name)["jobs"] for name in ("rollback.yml", "retrain.yml")]
    for job in (main["jobs"]["release"], *(next(iter(jobs.values())) for jobs in by_hand)):
        assert job["if"] == "${{ github.ref == 'refs/heads/main' }}"


def test_whoever_opens_a_pull_request_with_the_jobs_token_starts_its_checks() -> None:
    for name in WORKFLOWS:
        for job, body in read(PROJECT, name)["jobs"].items():
            opens = [
                step
                for step in body["steps"]
                if "--via" in step.get("run", "") or "mlops retrain" in step.get("run", "")
            ]
            for step in opens:
                assert step["env"]["MLOPS_DISPATCH"] == "pull-request.yml", f"{name}: {job}"
                assert {"actions", "pull-requests", "contents"} <= set(body["permissions"]), f"{name}: {job}"
    assert "workflow_dispatch" in read(PROJECT, "pull-request.yml")["on"]


def test_jobs_are_calls_of_make_and_mlops_that_exist() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    runs = [run for name in WORKFLOWS for job in read(PROJECT, name)["jobs"].values() for run in scripts(job)]
    targets = {match for run in runs for match in re.findall(r"^make (?:--silent )?([\w-]+)", run, re.MULTILINE)}
    assert {"changes", "check", "pull", "push", "reproduce", "secrets"} == targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
    called = [
        line.split(".venv/bin/mlops ")[1] for run in runs for line in run.splitlines() if ".venv/bin/mlops" in line
    ]
    assert len(called) == 13
    for line in called:
        assert unknown(line) == [], line
    assert unknown("release --environment staging") == ["--environment"]


def scripts(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def unknown(line: str) -> list[str]:
    """List the options of a call that the command does not have."""
    words = re.findall(r"(?<![\w\"$/])(--[a-z-]+|[a-z][a-z-]*)", line.partition(" >")[0])
    command: Any = get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    return [word for word in words if word.startswith("--") and word not in known]


HOSTS = {
    "ghcr.io": ("", "actor", "job-token"),
    "123.dkr.ecr.eu-north-1.amazonaws.com": ("aws", "AWS", "of-aws"),
    "europe-docker.pkg.dev": ("gcloud", "oauth2accesstoken", "of-gcloud"),
    "team.azurecr.io": ("az", "00000000-0000-0000-0000-000000000000", "of-az"),
}
FAKE = """#!/bin/sh
case $(basename "$0") in
  mlops) printf 'target=%s\\nimage=%s/team/model\\n' "$TARGET" "$HOST" ;;
  docker) echo "$@" >"$SAID"; cat >>"$SAID" ;;
  *) echo "of-$(basename "$0")" ;;
esac
"""


def login(folder: Path, script: Path, **env: str) -> tuple[str, list[str]]:
    """Log in where every program is a fake; returns what was printed, and the arguments and input of docker."""
    for name in ("docker", "aws", "gcloud", "az", ".venv/bin/mlops"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FAKE, encoding="utf-8")
        path.chmod(0o755)
    said = folder / "said"
    given = {"PATH": f"{folder}:{os.environ['PATH']}", "SAID": str(said), "TARGET": "argocd", "JOB_TOKEN": "job-token"}
    done = subprocess.run(
        ["bash", script], cwd=folder, env={**given, "GITHUB_ACTOR": "actor", **env}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, said.read_text(encoding="utf-8").splitlines() if said.exists() else []


LOGIN = GITHUB / "actions" / "credentials" / "registry-login"


@pytest.mark.parametrize("host", HOSTS)
def test_a_registry_gets_the_identity_of_its_cloud(tmp_path: Path, host: str) -> None:
    _, user, password = HOSTS[host]
    assert login(tmp_path, LOGIN, HOST=host)[1] == [f"login --username {user} --password-stdin {host}", password]


def test_a_password_that_somebody_set_goes_to_any_registry(tmp_path: Path) -> None:
    user = {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD": "s3cret"}
    assert login(tmp_path, LOGIN, HOST="r.example.com", **user)[1] == [
        "login --username robot --password-stdin r.example.com",
        "s3cret",
    ]


def test_nobody_logs_in_where_nothing_is_pushed_or_known(tmp_path: Path) -> None:
    assert login(tmp_path, LOGIN, HOST="ghcr.io", TARGET="local") == ("", [])
    printed, said = login(tmp_path, LOGIN, HOST="r.example.com")
    assert "nothing logs in to r.example.com" in printed
    assert said == []


def test_git_gets_the_token_of_its_step_alone() -> None:
    script = GITHUB / "actions" / "credentials" / "git-credential"
    answers = [
        subprocess.run(["bash", script, verb], env=env, capture_output=True, text=True, check=True).stdout
        for verb, env in (("get", {"GITHUB_TOKEN": "t0ken"}), ("get", {}), ("store", {"GITHUB_TOKEN": "t0ken"}))
    ]
    assert answers == ["username=x-access-token\npassword=t0ken\n", "", ""]


def test_renovate_keeps_the_list_and_the_bounds(place: Path) -> None:
    settings = json.loads((place / ".github" / "renovate.json").read_text(encoding="utf-8"))
    assert refused("renovate", settings) == []
    assert refused("renovate", {**settings, "packageRules": 3}) != []
    pattern = settings["customManagers"][0]["matchStrings"][0].replace("(?<", "(?P<")
    text = (place / ".github" / "actions.yaml").read_text(encoding="utf-8")
    found = {m["depName"]: (m["currentDigest"], m["currentValue"]) for m in re.finditer(pattern, text)}
    assert found == pins(place) != {}
    files = re.compile(settings["pip_requirements"]["managerFilePatterns"][0].strip("/"))
    paths = [path.relative_to(PROJECT).as_posix() for path in (PROJECT / "requirements").glob("*.txt")]
    assert all(files.search(path) for path in paths)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8").split("\n[project.scripts]")[0])
    extras = project["project"]["optional-dependencies"].values()
    wanted = [
        Requirement(line)
        for line in [*project["project"]["dependencies"], *(line for extra in extras for line in extra)]
    ]
    bounds = {
        rule["matchPackageNames"][0]: rule["allowedVersions"]
        for rule in settings["packageRules"]
        if "allowedVersions" in rule
    }
    assert bounds == {wish.name: str(wish.specifier) for wish in wanted if wish.specifier}


def test_issue_forms_are_what_github_takes() -> None:
    forms = sorted((GITHUB / "ISSUE_TEMPLATE").iterdir())
    assert len(forms) == 4
    for form in forms:
        schema = "github-issue-config" if form.name == "config.yml" else "github-issue-forms"
        assert refused(schema, yaml.safe_load(form.read_text(encoding="utf-8"))) == []


def refused(name: str, document: Any) -> list[str]:
    """Ask a schema that check-jsonschema brings, without its own start of a second or two."""
    folder = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
    schema = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return [error.message for error in validator_for(schema)(schema).iter_errors(document)]


def test_code_owners_own_what_is_there(example: BakedProject) -> None:
    owned = re.findall(r"^/(\S+)", example.read(".github/CODEOWNERS"), flags=re.MULTILINE)
    assert {"gates.yaml", "contract.yaml", "src/mlops/", "dvc.yaml", ".github/", "pyproject.toml"} <= set(owned)
    assert [pattern for pattern in owned if not list(example.path.glob(pattern.rstrip("/")))] == []


def test_the_guide_lists_the_workflows_and_every_variable(example: BakedProject) -> None:
    guide = example.read("docs/guides/ci.md")
    action = (GITHUB / "actions" / "credentials" / "action.yml").read_text(encoding="utf-8")
    texts = [(GITHUB / "workflows" / name).read_text(encoding="utf-8") for name in WORKFLOWS]
    names = set(re.findall(r"fromJSON\(inputs\.vars\)\.(\w+)", action))
    names |= {name for text in texts for name in re.findall(r"(?:secrets|vars)\.([A-Z_]+)", text)}
    assert [name for name in sorted(names) if f"`{name}`" not in guide] == []
    assert [name for name in WORKFLOWS if f"`{name}`" not in guide] == []
