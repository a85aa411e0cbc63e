"""Signed ids of predictions: each carries what is needed to count its outcome, on any replica that has the key."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from mlops.contract.model import Scalar
from mlops.contract.task import TaskKind
from mlops.serving.token_keys import Key

FORMAT = 1
MAC = 16
LONGEST = 1024
# Format, time in ms, random bytes, score, number of its bin and of all bins; -1 and 0 where there are none.
FIXED = struct.Struct(">BQ8sdhh")
SHORTEST = 4 * (FIXED.size + MAC) // 3
WORD = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class Forged(Exception):
    """Not an id that one of our keys has signed."""


class Unreadable(Exception):
    """Signed by us, but in a format of another version of this code."""


@dataclass(frozen=True)
class Told:
    """What an id tells of its prediction.

    `at` is in ms of UTC, `nonce` makes the id unique. `score` is the positive class's probability, the number of a
    regression, or the predicted class's probability; `bin` is its place among `bins` of the release's profile, None
    without one. `label` is the positive class of a binary task, the predicted one of a multiclass task. `slices` are
    texts like `origin=EWR`.
    """

    release: str
    task: TaskKind
    at: int
    nonce: bytes
    score: float
    bin: int | None = None
    bins: int = 0
    label: Scalar | None = None
    slices: tuple[str, ...] = ()


def tail(release: str, task: TaskKind, label: Scalar | None, slices: Sequence[str]) -> bytes:
    """Write the part of an id that many predictions have in common."""
    return json.dumps([release, task, label, list(slices)], ensure_ascii=False, separators=(",", ":")).encode()


def sign(key: Key, told: Told, common: bytes | None = None) -> str:
    """Make the id of a prediction.

    Args:
        key: The one to sign with.
        told: What it tells.
        common: Its `tail`, where that is known already.
    """
    place = -1 if told.bin is None else told.bin
    fixed = FIXED.pack(FORMAT, told.at, told.nonce, told.score, place, told.bins)
    payload = fixed + (tail(told.release, told.task, told.label, told.slices) if common is None else common)
    return base64.urlsafe_b64encode(payload + _mac(key, payload)).rstrip(b"=").decode("ascii")


def read(keys: Sequence[Key], token: str) -> Told:
    """Read an id, after its signature was found to be ours.

    Raises:
        Forged: No key has signed it, or it is another spelling of one that a key has.
        Unreadable: A key has, but this code does not know the format.
    """
    if not SHORTEST <= len(token) <= LONGEST or WORD.fullmatch(token) is None:
        raise Forged
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raise Forged from None
    payload, mac = raw[:-MAC], raw[-MAC:]
    # All keys are tried, so that the time tells nothing; and the last character has bits that decoding drops.
    signed = [hmac.compare_digest(_mac(key, payload), mac) for key in keys]
    if not any(signed) or base64.urlsafe_b64encode(raw).rstrip(b"=") != token.encode("ascii"):
        raise Forged
    if payload[0] != FORMAT:
        raise Unreadable(f"it has format {payload[0]}, and this release reads {FORMAT}")
    _, at, nonce, score, place, bins = FIXED.unpack_from(payload)
    release, task, label, slices = json.loads(payload[FIXED.size :])
    return Told(release, task, at, nonce, score, None if place < 0 else place, bins, label, tuple(slices))


def _mac(key: Key, payload: bytes) -> bytes:
    return hmac.digest(key, payload, "sha256")[:MAC]
