"""What a proposed model is told with: title, commit message and text of its pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops.commands.retrain_decide import Evidence
from mlops.delivery.history import Hold
from mlops.delivery.layout import FIRST
from mlops.delivery.proposal import BRANCH
from mlops.delivery.records import Record
from mlops.gates.reporting import markdown
from mlops.gates.reporting.card import CARD
from mlops.gates.reporting.document import document
from mlops.gates.reporting.escape import code, prose
from mlops.gates.reporting.write import REPORTS, found
from mlops.monitoring.judge import Finding
from mlops.pipeline.params import load

LONGEST, NAMES, MOST = 60, 10, 20
PARAMS = "params.yaml"
# In a title or a commit message `[skip ci]`, `#12` and `@name` would act; letters, digits, commas and dashes do not.
ACTING = re.compile(r"[^\w ,-]+")
TICKET = re.compile(r"(?<=[^\W\d])-(?=\d)")


@dataclass(frozen=True)
class News:
    """What is proposed, and why.

    `cause` is anybody's text, `added` are batches that the champion has not seen, `because` are the decision's words.
    """

    cause: str
    base: str
    identity: str
    added: Sequence[str]
    champion: Record | None
    hold: Hold | None
    because: str = ""
    evidence: Evidence | None = None


def title(news: News) -> str:
    """Name the newest batch, or else the cause."""
    newest = Path(news.added[-1]).stem if news.added else ""
    return f"Retrain: {harmless(newest) or harmless(news.cause) or 'no cause given'}"


def harmless(text: str) -> str:
    """Keep of a text what no forge and no CI acts upon."""
    words = " ".join(TICKET.sub(" ", ACTING.sub(" ", text)).split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1].rstrip()}…"


def message(news: News) -> str:
    """Write the commit message: of the cause it has what the title has, since a commit stays for good."""
    names = [harmless(Path(name).stem) for name in news.added]
    lines = [
        f"new       {', '.join(names) or 'no batch'}",
        f"champion  {news.champion.id if news.champion else 'none'}",
        f"identity  {news.identity}",
    ]
    return "\n".join([title(news), "", *lines]) + "\n"


def body(news: News, root: Path, limit: int = markdown.LIMIT) -> str:
    """Write the text of the pull request: cause, what is new, and the gate's report.

    Args:
        news: What is proposed.
        root: Where the gate has just run.
        limit: How long the text may be.
    """
    report = found(root / REPORTS / "gate.json")
    parts = (*_lead(news, report), _numbers(root), *_drift(news.evidence), _card(root), _held(news.hold))
    head = "\n\n".join(filter(None, parts)) + "\n\n"
    told = document(report, found(root / REPORTS / "metrics.json"))
    # The mark by which the comment of an environment is found has no business here.
    return head + markdown.comment(told, limit - len(head)).removeprefix(markdown.marker(told.env)).lstrip("\n")


def _lead(news: News, report: dict[str, Any]) -> tuple[str, ...]:
    since = f"`{news.champion.id}` of {FIRST}" if news.champion else "the first day"
    rows = {batch["name"]: batch["rows"] for batch in report.get("batches") or []}
    more = len(news.added) - NAMES
    named = [f"- {code(name)}{_rows(rows.get(name))}" for name in news.added[-NAMES:]]
    return (
        f"> {prose(news.cause.strip() or 'No cause was given.')}",
        prose(f"`mlops retrain` proposes this model, trained on main at `{news.base[:10]}`{_because(news)}."),
        prose(f"New since {since}:" if named else f"No batch is new since {since}."),
        "\n".join(([f"- {more} more"] if more > 0 else []) + named),
        prose(f"The next run replaces the branch `{BRANCH}`: put changes of your own on another."),
    )


def _because(news: News) -> str:
    return f", because {news.because}" if news.because else ""


def _numbers(root: Path) -> str:
    """Say with which parameters it was trained."""
    if not (root / PARAMS).is_file():
        return ""
    params = load(root)
    told = {"window": params.window_setting, **params.model}
    return f"Parameters: {', '.join(f'{prose(name)} {code(value)}' for name, value in told.items())}."


def _drift(evidence: Evidence | None) -> tuple[str, ...]:
    """Show what drifted, the largest effect first; or why nothing can be shown; and how old the champion is."""
    if evidence is None or evidence.drift is None or evidence.age is None:
        return ()
    drift, age = evidence.drift, evidence.age
    aged = f"The champion is of {age.released:%Y-%m-%d}; it counts as too old after {age.stale_after.days} days."
    if drift.unknown:
        return (prose(f"Drift of `{drift.batch}` is not known: {drift.unknown}"), prose(aged))
    if not drift.found:
        return (prose(f"`{drift.batch}` shows no drift from the champion's reference."), prose(aged))
    rows = "".join(_finding(finding) for finding in drift.found[:MOST])
    more = f"\n… and {len(drift.found) - MOST} more." if len(drift.found) > MOST else ""
    head = "| column | rule | effect | rows |\n| --- | --- | ---: | ---: |\n"
    return (prose(f"`{drift.batch}` drifted from the champion's reference:"), head + rows + more, prose(aged))


def _finding(finding: Finding) -> str:
    where = f" where {code(finding.slice)}" if finding.slice else ""
    name = f"{code(finding.column)}{' (prediction)' if finding.kind == 'prediction' else ''}{where}"
    return f"| {name} | {finding.rule} | {finding.effect:.3f} | {finding.rows:,} |\n"


def _card(root: Path) -> str:
    return prose(f"What the model is and is not for: `{CARD.as_posix()}`.") if (root / CARD).is_file() else ""


def _rows(rows: int | None) -> str:
    return "" if rows is None else f": {rows:,} rows"


def _held(hold: Hold | None) -> str:
    if hold is None:
        return ""
    return prose(
        f"{FIRST} is held: `{hold.newest.id}` was taken back by {hold.by.author}. Merged, this is not released "
        f"until somebody runs `mlops release --env {FIRST} --force`."
    )
