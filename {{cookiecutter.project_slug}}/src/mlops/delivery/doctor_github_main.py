"""How GitHub guards the main branch: by classic protection, by rulesets, or by both."""

from __future__ import annotations

from typing import Any

from mlops.delivery.doctor import REQUIRED, Finding, no, ok, unknown
from mlops.delivery.doctor_rest import Answer

STATUS = f"require status checks to pass, and add the check `{REQUIRED}`."
OWNERS = "require a pull request before merging, and tick “Require review from Code Owners”."


def where(branch: str, what: str) -> str:
    """Name the page that guards a branch."""
    return f"Settings → Rules → Rulesets (or Settings → Branches) → {branch}: {what}"


def check(name: str, branch: Answer, rules: Answer) -> Finding:
    """Judge whether the check `required` must be green before a merge.

    Args:
        name: The main branch.
        branch: `GET /repos/O/N/branches/NAME`, with its classic protection in short.
        rules: `GET /repos/O/N/rules/branches/NAME`, the rules of active rulesets.
    """
    do = where(name, STATUS)
    classic = _classic(branch)
    known = [*(classic or ()), *_ruled(rules)]
    if REQUIRED in known:
        return ok("required check", f"{REQUIRED!r} must be green before a merge")
    if branch.status == 404:
        return no("required check", f"the forge has no branch {name!r} to guard.", "Push it, then " + do)
    if classic is None or not rules.ok:
        reason = rules.why if not rules.ok else "how the branch is protected is not told"
        return unknown("required check", f"{reason}.", f"Look: {do}")
    others = f", only {', '.join(map(repr, dict.fromkeys(known)))}" if known else ""
    return no("required check", f"{name!r} does not require {REQUIRED!r}{others}: a red gate can be merged.", do)


def owners(branch: Answer, protection: Answer, rules: Answer) -> Finding:
    """Judge whether the owners of files must review a change of them.

    Args:
        branch: As in `check`.
        protection: `GET /repos/O/N/branches/NAME/protection`, which administrators may see.
        rules: As in `check`.
    """
    name = str(branch.table.get("name") or "main")
    do = where(name, OWNERS)
    if any(
        _parameters(row).get("require_code_owner_review") for row in rules.rows() if row.get("type") == "pull_request"
    ):
        return ok("code owners", "they must review")
    reviews = protection.table.get("required_pull_request_reviews") or {}
    if reviews.get("require_code_owner_reviews"):
        return ok("code owners", "they must review")
    # No classic protection at all answers 404, as does a token that may not see it.
    unprotected = _classic(branch) is not None and not (branch.table.get("protection") or {}).get("enabled")
    if rules.ok and (protection.ok or unprotected):
        return no("code owners", "their review is not required: anybody may change the gate.", do)
    silent = protection if rules.ok else rules
    return unknown("code owners", f"whether they must review: {silent.why}.", f"Look: {do}")


def _classic(branch: Answer) -> list[str] | None:
    """List the checks that classic protection requires; None where the forge does not tell."""
    protection = branch.table.get("protection")
    if not isinstance(protection, dict):
        return None if branch.table.get("protected", True) else []
    wanted = protection.get("required_status_checks") or {}
    return [] if wanted.get("enforcement_level") == "off" else [str(one) for one in wanted.get("contexts") or ()]


def _ruled(rules: Answer) -> list[str]:
    wanted = [_parameters(row) for row in rules.rows() if row.get("type") == "required_status_checks"]
    checks = [one for parameters in wanted for one in parameters.get("required_status_checks") or ()]
    return [str(one.get("context")) for one in checks if isinstance(one, dict)]


def _parameters(rule: dict[str, Any]) -> dict[str, Any]:
    found = rule.get("parameters")
    return found if isinstance(found, dict) else {}
