"""Ids of predictions: what they tell comes back, and nothing that we did not sign is read."""

from __future__ import annotations

import base64
import hmac
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlops.contract.errors import MlopsError
from mlops.contract.task import Task
from mlops.serving.profile import Profile
from mlops.serving.token import FORMAT, LONGEST, MAC, Forged, Told, Unreadable, read, sign
from mlops.serving.token_issue import Issuer
from mlops.serving.token_keys import LOOK, Keys, read_keys

KEY, OTHER = b"k" * 32, b"o" * 32
TOLD = Told("20240501-1", "binary", 1_714_500_000_123, bytes(range(8)), 0.1 + 0.2, 3, 20, True, ("depot=nörth",))
TOKEN = sign(KEY, TOLD)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_an_id_tells_what_it_was_given() -> None:
    assert read([KEY], TOKEN) == TOLD
    assert (
        read([KEY], sign(KEY, replace(TOLD, task="regression", score=-1e300, bin=None, bins=0, label=None))).bin is None
    )
    assert len(TOKEN) < LONGEST / 4


def test_any_key_of_the_file_verifies() -> None:
    assert read([OTHER, KEY], TOKEN) == TOLD
    with pytest.raises(Forged):
        read([OTHER], TOKEN)


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_no_character_can_be_another(place: int) -> None:
    """Also not the last, of which decoding drops bits."""
    after = ALPHABET[(ALPHABET.index(TOKEN[place]) + 1) % 64]
    with pytest.raises(Forged):
        read([KEY], TOKEN[:place] + after + TOKEN[place + 1 :])


@pytest.mark.parametrize(
    "token",
    [
        "",
        "A" * 10,
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN + "=",
        f" {TOKEN}",
        f"{TOKEN}\n",
        "A" * (LONGEST + 1),
        "é" * 90,
        "A" * 90,
    ],
)
def test_what_is_no_id_is_forged(token: str) -> None:
    with pytest.raises(Forged):
        read([KEY], token)


def test_a_long_text_is_not_even_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("base64.urlsafe_b64decode", lambda _: pytest.fail("decoded"))
    with pytest.raises(Forged):
        read([KEY], "A" * (LONGEST + 1))


def test_a_format_of_another_version_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops.serving.token.FORMAT", FORMAT + 1)
    later = sign(KEY, TOLD)
    monkeypatch.undo()
    with pytest.raises(Unreadable, match="format 2"):
        read([KEY], later)


@pytest.mark.parametrize("key", [KEY, OTHER * 4])
def test_the_signature_is_hmac_and_long_enough(key: bytes) -> None:
    raw = base64.urlsafe_b64decode(sign(key, TOLD) + "==="[: -len(sign(key, TOLD)) % 4])
    assert raw[-MAC:] == hmac.digest(key, raw[:-MAC], "sha256")[:MAC]
    assert MAC >= 16


def test_a_file_that_changes_is_read_again_and_a_broken_one_is_not(tmp_path: Path) -> None:
    now = [0.0]
    path = tmp_path / "key"
    path.write_bytes(KEY + b"\n")
    keys = Keys(path, lambda: now[0])
    path.write_bytes(OTHER + b"\n" + KEY + b"\n")
    assert keys.all() == (KEY,)
    now[0] += LOOK
    assert keys.all() == (OTHER, KEY)
    assert keys.signing() == OTHER
    path.write_bytes(b"")
    now[0] += LOOK
    assert keys.all() == (OTHER, KEY)


@pytest.mark.parametrize(
    ("text", "said"), [(b"", "has 0 keys"), (b"short\n", "has 5 characters"), (KEY + b"\n" + b"s", "key 2")]
)
def test_a_file_without_keys_is_refused_and_no_key_is_shown(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(text)
    with pytest.raises(MlopsError, match=said) as caught:
        read_keys(path)
    assert "short" not in str(caught.value)
    with pytest.raises(MlopsError, match="openssl rand"):
        read_keys(tmp_path / "none")


def test_slices_that_make_an_id_too_long_are_left_out() -> None:
    long = "ß" * 600
    profile = Profile(1, None, None, (), {"depot": ("north",), "note": (long,)})
    task = Task("regression", "y", (), None, "p", (), {}, ())
    columns = {"depot": np.array(["north", "x"], object), "note": np.array([long, long], object)}
    issued = Issuer("20240501-1", task, profile).issue(KEY, 5, columns, np.array([1.5, 2.5]), [1.5, 2.5])
    told = [read([KEY], name) for name in issued.ids]
    assert [(item.score, item.slices) for item in told] == [(1.5, ("depot=north",)), (2.5, ())]
