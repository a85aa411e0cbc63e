"""The pipelines of a project on GitLab: their schema, the same jobs as on GitHub, and each guard seen to turn red."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import check_jsonschema
import pytest
import yaml
from baking import PROJECT, BakedProject
from jsonschema.validators import validator_for

pytestmark = pytest.mark.bake

Document = dict[str, Any]
JOBS = {
    "merge-request": {"check", "gate", "report"},
    "main": {"release", "verify", "promote"},
    "rollback": {"rollback"},
    "retrain": {"retrain"},
}
ON_GITHUB = {"merge-request": "pull-request"}
# A stopped one leaves nothing half done.
STOPPABLE = {"check", "gate", "report"}
HAS_THE_TOKEN = {"release", "verify", "promote", "rollback", "retrain"}


@pytest.fixture
def place(plain: BakedProject, tmp_path: Path) -> Path:
    """The pipelines of a project, to break."""
    shutil.copy(plain.path / ".gitlab-ci.yml", tmp_path)
    shutil.copytree(plain.path / "ci", tmp_path / "ci")
    return tmp_path


def root(place: Path) -> tuple[Document, Document]:
    """Read what a pipeline can be given, and what it is."""
    inputs, pipeline = yaml.safe_load_all((place / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    return inputs["spec"]["inputs"], pipeline


def jobs(place: Path, name: str) -> dict[str, Document]:
    """Read the jobs of a file, each with what it extends."""
    found: dict[str, Document] = yaml.safe_load((place / "ci" / f"{name}.yml").read_text(encoding="utf-8"))
    known = {**root(place)[1], **found}
    return {job: whole(known, job) for job in found if not job.startswith(".")}


def whole(known: Document, job: str) -> Document:
    """Merge a job with what it extends, as GitLab does: keys deep, lists replaced."""
    names = known[job].get("extends", [])
    parts = [whole(known, name) for name in ([names] if isinstance(names, str) else names)]
    made: Document = {}
    for part in (*parts, known[job]):
        for key, value in part.items():
            made[key] = {**made[key], **value} if isinstance(value, dict) and isinstance(made.get(key), dict) else value
    return made


def lines(job: Document) -> list[str]:
    return [line for key in ("before_script", "script", "after_script") for line in job.get(key, [])]


def faults(place: Path) -> list[str]:
    """Find what no schema looks for."""
    inputs, pipeline = root(place)
    found = [f"input {name}: anything" for name, what in inputs.items() if not {"options", "regex"} & set(what)]
    found += [] if pipeline["variables"]["CAUSE"].get("expand") is False else ["CAUSE: replaced"]
    found += [] if pipeline["workflow"]["auto_cancel"] == {"on_new_commit": "interruptible"} else ["stops releases"]
    for name, expected in JOBS.items():
        there = jobs(place, name)
        found += [f"{job}: is not there" for job in expected - set(there)]
        found += [f"{job}: {what}" for job, body in there.items() for what in faults_of(job, body)]
    return found


def faults_of(job: str, body: Document) -> list[str]:
    checks = {
        "no timeout": "timeout" in body,
        "may fail": body.get("allow_failure", False) is (job == "report"),
        "stopped half done": body.get("interruptible", False) is (job in STOPPABLE),
        "kept for ever": "artifacts" not in body or "expire_in" in body["artifacts"],
        "two at a time": (job in STOPPABLE) is ("resource_group" not in body),
        "a branch's cache": "cache" not in body or job in ("check", "gate"),
        "the token of releases": (job in HAS_THE_TOKEN) is ("RELEASE_TOKEN" in str(body)),
        "left out": job not in ("check", "gate") or not re.search(r"never|manual|delayed", str(body.get("rules"))),
        "evaluates a text": not re.search(r"\beval\b|\$\(|`", "\n".join(lines(body))),
    }
    loose = [f"unquoted: {line}" for line in lines(body) if unquoted(line)]
    return [fault for fault, holds in checks.items() if not holds] + loose


def unquoted(line: str) -> str:
    """Give what the shell would split or match with names of files."""
    rest = re.sub(r'\$\{(\w+):\+(--[\w-]+)(="\$\1")?\}', "", line)
    rest = re.sub(r'"[^"]*"', "", rest).replace("answer=$?", "")
    return "".join(re.findall(r"\$\S*", rest))


def test_an_input_is_a_text(place: Path) -> None:
    """GitLab keeps the type of an input that is a whole value, and takes no truth for a variable."""
    inputs = root(place)[0]
    assert all(isinstance(what["default"], str) and "type" not in what for what in inputs.values())
    release, cause = (inputs[name]["regex"] for name in ("release", "cause"))
    assert re.search(release, "20130501-12") and re.search(release, "") and not re.search(release, "1; $(id)")
    assert re.search(cause, "drift: `id` $(id) é") and not re.search(cause, "one\nLINE=two")


def test_pipelines_are_sound(place: Path) -> None:
    assert faults(place) == []


def test_they_are_what_gitlab_takes(place: Path) -> None:
    documents = [*yaml.safe_load_all((place / ".gitlab-ci.yml").read_text(encoding="utf-8"))]
    documents += [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (place / "ci").glob("*.yml")]
    assert [said for document in documents for said in refused(document)] == []
    assert refused({"gate": {"script": ["true"], "timeout_in": "2 hours"}}) != []


def test_make_check_looks_at_them(plain: BakedProject, place: Path) -> None:
    shutil.copy(plain.path / "Makefile", place)
    shutil.copy(plain.path / ".python-version", place)
    command = ["make", "--assume-old=.venv/.ready", "lint-ci"]
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for old, new, code in (("stages:", "stages:", 0), ("stages:", "stages: 1\nnames:", 2)):
        path = place / ".gitlab-ci.yml"
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        done = subprocess.run(command, cwd=place, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
    assert "stages" in done.stdout


def refused(document: Document) -> list[str]:
    """Ask the schema that check-jsonschema brings, without its own start of a second or two."""
    folder = Path(check_jsonschema.__file__).parent / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "gitlab-ci.json").read_text(encoding="utf-8"))
    return [error.message for error in validator_for(schema)(schema).iter_errors(document)]


BROKEN = {
    "a job less": ("merge-request", "\ngate:\n", "\n.gate:\n", "gate: is not there"),
    "a gate that may fail": (
        "merge-request",
        "timeout: 2 hours",
        "timeout: 2 hours\n  allow_failure: true",
        "may fail",
    ),
    "a gate by hand": ("merge-request", "- when: on_success", "- when: manual", "gate: left out"),
    "a value in pieces": ("rollback", '--env "$ENV"', "--env $ENV", "rollback: unquoted"),
    "a value in pieces, further on": ("retrain", '--cause="$CAUSE"', "--cause=$CAUSE", "retrain: unquoted"),
    "a value that is run": ("retrain", "make setup", 'eval "$CAUSE"', "retrain: evaluates"),
    "a release that is stopped": ("main", "resource_group: release", "interruptible: true", "release: stopped half"),
    "two releases at a time": ("main", "  resource_group: release\n", "", "release: two at a time"),
    "no timeout": ("rollback", "  timeout: 15 minutes\n", "", "rollback: no timeout"),
    "the token beside a branch's code": (
        "merge-request",
        "$REPORT_TOKEN\n    MISS",
        "$RELEASE_TOKEN\n    MISS",
        "token",
    ),
    "a branch's cache for a release": (
        "main",
        "  stage: release\n",
        "  stage: release\n  cache: {paths: [a]}\n",
        "cache",
    ),
    "artifacts for ever": ("retrain", "    expire_in: 30 days\n", "", "retrain: kept"),
    "any pipeline stops releases": ("", "on_new_commit: interruptible", "on_new_commit: conservative", "stops"),
    "a cause that is replaced": ("", "    expand: false\n", "", "CAUSE"),
    "an input of any kind": ("", "      regex: ^[0-9-]*$\n", "", "input release"),
}


@pytest.mark.parametrize("mutant", BROKEN)
def test_what_is_broken_is_found(place: Path, mutant: str) -> None:
    name, old, new, said = BROKEN[mutant]
    path = place / "ci" / f"{name}.yml" if name else place / ".gitlab-ci.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    assert said in "\n".join(faults(place))


CALL = re.compile(r"(?:^|(?<=[ {]))(make|\.venv/bin/mlops) ([^|;>}&]*[^|;>}& ])")


def calls(script: str, place: Path) -> list[str]:
    """List what a script asks of make and mlops; names of variables differ between forges."""
    if "ci/image.sh" in script:
        return calls((place / "ci" / "image.sh").read_text(encoding="utf-8"), place)
    return [re.sub(r"\$\w+", "$", " ".join(found)) for line in script.splitlines() for found in CALL.findall(line)]


def steps(job: Document) -> list[str]:
    """List the scripts of a job on GitHub."""
    setup = {"./.github/actions/setup": "make setup"}
    return [step.get("run", setup.get(step.get("uses", ""), "")) for step in job["steps"]]


@pytest.mark.parametrize("name", JOBS)
def test_the_same_jobs_call_the_same_as_on_github(place: Path, name: str) -> None:
    path = PROJECT / ".github" / "workflows" / f"{ON_GITHUB.get(name, name)}.yml"
    on_github = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    on_gitlab = jobs(place, name)
    # GitLab merges only what has a pipeline that passed: that is what `required` is for on GitHub.
    assert set(on_github) - {"required"} == set(on_gitlab) == JOBS[name]
    for job, body in on_gitlab.items():
        ours = [call for line in lines(body) for call in calls(line, place)]
        theirs = [call for script in steps(on_github[job]) for call in calls(script, place)]
        assert ours == theirs != [], job


def starting(place: Path, paths: set[str]) -> set[str]:
    """Give the files of which a push to main makes a pipeline, as Ruby's fnmatch has it with PATHNAME and DOTMATCH."""
    rules = [job["rules"] for job in jobs(place, "main").values()]
    assert rules == [[{"if": '$CI_PIPELINE_SOURCE != "push"'}, {"changes": rules[0][1]["changes"]}]] * 3
    found = re.compile("|".join(regex(pattern) for pattern in rules[0][1]["changes"]))
    return {path for path in paths if found.fullmatch(path)}


def regex(pattern: str) -> str:
    signs = {"**/": "(?:.+/)?", "*": "[^/]*"}
    parts = re.findall(r"\*\*/|\*|\[\^\w\]|[^*\[]+", pattern)
    assert "".join(parts) == pattern
    return "".join(signs.get(part, part.replace("[^", "[^/") if part[0] == "[" else re.escape(part)) for part in parts)


def test_release_commits_start_nothing_and_whatever_else_does(
    place: Path, example: BakedProject, plain: BakedProject
) -> None:
    files = {*example.files(), *plain.files(), "a new folder/x", ".hidden/y", "dvc/z", "x", "deploy/x", "deploy/a/b/c"}
    released = {f"deploy/envs/{env}/{name}" for env in ("staging", "eu") for name in ("release.yaml", "chart/a/b.tpl")}
    known = files | released
    assert known - starting(place, known) == {path for path in known if path.startswith("deploy/envs/")}
    path = place / "ci" / "main.yml"
    path.write_text(path.read_text(encoding="utf-8").replace('        - "d[^e]*/**/*"\n', ""), encoding="utf-8")
    assert starting(place, {"data/raw/0002.csv.dvc", "src/x"}) == {"src/x"}


def test_each_pipeline_includes_what_starts_it(place: Path) -> None:
    included = {part["local"]: [rule["if"] for rule in part["rules"]] for part in root(place)[1]["include"]}
    inputs = root(place)[0]
    assert {f"ci/{name}.yml" for name in JOBS} == {
        path
        for name in ["", *inputs["run"]["options"]]
        for path in (p.replace("$[[ inputs.run ]]", name) for p in included)
    } - {"ci/.yml"}
    assert included["ci/merge-request.yml"] == ['$CI_PIPELINE_SOURCE == "merge_request_event"']
    by_hand = [rule["if"] for rule in root(place)[1]["workflow"]["rules"]][1:]
    assert all("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule for rule in by_hand)


MLOPS = "#!/bin/sh\nprintf 'target=argocd\\nimage=%s/team/model\\n' \"$HOST\"\n"
SHOWN = """
echo "folder=$folder"; git remote get-url origin; echo "$DOCKER_CONFIG"
printf 'protocol=https\\nhost=gitlab.example.com\\n\\n' | git credential fill
printf 'protocol=https\\nhost=elsewhere.example.com\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill || echo nothing
"""


@pytest.fixture
def job(place: Path) -> Path:
    """A job's folder as the runner leaves it: its own token in the remote's address, and a helper that gives it."""
    (place / ".venv" / "bin").mkdir(parents=True)
    (place / ".venv" / "bin" / "mlops").write_text(MLOPS, encoding="utf-8")
    (place / ".venv" / "bin" / "mlops").chmod(0o755)
    helper = "!printf 'username=gitlab-ci-token\\npassword=of-the-runner\\n'"
    for command in (
        ["init", "--quiet"],
        ["remote", "add", "origin", ADDRESS],
        ["config", "credential.https://gitlab.example.com.helper", helper],
    ):
        subprocess.run(["git", *command], cwd=place, check=True)
    return place


ADDRESS = "https://gitlab-ci-token:of-the-job@gitlab.example.com/a/b/c.git"
RUNNER = {
    "CI_SERVER_URL": "https://gitlab.example.com",
    "CI_PROJECT_URL": "https://gitlab.example.com/a/b/c",
    "CI_REPOSITORY_URL": ADDRESS,
    "CI_REGISTRY": "registry.gitlab.example.com",
    "CI_REGISTRY_USER": "gitlab-ci-token",
    "CI_REGISTRY_PASSWORD": "of-the-job",
    "HOST": "registry.gitlab.example.com",
}


def read(job: Path, **env: str) -> str:
    """Let a job's shell read the credentials, and show what it has then."""
    done = subprocess.run(
        ["sh", "-e", "-c", ". ci/credentials.sh\n" + SHOWN],
        cwd=job,
        env={"PATH": os.environ["PATH"], "CI_PROJECT_DIR": str(job), "GIT_CONFIG_NOSYSTEM": "1", **RUNNER, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_git_pushes_with_the_token_of_releases_and_shows_it_to_no_other_host(job: Path) -> None:
    before = (job / ".git" / "config").read_text(encoding="utf-8")
    said = read(job, GITLAB_TOKEN="glpat-of-the-bot")
    assert "https://gitlab.example.com/a/b/c.git\n" in said
    assert "password=glpat-of-the-bot" in said and said.endswith("nothing\n")
    assert (job / ".git" / "config").read_text(encoding="utf-8") == before
    assert "password=of-the-runner" in read(job)
    script = job / "ci" / "credentials.sh"
    script.write_text(script.read_text(encoding="utf-8").replace('_VALUE_1=""', '_VALUE_1="store"'), encoding="utf-8")
    assert "password=of-the-runner" in read(job, GITLAB_TOKEN="glpat-of-the-bot")


def test_the_registry_of_the_image_gets_an_identity(job: Path) -> None:
    own = {"REGISTRY_USER": "robot", "REGISTRY_PASSWORD": "s3 cret"}
    for env, user, password in (({}, "gitlab-ci-token", "of-the-job"), (own, "robot", "s3 cret")):
        folder = Path(re.findall("folder=(.*)", read(job, **env))[0])
        (host,) = json.loads((folder / "config.json").read_text(encoding="utf-8"))["auths"].items()
        assert host[0] == "registry.gitlab.example.com"
        encoded = subprocess.run(["base64"], input=f"{user}:{password}", capture_output=True, text=True).stdout.strip()
        assert host[1] == {"auth": encoded}
        assert (folder / "config.json").stat().st_mode & 0o077 == 0
        shutil.rmtree(folder)
    folder = Path(re.findall("folder=(.*)", read(job, HOST="r.example.com"))[0])
    assert list(folder.iterdir()) == []


def test_clouds_get_files_that_their_libraries_read(job: Path) -> None:
    clouds = {
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/a",
        "AWS_ID_TOKEN": "aws-token",
        "AZURE_CLIENT_ID": "1-2",
        "AZURE_ID_TOKEN": "azure-token",
        "GCP_WORKLOAD_IDENTITY_PROVIDER": "projects/1/locations/global/workloadIdentityPools/a/providers/b",
        "GCP_SERVICE_ACCOUNT": "ci@model.iam.gserviceaccount.com",
        "GCP_ID_TOKEN": "gcp-token",
    }
    folder = Path(re.findall("folder=(.*)", read(job, **clouds))[0])
    google = json.loads((folder / "gcp.json").read_text(encoding="utf-8"))
    assert google["audience"] == f"//iam.googleapis.com/{clouds['GCP_WORKLOAD_IDENTITY_PROVIDER']}"
    assert google["credential_source"] == {"file": str(folder / "gcp")}
    tokens = {name: (folder / name).read_text(encoding="utf-8") for name in ("aws", "azure", "gcp")}
    assert tokens == {"aws": "aws-token", "azure": "azure-token", "gcp": "gcp-token"}
    shutil.rmtree(folder)


def test_code_owners_own_what_is_there(plain: BakedProject) -> None:
    owned = re.findall(r"^/(\S+)", plain.read(".gitlab/CODEOWNERS"), flags=re.MULTILINE)
    assert {"src/mlops/", "dvc.yaml", ".gitlab-ci.yml", ".gitlab/", "ci/", "pyproject.toml"} <= set(owned)
    later = {"gates.yaml", "contract.yaml", "*.mk"}  # in the project once it has a table
    assert [pattern for pattern in owned if not list(plain.path.glob(pattern.rstrip("/")))] == sorted(
        later, key=["gates.yaml", "contract.yaml", "*.mk"].index
    )


def test_the_guide_lists_every_variable_and_job(plain: BakedProject) -> None:
    guide = plain.read("docs/guides/ci.md")
    texts = [plain.read(name) for name in plain.files() if name.startswith((".gitlab-ci.yml", "ci/"))]
    names = {
        name for text in texts for name in re.findall(r"\b(?:AWS|GCP|AZURE|REGISTRY)_[A-Z_]+|\bSIGN_IMAGES\b", text)
    }
    names = {name for name in names if not name.endswith(("_TOKEN", "_FILE", "_HOST", "DEFAULT_REGION"))}
    names |= {"RELEASE_TOKEN", "REPORT_TOKEN", "VIA"}
    assert [name for name in sorted(names) if f"`{name}`" not in guide] == []
    assert [job for group in JOBS.values() for job in sorted(group) if f"`{job}`" not in guide] == []
