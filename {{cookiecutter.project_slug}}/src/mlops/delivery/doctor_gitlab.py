"""The doctor's questions to GitLab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

from mlops.delivery.doctor import RELEASE_TOKEN, Finding, no, ok, unknown
from mlops.delivery.doctor_rest import Answer, Rest, refused

DEVELOPER = 30
ROLES = {10: "Guest", 15: "Planner", 20: "Reporter", 30: "Developer", 40: "Maintainer", 50: "Owner"}
NEEDED = "api"  # the scope that may push, open merge requests and set commit statuses
CHECKS = "Settings → Merge requests → Merge checks"
BRANCHES = "Settings → Repository → Protected branches"
VARIABLES = "Settings → CI/CD → Variables"


@dataclass(frozen=True)
class Variable:
    """A CI/CD variable of that name, without its value."""

    protected: bool
    masked: bool
    of: str


@dataclass(frozen=True)
class Seen:
    """What GitLab answered about a project; `variables` is None where one of those who hold some did not tell."""

    itself: Answer
    project: Answer
    branches: Answer
    variables: tuple[Variable, ...] | None
    silent: str = ""


def findings(rest: Rest, variable: str, path: str, branch: str) -> list[Finding]:
    """Ask about everything that a release needs.

    Args:
        rest: The API.
        variable: The environment variable that holds the token.
        path: The project's path with its groups.
        branch: The main branch.
    """
    base = f"/projects/{quote(path, safe='')}"
    groups = _groups(path)
    asked = {
        "itself": "/personal_access_tokens/self",
        "project": base,
        "branches": f"{base}/protected_branches?per_page=100",
        path: f"{base}/variables?per_page=100",
        **{group: f"/groups/{quote(group, safe='')}/variables?per_page=100" for group in groups},
    }
    told = rest.all(asked)
    kind = (told["project"].table.get("namespace") or {}).get("kind")
    known, silent = variables(told, path, groups if kind == "group" else [])
    return judge(Seen(told["itself"], told["project"], told["branches"], known, silent), variable, path, branch)


def variables(told: Mapping[str, Answer], path: str, groups: list[str]) -> tuple[tuple[Variable, ...] | None, str]:
    """Find RELEASE_TOKEN among the variables of a project, or of the groups that it is in.

    Returns:
        What was found, and why it is None.
    """
    found: list[Variable] = []
    silent = ""
    for name in [path, *groups]:
        rows = [row for row in told[name].rows() if row.get("key") == RELEASE_TOKEN]
        found += [Variable(bool(row.get("protected")), bool(row.get("masked")), name) for row in rows]
        silent = silent or ("" if told[name].ok else f"{name}: {told[name].why}")
        if found:
            return tuple(found), ""
    return (None, silent) if silent else ((), "")


def judge(seen: Seen, variable: str, path: str, branch: str) -> list[Finding]:
    """Judge what GitLab answered, in the order in which a new team meets it."""
    first = token(variable, path, seen.itself, seen.project)
    if not seen.project.ok:
        return [first]
    return [
        first,
        pipelines(seen.project.table),
        skipped(seen.project.table),
        method(seen.project.table),
        protected(branch, seen.branches),
        secret(seen.variables, seen.silent),
    ]


def token(variable: str, path: str, itself: Answer, project: Answer) -> Finding:
    """Judge whether the token is accepted and what it may do; the token itself is never shown."""
    if wrong := refused(variable, path, project, "make a project access token there: scope `api`, role Maintainer."):
        return wrong
    scopes = [str(scope) for scope in itself.table.get("scopes") or ()]
    if itself.ok and NEEDED not in scopes:
        says = f"{variable} has the scopes {', '.join(scopes) or 'none'} and cannot open merge requests."
        return no("token", says, "Make one with the scope `api`.")
    level = _level(project.table)
    if level is not None and level < DEVELOPER:
        says = f"{variable}: its account is {ROLES.get(level, level)} and may not push."
        return no("token", says, "Give it the role Developer; Maintainer, where it shall push to the main branch.")
    if level is None or not itself.ok:
        what = "its role" if level is None else "its scopes"
        says = f"{variable} is accepted; {what} cannot be asked."
        return unknown(
            "token", says, "It needs the scope `api` and the role Developer, or Maintainer for `--via push`."
        )
    ends = itself.table.get("expires_at")
    until = f", until {ends}" if ends else ""
    return ok("token", f"{variable} is accepted; its account is {ROLES.get(level, level)}; scope `api`{until}")


def pipelines(project: Mapping[str, Any]) -> Finding:
    """Judge whether a red pipeline keeps a merge request from being merged."""
    do = f"{CHECKS}: tick “Pipelines must succeed”."
    needed = project.get("only_allow_merge_if_pipeline_succeeds")
    if needed is None:
        return unknown("required check", "the forge does not tell whether pipelines must succeed.", f"Look: {do}")
    if not needed:
        return no("required check", "pipelines need not succeed: a red gate can be merged.", do)
    return ok("required check", "pipelines must succeed before a merge")


def skipped(project: Mapping[str, Any]) -> Finding:
    """Judge whether a pipeline that was skipped counts as green."""
    if project.get("allow_merge_on_skipped_pipeline"):
        do = f"{CHECKS}: untick “Skipped pipelines are considered successful”."
        return no("skipped", "a skipped pipeline counts as green: `[skip ci]` would go around the gate.", do)
    return ok("skipped", "a skipped pipeline is not green")


def method(project: Mapping[str, Any]) -> Finding:
    """Say how merge requests are merged, and whether a job's own token may push; every method will do."""
    names = {"merge": "merge commit", "rebase_merge": "merge commit on a rebased branch", "ff": "fast-forward"}
    told = project.get("merge_method")
    if told is None:
        return unknown("merge method", "the forge does not tell it.", "Look: Settings → Merge requests → Merge method.")
    jobs = project.get("ci_push_repository_for_job_token_allowed")
    also = {None: "", True: "; a job's own token may push", False: "; a job's own token may not push"}
    return ok("merge method", f"{names.get(told, told)}{also.get(jobs, '')}")


def protected(branch: str, branches: Answer) -> Finding:
    """Judge whether the main branch takes commits only by merge requests, or from those who maintain it."""
    do = f"{BRANCHES} → {branch}: Developers and Maintainers may merge, Maintainers or no one push; no force push."
    if not branches.ok:
        return unknown("protection", f"{branches.why}.", f"Look: {do}")
    rules = [row for row in branches.rows() if fnmatchcase(branch, str(row.get("name")))]
    if not rules:
        return no("protection", f"{branch!r} is not protected: everybody pushes past the gate.", do)
    if any(rule.get("allow_force_push") for rule in rules):
        return no("protection", f"{branch!r} may be force-pushed: releases are read from its history.", do)
    pushers = [one for rule in rules for one in rule.get("push_access_levels") or () if one.get("access_level") != 0]
    if any(one.get("access_level") == DEVELOPER for one in pushers):
        return no("protection", f"developers may push to {branch!r}, past the gate.", do)
    if not pushers:
        says = f"nobody may push to {branch!r}, which is well only where releases come by merge request."
        return unknown("protection", says, f"{do} Or set the variable VIA to `pr`.")
    return ok("protection", f"{branch!r} is protected")


def secret(found: tuple[Variable, ...] | None, silent: str) -> Finding:
    """Judge whether RELEASE_TOKEN is a variable that only protected branches read, and no log shows."""
    do = f"{VARIABLES}: {RELEASE_TOKEN}, a project access token with scope `api`, protected and masked."
    if found is None:
        return unknown("variable", f"whether {RELEASE_TOKEN} is there: {silent}.", f"Look: {do}")
    if not found:
        return no("variable", f"there is no {RELEASE_TOKEN}, and a job's own token opens no merge request.", do)
    if any(not one.protected for one in found):
        return no("variable", f"{RELEASE_TOKEN} is not protected: the pipeline of every branch can read it.", do)
    if any(not one.masked for one in found):
        return no("variable", f"{RELEASE_TOKEN} is not masked: a job's log may show it.", do)
    return ok("variable", f"{RELEASE_TOKEN} is there, protected and masked")


def _level(project: Mapping[str, Any]) -> int | None:
    """Find the highest role that the account has here; None where that is not told."""
    told = [access for access in (project.get("permissions") or {}).values() if isinstance(access, dict)]
    return max((int(access["access_level"]) for access in told if access.get("access_level")), default=None)


def _groups(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]
