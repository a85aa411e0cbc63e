"""`mlops gc`."""

from __future__ import annotations

from mlops.commands.words import say
from mlops.delivery.gc import Collector, Plan
from mlops.delivery.images import images
from mlops.delivery.trunk import trunk
from mlops.settings import find

ANCHOR = 12
SHOWN = 12


def gc(keep: int, *, yes: bool) -> None:
    """Show what nothing that stays needs, and with `yes` delete it."""
    settings = find()
    collector = Collector(settings, trunk(settings), images(settings), keep)
    say("asks      the branches, the DVC remote and the images")
    plan = collector.plan()
    show(plan, keep)
    if plan.empty:
        say("Nothing to delete.")
    elif not yes:
        say("Nothing is deleted yet: add --yes.")
    else:
        done = collector.sweep(plan)
        say(f"{'deleted' if done.at == plan.at else 'deleted, after main or a branch moved,'} {_amount(done)}")


def show(plan: Plan, keep: int) -> None:
    """Say what stays and what goes."""
    for env, ids in plan.kept.releases.items():
        say(f"keeps     {env}: {_some(ids) or 'no release'}")
    say(f"keeps     {plan.staying} objects: of these, of every branch, and of the last 24 hours")
    say(f"deletes   {_amount(plan)}")
    if plan.kept.gone:
        say(f"released  and not kept: {_some(plan.kept.gone)}. `mlops rollback --to` cannot bring these back.")
    for owner in plan.lacking:
        say(f"note      {owner} needs what the remote lacks. `dvc push` in a clone that has it, while there is one.")
    if plan.unreleased:
        say(f"note      images that never were released stay: {plan.unreleased}.")
    if keep < ANCHOR:
        say(f"note      the gate compares with the best of {ANCHOR} releases, and warns where that one is gone.")


def _amount(plan: Plan) -> str:
    objects, runs = _count(len(plan.objects), "object", "objects"), _count(len(plan.runs), "entry", "entries")
    images = f"{_count(len(plan.images), 'image', 'images')} ({_bytes(plan.image_bytes)})"
    return f"{objects} and {runs} of the run-cache ({_bytes(plan.size)}), {images}"


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:SHOWN]) + (f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else "")


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return _count(round(size), "byte", "bytes") if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
