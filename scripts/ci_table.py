"""Write docs/reference/ci.md from the workflows of a project: what a job does on GitHub, and what on GitLab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "{{cookiecutter.project_slug}}"
PATH = ROOT / "docs" / "reference" / "ci.md"
ORDER = ("check", "gate", "report", "required", "release", "verify", "promote", "rollback", "retrain")
COMMAND = re.compile(r"(?:^|[\s;])(?:\.venv/bin/)?((?:make|mlops|cosign(?= sign| attest)) [a-z-][^;|>]*)")
STARTED = ("main", "rollback", "retrain")
OURS = re.compile(r"\. (ci/[\w.-]+)|\bsh (ci/[\w.-]+)")
Yaml = dict[str, Any]

HEAD = """# CI, job by job

What each job of a project runs, on GitHub and on GitLab. `python scripts/ci_table.py` writes this page from
`.github/workflows/`, `.gitlab-ci.yml` and `ci/`. A line runs on any machine in the same way; `make ci-pr` runs those of
a pull request.

*Token* is what the job may do beyond reading: on GitHub the permissions that say `write`, on GitLab the variable that
holds a token. *id* stands for a short-lived identity that a cloud or a registry believes. *Alone* names the group of
which one job runs at a time.
"""
TAIL = """
## What is executed, and what is only parsed

`make forge-e2e` runs the GitHub workflows on a real forge with a real runner: pull requests, comments, required checks,
branch protection, the tokens' rights, `concurrency`, artifacts. The GitLab pipelines run on the same machine with
gitlab-ci-local, and their notes and statuses go to a server that answers as GitLab's API does.

No test here executes the following. Their files are checked by actionlint, zizmor and GitLab's schema:

| what | on |
| --- | --- |
| identities at AWS, Google Cloud and Azure (OIDC) | both |
| keyless signatures, and attestations of SBOM and provenance | both |
| approvals that an environment asks for, and secrets that it keeps for main | both |
| caches of packages | both |
| merge queue (`merge_group`) and rulesets | GitHub |
| a job's token that may set commit statuses and nothing else | GitHub |
| `resource_group`, `auto_cancel`, `interruptible`, pipeline inputs as GitLab's own page asks for them | GitLab |
| tokens of jobs and their rights | GitLab |
| the template's own workflows, in `.github/workflows/` of this repository | GitHub |

These actions are made by others. The forge of the tests has stand-ins for them: {actions}.
"""


@dataclass(frozen=True)
class Job:
    """A job of either forge, in the words of its file."""

    name: str
    forge: str
    events: tuple[str, ...]
    after: tuple[str, ...]
    lines: tuple[str, ...]
    token: str
    environment: str
    alone: str

    def calls(self) -> set[str]:
        """Give what it calls of ours, without options: `make check`, `mlops release check`."""
        return {_call(line) for line in self.lines if not line.startswith("cosign")}


def _call(line: str) -> str:
    words = [word for word in line.split() if word != "--silent"]
    return " ".join(takewhile(re.compile(r"[a-z-]+").fullmatch, words))


def jobs(project: Path = PROJECT) -> list[Job]:
    """List the jobs of both forges, GitHub's before GitLab's of the same name."""
    found = [*_github(project), *_gitlab(project)]
    return sorted(found, key=lambda job: (ORDER.index(job.name), job.forge))


def page(project: Path = PROJECT) -> str:
    """Render the page."""
    head = "| job | on | started by | after | runs | token | environment | alone |\n" + "| --- " * 8 + "|\n"
    rows = "".join(_row(job) for job in jobs(project))
    return f"{HEAD}\n{head}{rows}{TAIL.format(actions=', '.join(f'`{name}`' for name in actions(project)))}"


def actions(project: Path = PROJECT) -> list[str]:
    """Name the actions that others make."""
    files = project.glob(".github/*/**/*.yml")
    return sorted(
        {m for path in files for m in re.findall(r"uses: ([\w-]+/[\w-]+)@", path.read_text(encoding="utf-8"))}
    )


def _row(job: Job) -> str:
    lines = "<br>".join(f"`{line}`".replace("|", "\\|") for line in job.lines)
    cells = (f"**{job.name}**", job.forge, _codes(job.events), _codes(job.after), lines, job.token)
    return f"| {' | '.join((*cells, job.environment, job.alone))} |\n"


def _codes(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _commands(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.lstrip().startswith("#"):
            yield from (found.strip() for found in COMMAND.findall(line))


def _github(project: Path) -> Iterator[Job]:
    for path in sorted((project / ".github" / "workflows").glob("*.yml")):
        workflow = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        for name, job in workflow["jobs"].items():
            rights = [right for right, level in (job.get("permissions") or {}).items() if level == "write"]
            held = ["`RELEASE_TOKEN`"] if "secrets.RELEASE_TOKEN" in str(job["steps"]) else []
            token = ", ".join([*("id" if right == "id-token" else f"`{right}`" for right in rights), *held])
            group = job.get("concurrency") or workflow.get("concurrency") or {}
            lines = [line for step in job["steps"] for line in _step(project, step)]
            yield Job(
                name=name,
                forge="GitHub",
                events=tuple(workflow["on"]),
                after=tuple(job.get("needs", ())),
                lines=tuple(dict.fromkeys(lines)),
                token=token,
                environment=_environment(job.get("environment", "")),
                alone=_group(group),
            )


def _group(group: Yaml) -> str:
    name = re.sub(r"\$\{\{ *|github\.|inputs\.| *\}\}", "", group.get("group", ""))
    newest = ", a newer one ends it" if group.get("cancel-in-progress") == "true" else ""
    return f"`{name}`{newest}" if name else ""


def _step(project: Path, step: Yaml) -> Iterator[str]:
    if step.get("uses", "").startswith("./"):
        action = yaml.load((project / step["uses"] / "action.yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        for inner in action["runs"]["steps"]:
            yield from _step(project, inner)
    yield from _commands(step.get("run", ""))


def _gitlab(project: Path) -> Iterator[Job]:
    *_, top = yaml.load_all((project / ".gitlab-ci.yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    hidden = {name: value for name, value in top.items() if name.startswith(".")}
    for path in sorted((project / "ci").glob("*.yml")):
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        for name, job in content.items():
            if not name.startswith("."):
                yield _job(project, name, _extended(job, {**hidden, **content}), tuple(_sources(top, path.stem)))


def _sources(top: Yaml, stem: str) -> Iterator[str]:
    for include in top["include"]:
        if re.fullmatch(
            re.sub(r"\\\$.*\\\]", r"(main|rollback|retrain)", re.escape(include["local"])), f"ci/{stem}.yml"
        ):
            for rule in include["rules"]:
                yield from re.findall(r"[a-z_]+", re.sub(r"\$\w+", "", rule["if"]))


def _extended(job: Yaml, known: Yaml) -> Yaml:
    names = job.get("extends", [])
    result: Yaml = {}
    for part in [*(_extended(known[name], known) for name in ([names] if isinstance(names, str) else names)), job]:
        for key, value in part.items():
            result[key] = {**result[key], **value} if isinstance(result.get(key), dict) else value
    return result


def _job(project: Path, name: str, job: Yaml, sources: tuple[str, ...]) -> Job:
    lines: list[str] = []
    for line in [*job.get("script", []), *job.get("after_script", [])]:
        script = OURS.search(line)
        text = (project / (script[1] or script[2])).read_text(encoding="utf-8") if script else line
        lines += [found.replace("; fi", "") for found in _commands(text)]
    token = [job.get("variables", {}).get("GITLAB_TOKEN", "").lstrip("$"), "id" if job.get("id_tokens") else ""]
    return Job(
        name=name,
        forge="GitLab",
        events=sources,
        after=tuple(job.get("needs", ())),
        lines=tuple(dict.fromkeys(lines)),
        token=", ".join(word if word == "id" else f"`{word}`" for word in token if word),
        environment=_environment(job.get("environment", "")),
        alone=f"`{job['resource_group']}`" if "resource_group" in job else _interruptible(job),
    )


def _interruptible(job: Yaml) -> str:
    return "a newer one ends it" if job.get("interruptible") == "true" else ""


def _environment(value: str | Yaml) -> str:
    name = value if isinstance(value, str) else f"{value['name']} ({value['action']})"
    return re.sub(r"\$\{\{ *inputs\.(\w+) *\}\}|\$(\w+)", "the one asked for", name)


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
