"""`mlops diff`, and the same as a section of a pull request's report."""

from __future__ import annotations

import re

from mlops.commands.words import say
from mlops.contract.errors import MlopsError
from mlops.delivery.git import Git
from mlops.delivery.manifests import manifest_changes
from mlops.gates.base import default_rev
from mlops.settings import Settings, find

# A comment of a forge holds 65,536 characters; the report itself is told to leave this much.
LONGEST = 4000


def diff(env: str, base: str | None) -> None:
    """Print how the working tree changes what an environment's cluster is asked for."""
    settings = find()
    git = Git(settings.root)
    say(manifest_changes(settings, git, env, base or default_rev(git, settings.remote, settings.branch)))


def section(settings: Settings, env: str, base: str) -> str:
    """Write the same as Markdown; where it cannot be told, the reason: a verdict does not hang on it."""
    try:
        text = manifest_changes(settings, Git(settings.root), env, base)
    except MlopsError as error:
        text = f"It could not be told: {error}"
    text = "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in text.splitlines())
    if len(text) > LONGEST:
        text = f"{text[:LONGEST].rsplit(chr(10), 1)[0]}\n… and more: mlops diff --env {env}"
    # Nothing that a branch writes into a value may end the fence.
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"\n## What it changes on the cluster of {env}\n\n{fence}diff\n{text}\n{fence}"
