"""The doctor's questions to GitHub, or to a forge that speaks its API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from mlops.delivery import doctor_github_envs as envs
from mlops.delivery import doctor_github_main as main
from mlops.delivery.doctor import RELEASE_TOKEN, Finding, no, ok, unknown
from mlops.delivery.doctor_rest import Answer, Rest, refused
from mlops.delivery.layout import FIRST

SCOPES = ("repo", "public_repo")  # a classic token has one of them, or writes nothing
ROLES = {"admin": "administer", "maintain": "maintain", "push": "write"}
WORKFLOWS = (
    "Settings → Actions → General → Workflow permissions: "
    "tick “Allow GitHub Actions to create and approve pull requests”."
)
PULLS = "Settings → General → Pull Requests: tick “Allow auto-merge”."


@dataclass(frozen=True)
class Seen:
    """What GitHub answered about a repository; `policies` and `secrets` by environment."""

    repo: Answer
    workflow: Answer
    everybodys: Answer
    branch: Answer
    protection: Answer
    rules: Answer
    environments: Answer
    policies: Mapping[str, Answer] = field(default_factory=dict)
    secrets: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True)
class About:
    """What is asked about.

    Args:
        variable: The environment variable that holds the token.
        repository: `owner/name`.
        branch: The main branch.
        envs: The environments that are released to.
        cluster: Whether releases run in a cluster, where a job waits for what was just released.
    """

    variable: str
    repository: str
    branch: str
    envs: Sequence[str]
    cluster: bool


def findings(rest: Rest, about: About) -> list[Finding]:
    """Ask about everything that a release needs."""
    repo = rest.get(f"/repos/{about.repository}")
    if not repo.ok:
        return [token(about.variable, about.repository, repo)]
    return judge(ask(rest, about, repo), about)


def ask(rest: Rest, about: About, repo: Answer) -> Seen:
    """Ask what is independent of each other at once."""
    base, name, each = f"/repos/{about.repository}", quote(about.branch, safe=""), about.envs
    paths = {
        "workflow": f"{base}/actions/permissions/workflow",
        "everybodys": f"{base}/actions/secrets/{RELEASE_TOKEN}",
        "branch": f"{base}/branches/{name}",
        "protection": f"{base}/branches/{name}/protection",
        "rules": f"{base}/rules/branches/{name}?per_page=100",
        "environments": f"{base}/environments?per_page=100",
    }
    of_env = {env: f"{base}/environments/{quote(env, safe='')}" for env in each}
    policies = {f"policies {env}": f"{url}/deployment-branch-policies?per_page=100" for env, url in of_env.items()}
    secrets = {f"secrets {env}": f"{url}/secrets?per_page=100" for env, url in of_env.items()}
    found = rest.all({**paths, **policies, **secrets})
    return Seen(
        repo=repo,
        **{key: found[key] for key in paths},
        policies={env: found[f"policies {env}"] for env in each},
        secrets={env: found[f"secrets {env}"] for env in each},
    )


def judge(seen: Seen, about: About) -> list[Finding]:
    """Judge what GitHub answered, in the order in which a new team meets it."""
    per_env = [
        finding
        for env in about.envs
        for finding in (
            envs.environment(env, about.branch, seen.environments, seen.policies[env]),
            envs.secret(env, seen.secrets[env], seen.everybodys, needed=about.cluster and env == FIRST),
        )
    ]
    return [
        token(about.variable, about.repository, seen.repo),
        pulls(seen.workflow),
        automerge(seen.repo),
        methods(seen.repo),
        main.check(about.branch, seen.branch, seen.rules),
        main.owners(seen.branch, seen.protection, seen.rules),
        *per_env,
    ]


def token(variable: str, repository: str, repo: Answer) -> Finding:
    """Judge whether the token is accepted and what its account may do; the token itself is never shown."""
    if wrong := refused(variable, repository, repo, "let the token see this repository: contents and pull requests."):
        return wrong
    scopes = [scope.strip() for scope in repo.headers.get("X-OAuth-Scopes", "").split(",") if scope.strip()]
    may = repo.table.get("permissions") or {}
    if not may:
        return unknown("token", f"{variable} is accepted; what it may do is not told.", "It must write contents.")
    if not may.get("push"):
        return no("token", f"{variable}: its account may not write here.", "Give the account the role “Write”.")
    if scopes and not set(SCOPES) & set(scopes):
        return no("token", f"{variable} has the scopes {', '.join(scopes)} and may not write.", "Add the scope `repo`.")
    role = next((word for name, word in ROLES.items() if may.get(name)), "write")
    told = f"scopes {', '.join(scopes)}" if scopes else "what the token itself may do is not told"
    return ok("token", f"{variable} is accepted; its account may {role} this; {told}")


def pulls(workflow: Answer) -> Finding:
    """Judge whether a workflow's own token may open pull requests, as retraining and promotion do."""
    if not workflow.ok:
        says = f"whether a workflow may open them: {workflow.why}."
        return unknown("pull requests", says, f"Look, as an administrator: {WORKFLOWS}")
    if not workflow.table.get("can_approve_pull_request_reviews"):
        return no("pull requests", "a workflow may not open them.", WORKFLOWS)
    return ok("pull requests", "a workflow may open them")


def automerge(repo: Answer) -> Finding:
    """Judge whether the forge merges by itself what is green."""
    allowed = repo.table.get("allow_auto_merge")
    if allowed is None:
        return unknown("auto-merge", "the forge does not tell whether it is allowed.", f"Look: {PULLS}")
    if not allowed:
        return no("auto-merge", "it is not allowed, so that a person must merge every release.", PULLS)
    return ok("auto-merge", "allowed")


def methods(repo: Answer) -> Finding:
    """Judge how pull requests may be merged; every method will do."""
    known = {"squash": "allow_squash_merge", "rebase": "allow_rebase_merge", "merge": "allow_merge_commit"}
    told = {name: repo.table.get(key) for name, key in known.items()}
    where = "Settings → General → Pull Requests: tick one of the three, best “Allow squash merging”."
    if all(value is None for value in told.values()):
        return unknown("merge methods", "the forge does not tell them.", where)
    if not any(told.values()):
        return no("merge methods", "none is allowed.", where)
    return ok("merge methods", ", ".join(name for name, value in told.items() if value))
