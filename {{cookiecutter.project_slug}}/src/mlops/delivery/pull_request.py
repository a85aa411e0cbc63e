"""Bring a commit to the main branch by one pull request that the forge merges when its checks pass."""

from __future__ import annotations

from dataclasses import dataclass

from mlops.contract.errors import MlopsError
from mlops.delivery.forge import Forge
from mlops.delivery.git import Git
from mlops.delivery.history import place
from mlops.delivery.layout import RECORD, folder, machine_files
from mlops.delivery.publish import Draft, Outcome
from mlops.delivery.records import Record, parse
from mlops.delivery.trunk import Trunk


@dataclass(frozen=True)
class ByPullRequest:
    """A way to land a commit, for `publish`."""

    forge: Forge

    def __call__(self, trunk: Trunk, made: Draft, commit: str, base: str) -> Outcome | None:
        """Push the commit to a branch of its own and open its pull request; an open one of that branch is used."""
        there = trunk.branch_tip(made.branch)
        newer = there and _newer(trunk.git, there, made, base)
        if newer:
            words = f"The branch {made.branch} holds {newer.id} of the newer commit {newer.commit[:10]}: nothing to do."
            return Outcome("nothing", words, made.record)
        if there is None or not _same(trunk.git, there, made.env, commit, base):
            if not trunk.put_branch(made.branch, commit, there):
                return None
            there = commit
        title, _, body = made.message.partition("\n\n")
        address = self.forge.open_pull(made.branch, trunk.branch, title, body)
        words = f"{title}: pull request {address}. {self.forge.merge_when_green(made.branch)}"
        return Outcome("asked", words, made.record, there)


def _same(git: Git, there: str, env: str, commit: str, base: str) -> bool:
    """Tell whether merging the branch that is there changes an environment as merging the new commit would."""
    met = git.text("merge-base", there, base)
    return machine_files(git, there, env) == machine_files(git, commit, env) and (
        machine_files(git, met, env) == machine_files(git, base, env)
    )


def _newer(git: Git, there: str, made: Draft, base: str) -> Record | None:
    """Give the release that the branch holds where an older run would overwrite it."""
    text = git.show(there, f"{folder(made.env)}/{RECORD}")
    try:
        record = parse(text) if text is not None else None
    except MlopsError:
        return None
    if record is None or record.id != made.record.id:
        return None
    order = place(git, base, [record.commit, made.record.commit])
    return record if order.get(record.commit, 0) > order.get(made.record.commit, 0) else None
