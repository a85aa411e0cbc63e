"""GitHub's environments: who may use them, and which secrets they hold."""

from __future__ import annotations

from mlops.delivery.doctor import RELEASE_TOKEN, Finding, no, ok, unknown
from mlops.delivery.doctor_rest import Answer

PLACE = "Settings → Environments"


def environment(env: str, branch: str, listing: Answer, policies: Answer) -> Finding:
    """Judge whether an environment exists, and only the main branch may use it."""
    topic = f"environment {env}"
    only = f"{PLACE} → {env} → Deployment branches and tags: “Selected branches and tags”, and only {branch!r}."
    if not listing.ok:
        return unknown(topic, f"{listing.why}.", f"Look: {only}")
    found = next((row for row in listing.rows("environments") if row.get("name") == env), None)
    if found is None:
        return no(topic, "there is none.", f"{PLACE} → New environment: {env!r}. Then {only}")
    limited = found.get("deployment_branch_policy")
    if not limited:
        return no(topic, "every branch may use it, and read its secrets.", only)
    if limited.get("protected_branches"):
        return ok(topic, "only for protected branches")
    if not policies.ok:
        return unknown(topic, f"for which branches: {policies.why}.", f"Look: {only}")
    names = [str(row.get("name")) for row in policies.rows("branch_policies")]
    if branch not in names:
        return no(topic, f"{branch!r} may not use it, only {', '.join(map(repr, names)) or 'nobody'}.", only)
    if more := [name for name in names if name != branch]:
        return no(topic, f"not only {branch!r} may use it, but {', '.join(map(repr, more))} too.", only)
    return ok(topic, f"only for {branch!r}")


def secret(env: str, secrets: Answer, everybodys: Answer, *, needed: bool) -> Finding:
    """Judge whether RELEASE_TOKEN is a secret of an environment, and no branch's workflow can read it."""
    topic, add = f"secret {env}", f"{PLACE} → {env} → Environment secrets: {RELEASE_TOKEN}."
    if everybodys.ok:
        return no(
            topic,
            f"{RELEASE_TOKEN} is a secret of the repository: the workflow of every branch can read it.",
            f"Delete it in Settings → Secrets and variables → Actions, and put it into {add}",
        )
    if not secrets.ok:
        return unknown(topic, f"whether {RELEASE_TOKEN} is there: {secrets.why}.", f"Look: {add}")
    if any(row.get("name") == RELEASE_TOKEN for row in secrets.rows("secrets")):
        return ok(topic, f"{RELEASE_TOKEN} is there")
    if needed:
        return no(topic, f"no {RELEASE_TOKEN}: `mlops verify` would judge the release before.", add)
    return ok(topic, f"no {RELEASE_TOKEN}: releases come by pull request")
