"""What Kubernetes and Argo CD say, as a person reads it: on one line, without what steers a terminal."""

from __future__ import annotations

import re
from datetime import datetime
from typing import overload

LONGEST = 400  # letters of a reason
DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


@overload
def instant(text: str) -> datetime: ...
@overload
def instant(text: str | None) -> datetime | None: ...
def instant(text: str | None) -> datetime | None:
    """Read a moment; None where there is none."""
    return datetime.fromisoformat(text) if text else None


def sentence(text: str | None) -> str:
    """Put what a component said on one line that ends; of a long text the beginning and, as it says most, the end."""
    words = _printable(DIGEST.sub(r"\1…", " ".join(str(text or "no reason given").split())))
    short = words if len(words) <= LONGEST else f"{words[: LONGEST // 4]} … {words[-LONGEST * 3 // 4 :]}"
    return f"{short.rstrip('. ')}."


def last_words(text: str | None) -> str:
    """Join the last lines: output and errors of a container arrive in no fixed order."""
    lines = [line for line in str(text or "").splitlines() if line.strip()]
    return sentence("; ".join(lines[-2:]) or "none")


def brief(error: Exception) -> str:
    """Put an error of a client library on one line."""
    return " ".join(str(error).split())[:300].rstrip(".")


def silent(who: str, error: Exception) -> str:
    """Say that a cluster does not answer."""
    return f"{who} does not answer: {brief(error)}. Is it up, and is KUBECONFIG the right one?"


def refusal(who: str, status: int, *, what: str, ask: str, said: str) -> str:
    """Say why a cluster did not do something.

    Args:
        who: The cluster.
        status: The HTTP status of its answer.
        what: What was asked of it, as in "read pods".
        ask: What its administrator may do about it.
        said: What it said itself.
    """
    if status == 401:
        return f"{who} does not know you: log in again."
    if status == 403:
        return f"{who} does not let you {what}. Ask its administrator {ask}."
    return f"{who} answered {status} when asked to {what}: {said}"


def cluster_name(context: str, host: str) -> str:
    """Name a cluster at the beginning of a sentence."""
    return f"The cluster of context {context!r} ({host})"


def _printable(text: str) -> str:
    """Keep what a program said from steering the terminal that shows it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
