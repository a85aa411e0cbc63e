"""What to tell a person whose push a forge refuses: which branch, which rule, and both ways on."""

from __future__ import annotations

import re

# Signs in what a forge says, and where its owner lets one identity past the rule.
FORGES = (
    (
        re.compile(r"GH006"),
        "GitHub protects it: under Settings > Branches > {branch}, let this identity bypass required pull requests, "
        "and push where pushing is restricted",
    ),
    (
        re.compile(r"GH013"),
        "GitHub has a rule set for it: under Settings > Rules, add this identity to its bypass list",
    ),
    (
        re.compile(r"GitLab: Pushes to protected branches that contain changes"),
        "GitLab asks the code owners of these files: under Settings > Repository > Protected branches > {branch}, "
        "switch off 'Code owner approval', or name no owner of what a release changes",
    ),
    (
        re.compile(r"GitLab:.*force push"),
        "GitLab protects it: under Settings > Repository > Protected branches > {branch}, switch on "
        "'Allowed to force push'",
    ),
    (
        re.compile(r"GitLab: You are not allowed|on this project"),
        "GitLab protects it: under Settings > Repository > Protected branches > {branch}, add this identity to "
        "'Allowed to push and merge'",
    ),
    (
        re.compile(r"GitLab:"),
        "GitLab has a push rule that these commits break: see Settings > Repository > Push rules",
    ),
    (
        re.compile(r"Gitea:|Forgejo:|Not allowed to push to protected branch"),
        "Gitea protects it: under Settings > Branches > {branch}, add this identity to those who may push",
    ),
)
OTHER = "a hook of the remote declined it: let this identity past the hook or the branch's protection"
NOISE = re.compile(r"error: failed to push some refs|^\s*$")


def words(remote: str, branch: str, reason: str, said: str) -> str:
    """Explain a refused push.

    Args:
        remote: The remote's name.
        branch: The branch that was pushed to.
        reason: The word that Git has for it, as in "pre-receive hook declined".
        said: What the remote printed.
    """
    told = " ".join(line for line in map(_spoken, said.splitlines()) if not NOISE.search(line))
    rule = next((rule for sign, rule in FORGES if sign.search(said)), OTHER).format(branch=branch)
    return (
        f"{remote!r} does not let you push to {branch!r}: {reason.strip('() ')}. {told}{' ' * bool(told)}"
        f"To push, {rule}."
    )


def _spoken(line: str) -> str:
    return line.removeprefix("remote:").strip()
