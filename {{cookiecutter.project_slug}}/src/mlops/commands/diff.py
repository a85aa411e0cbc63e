"""`mlops diff`."""

from __future__ import annotations

from mlops.commands.words import say
from mlops.delivery.git import Git
from mlops.delivery.manifests import manifest_changes
from mlops.gates.base import default_rev
from mlops.settings import find


def diff(env: str, base: str | None) -> None:
    """Print how the working tree changes what an environment's cluster is asked for."""
    settings = find()
    git = Git(settings.root)
    say(manifest_changes(settings, git, env, base or default_rev(git, settings.remote, settings.branch)))
