"""Roll an environment back: every machine-owned file as it was, byte for byte, in one commit."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass

from mlops.contract.errors import MlopsError, Refused
from mlops.delivery.history import Standing, history
from mlops.delivery.layout import machine_files, replacement, require_environment
from mlops.delivery.presence import Presence
from mlops.delivery.publish import ATTEMPTS, Draft, Land, Outcome, Sleep, publish
from mlops.delivery.records import Record
from mlops.delivery.trunk import Trunk


@dataclass(frozen=True)
class Target:
    """The record to bring back; its files lie in the parent of `ended_by`, the change that replaced it."""

    record: Record
    ended_by: Standing | None


def choose(env: str, standings: Sequence[Standing], to: str | None = None) -> Target:
    """Choose what to bring back: the release `to`, or the one that stood before the current one first appeared.

    Counting from the first appearance makes a second rollback go one further back, not forth again.

    Raises:
        Refused: There is nothing before the current one.
        MlopsError: No release `to` ever stood there.
    """
    if not standings:
        raise Refused(f"{env} has never had a release: there is nothing to roll back.")
    return _named(env, standings, to) if to else _previous(env, standings)


def rollback(
    trunk: Trunk,
    env: str,
    to: str | None = None,
    *,
    why: str = "",
    only: Record | None = None,
    attempts: int = ATTEMPTS,
    sleep: Sleep = time.sleep,
    land: Land | None = None,
    presence: Presence | None = None,
) -> Outcome:
    """Roll an environment back by one commit, as `git revert` would; `values.yaml` stays as it is.

    Args:
        trunk: The branch to commit to.
        env: The environment.
        to: The id of the release to bring back; default the one before.
        why: What the commit's message gives as the reason.
        only: Take back this record alone: where another one stands, there is nothing to do.
        attempts: How often to try when others push at the same time.
        sleep: How to wait between attempts.
        land: How the commit gets there; default by a push.
        presence: Tells whether the image is still there; default: nobody is asked.

    Raises:
        Refused: There is nothing to go back to, or its image is gone.
        MlopsError: The release is unknown, somebody changed the environment meanwhile, or main cannot be moved.
    """
    seen: list[str] = []

    def draft(base: str) -> Draft | Outcome:
        require_environment(trunk.git, base, env)
        standings = history(trunk.git, env, base)
        now = standings[0].record if standings else None
        if only is not None and now != only:
            return Outcome("nothing", f"{env} has {now.id if now else 'no release'}, not {only.id}: it stays.", now)
        _require_unchanged(env, standings, seen)
        target = choose(env, standings, to)
        if target.ended_by is None:
            return Outcome("nothing", f"{env} has {target.record.id} already: nothing to do.", target.record)
        note = _note(presence, env, target.record, standings)
        files = machine_files(trunk.git, f"{target.ended_by.sha}^1", env)
        return Draft(
            env,
            target.record,
            replacement(trunk.git, base, env, files),
            _message(env, standings[0], target, why),
            f"{env} goes back to {target.record.id}.{note}",
            f"mlops/rollback-{env}-{target.record.id}",
        )

    return publish(trunk, draft, attempts=attempts, sleep=sleep, land=land)


def _note(presence: Presence | None, env: str, record: Record, standings: Sequence[Standing]) -> str:
    others = (s.record for s in standings if s.record and s.record != standings[0].record)
    return presence.require(env, record, others) if presence else ""


def _require_unchanged(env: str, standings: Sequence[Standing], seen: list[str]) -> None:
    """Stop when the release that a person looked at is no longer the one that stands."""
    if standings and standings[0].sha not in seen and seen:
        raise MlopsError(
            f"{env} changed meanwhile: {standings[0].by}. Look at `mlops history --env {env}`, then run again."
        )
    seen.extend(standing.sha for standing in standings[:1])


def _named(env: str, standings: Sequence[Standing], to: str) -> Target:
    for at, standing in enumerate(standings):
        if standing.record and standing.record.id == to:
            return Target(standing.record, standings[at - 1] if at else None)
    ids = list(dict.fromkeys(standing.record.id for standing in standings if standing.record))
    near = difflib.get_close_matches(to, ids, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise MlopsError(f"{env} never had a release {to!r}.{hint} It had {', '.join(ids) or 'none'}.")


def _previous(env: str, standings: Sequence[Standing]) -> Target:
    now = standings[0]
    if now.record is None and not now.problem:
        raise Refused(
            f"{env} has no release: {now.by} took it away, and its pods keep serving what they served. "
            f"`git revert {now.sha[:10]}` brings it back."
        )
    at = _first_appearance(standings)
    older = next((i for i in range(at + 1, len(standings)) if not standings[i].problem), None)
    record = standings[older].record if older is not None else None
    if older is None or record is None:
        raise Refused(_nothing_before(env, standings))
    return Target(record, standings[older - 1])


def _first_appearance(standings: Sequence[Standing]) -> int:
    now = standings[0].record
    if now is None:
        return next((i - 1 for i, standing in enumerate(standings) if not standing.problem), len(standings) - 1)
    return max(i for i, standing in enumerate(standings) if standing.record == now)


def _nothing_before(env: str, standings: Sequence[Standing]) -> str:
    now = standings[0].record
    others = list(dict.fromkeys(s.record.id for s in standings if s.record and s.record != now))
    alone = "Release a better one. A `git revert` of it would not stop it: its pods keep serving."
    hint = f"`--to ID` brings one of {', '.join(others)} back." if others else alone
    return f"{now.id if now else 'What stands'} is the first release of {env}: nothing stood before it. {hint}"


def _message(env: str, now: Standing, target: Target, why: str) -> str:
    reason = "".join(letter if letter.isprintable() else " " for letter in why).split()
    gone = now.record.id if now.record else "an unreadable record"
    lines = [
        f"Roll {env} back to {target.record.id}",
        "",
        f"takes back  {gone}",
        f"identity    {target.record.identity}",
        f"commit      {target.record.commit}",
        *([f"because     {' '.join(reason)}"] if reason else []),
        "",
        f"Every machine-owned file of {env} as it was; values.yaml is untouched. Automatic releases are held",
        "until a newer source gives this identity again, this commit is reverted, or somebody says --force.",
    ]
    return "\n".join(lines) + "\n"
