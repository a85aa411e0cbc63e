"""Signed ids of predictions: each carries what is needed to count its outcome, on any replica that has the key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mlops.contract.model import Scalar
from mlops.contract.task import TaskKind
from mlops.serving.token_keys import Key

FORMAT = 1
MAC = 16
BLOCK = 64
NOWHERE = -1
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


def sign(key: Key, told: Told) -> str:
    """Make the id of a prediction."""
    common = tail(told.release, told.task, told.label, told.slices)
    return seal(key, told.at, told.nonce, told.score, NOWHERE if told.bin is None else told.bin, told.bins, common)


def seal(key: Key, at: int, nonce: bytes, score: float, place: int, bins: int, common: bytes) -> str:
    """Make an id of its parts; `place` is the bin or `NOWHERE`, `common` the `tail`."""
    payload = FIXED.pack(FORMAT, at, nonce, score, place, bins) + common
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
    """HMAC (RFC 2104, section 2), with the blocks of the key hashed once: four times as fast as `hmac.digest`."""
    inner, outer = (block.copy() for block in _blocks(key))
    inner.update(payload)
    outer.update(inner.digest())
    return outer.digest()[:MAC]


@lru_cache(maxsize=32)
def _blocks(key: Key) -> tuple[hashlib._Hash, hashlib._Hash]:
    whole = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in whole) for pad in (0x36, 0x5C))
    return hashlib.sha256(inner), hashlib.sha256(outer)
