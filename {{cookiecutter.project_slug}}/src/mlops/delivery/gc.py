"""Retention: delete from the DVC remote and from the images what nothing that stays needs; see `retention`.

- An object stays while a state that stays names it, or while it is younger than a day: a release that runs now sends
  its objects before its record stands. What a directory that stays lists stays with it, however old: DVC takes a
  directory that is there for whole, and sends none of its files again.
- An entry of the run-cache stays while all that it would restore is there; a young one that waits for its objects, too.
- An image goes once a record on the main branch named it and none that stays does. One that never was released stays:
  neither a registry nor a folder tells whose it is, or whether a release of it is under way.
- Other tags than identities are not ours, and an image that has one stays. So do other DVC remotes, objects of DVC's
  old layout, and the caches of clones.

Images go first, because a registry may refuse; then entries of the run-cache, directories, files. Whatever ends it in
between, what is left is whole. History is read again right before, and after: a release may have come meanwhile.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from mlops.contract.errors import MlopsError
from mlops.delivery.branches import Heads, heads
from mlops.delivery.objects import Needed, opened
from mlops.delivery.retention import Kept, kept
from mlops.delivery.stored import DIRECTORY, Remote, Run, Stored
from mlops.delivery.trunk import Trunk
from mlops.settings import Settings

GRACE = 24 * 3600.0  # seconds
IDENTITY = re.compile(r"[0-9a-f]{64}")


class Images(Protocol):
    """Where images lie."""

    def tags(self) -> Mapping[str, str]:
        """List every tag with its digest."""

    def blobs(self, digest: str) -> Mapping[str, int]:
        """List what an image consists of, in bytes."""

    def delete(self, digest: str) -> None:
        """Delete an image with its tags."""


@dataclass(frozen=True)
class Plan:
    """What goes (`objects`, `runs`, `images`), how much of it there is, and by which history."""

    at: Heads
    kept: Kept
    objects: tuple[Stored, ...]
    runs: tuple[Stored, ...]
    images: tuple[str, ...]
    image_bytes: int
    staying: int
    unreleased: int
    lacking: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of objects and entries that go."""
        return sum(file.size for file in (*self.objects, *self.runs))

    @property
    def empty(self) -> bool:
        """Whether there is nothing to delete."""
        return not (self.objects or self.runs or self.images)


class Collector:
    """What `mlops gc` asks and does, with its adapters."""

    def __init__(self, settings: Settings, trunk: Trunk, images: Images, keep: int) -> None:
        self.settings = settings
        self.trunk = trunk
        self.images = images
        self.keep = keep

    def plan(self) -> Plan:
        """Say what would go; changes nothing.

        Raises:
            MlopsError: Something cannot be read, or a release that stays is not whole.
        """
        at = heads(self.trunk)
        stay = kept(self.trunk.git, at, self.keep)
        before = time.time() - GRACE
        with opened(self.settings, self.trunk.git) as (remote, needed):
            need, objects = needed(stay.states), remote.objects()
            alive = surviving(objects, need, remote.contents, before)
            lost = lacking(objects, need, remote.contents)
            _require_whole(remote, need, lost)
            runs = dangling(remote.runs(), alive | need.elsewhere, objects.keys(), before)
        tags = self.images.tags()
        images = outdated(tags, stay)
        return Plan(
            at=at,
            kept=stay,
            objects=tuple(file for oid, file in objects.items() if oid not in alive),
            runs=tuple(run.file for run in runs),
            images=images,
            image_bytes=_freed(self.images, images, stay.digests & set(tags.values())),
            staying=len(alive),
            unreleased=len(set(tags.values()) - stay.released),
            lacking=tuple(dict.fromkeys(need.owners[oid] for oid in lost)),
        )

    def sweep(self, plan: Plan) -> Plan:
        """Delete, by what history says now.

        Returns:
            The plan that was carried out: another one, where history has moved.

        Raises:
            MlopsError: The registry deletes nothing, or a release that came meanwhile needs what went.
        """
        while heads(self.trunk) != plan.at:
            plan = self.plan()
        for digest in plan.images:
            self.images.delete(digest)
        with opened(self.settings, self.trunk.git) as (remote, _):
            remote.remove(plan.runs)
            for directories in (True, False):
                remote.remove([file for file in plan.objects if file.path.endswith(DIRECTORY) == directories])
        if heads(self.trunk) != plan.at:
            self._require_unharmed(plan)
        return plan

    def _require_unharmed(self, plan: Plan) -> None:
        lost = sorted(set(plan.images) & kept(self.trunk.git, heads(self.trunk), self.keep).digests)
        if lost:
            raise MlopsError(
                f"A release came meanwhile that needs {', '.join(lost)}, which is deleted. "
                "Check its commit out, and run `dvc repro --pull` and `mlops image build --push`."
            )
        self.plan()


def surviving(
    objects: Mapping[str, Stored], need: Needed, contents: Callable[[str], Iterable[str]], before: float
) -> set[str]:
    """Choose the objects that stay.

    Args:
        objects: What is there, by hash.
        need: What is needed.
        contents: Lists a directory's objects.
        before: What was written later is too young to go (seconds since 1970).
    """
    roots = {oid for oid, file in objects.items() if oid in need.owners or file.written >= before}
    inside = {name for oid in sorted(roots) if oid.endswith(DIRECTORY) for name in contents(oid)}
    return roots | (inside & objects.keys())


def dangling(runs: Iterable[Run], alive: Collection[str], there: Collection[str], before: float) -> list[Run]:
    """Choose the entries of the run-cache that go: they would restore what goes, or what never came."""

    def goes(run: Run) -> bool:
        lost = [out for out in run.outs if out not in alive]
        return any(out in there or run.file.written < before for out in lost)

    return [run for run in runs if goes(run)]


def outdated(tags: Mapping[str, str], stay: Kept) -> tuple[str, ...]:
    """Choose the images that go, by digest."""
    foreign = {digest for tag, digest in tags.items() if not IDENTITY.fullmatch(tag)}
    return tuple(sorted((set(tags.values()) & stay.released) - stay.digests - foreign))


def lacking(objects: Mapping[str, Stored], need: Needed, contents: Callable[[str], Iterable[str]]) -> dict[str, str]:
    """Find what is needed and not there: each output that is not whole, with an object that it lacks."""
    found: dict[str, str] = {}
    for oid in need.owners:
        inside = contents(oid) if oid.endswith(DIRECTORY) and oid in objects else ()
        missing = [name for name in (oid, *inside) if name not in objects]
        if missing and oid not in need.elsewhere:
            found[oid] = missing[0]
    return found


def _require_whole(remote: Remote, need: Needed, lost: Mapping[str, str]) -> None:
    for oid, missing in lost.items():
        if oid in need.whole:
            raise MlopsError(
                f"{remote.name} lacks {missing}, which {need.owners[oid]} needs. Nothing more is deleted there. "
                "Is it the right remote? If so, `dvc push` in a clone that has this release, or release again."
            )


def _freed(images: Images, going: Collection[str], staying: Collection[str]) -> int:
    """Sum up what only images that go consist of."""
    shared = {blob for digest in staying for blob in images.blobs(digest)} if going else set()
    sizes = {blob: size for digest in going for blob, size in images.blobs(digest).items()}
    return sum(size for blob, size in sizes.items() if blob not in shared)
