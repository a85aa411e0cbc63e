"""What `mlops doctor` finds: one line about a setting, and where it is changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OK, NO, UNKNOWN = "ok", "no", "?"
RELEASE_TOKEN = "RELEASE_TOKEN"  # the name of a secret, as the workflows read it
REQUIRED = "required"  # the job that fails unless every other one succeeded


@dataclass(frozen=True)
class Finding:
    """A setting that was looked at.

    Args:
        state: "ok", "no" (it is wrong) or "?" (nobody could say).
        topic: What it is about, in a word or two.
        says: What was found.
        do: The command to run, or the place of the setting; empty where nothing is to do.
    """

    state: str
    topic: str
    says: str
    do: str = ""


def ok(topic: str, says: str) -> Finding:
    """Say that a setting is as it should be."""
    return Finding(OK, topic, says)


def no(topic: str, says: str, do: str) -> Finding:
    """Say that a setting is wrong, and what to change."""
    return Finding(NO, topic, says, do)


def unknown(topic: str, says: str, do: str) -> Finding:
    """Say that nobody could tell, and where to look."""
    return Finding(UNKNOWN, topic, says, do)


def wrong(findings: Iterable[Finding]) -> list[str]:
    """List the topics of what is to change, each once."""
    return list(dict.fromkeys(finding.topic for finding in findings if finding.state == NO))


def count(findings: Sequence[Finding]) -> str:
    """Count the findings by their state."""
    states = [finding.state for finding in findings]
    return f"{states.count(OK)} ok, {states.count(NO)} to change, {states.count(UNKNOWN)} unknown"
