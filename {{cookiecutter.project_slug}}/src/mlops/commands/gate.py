"""`mlops gate` and `mlops report`."""

from __future__ import annotations

from typing import Any, Literal

from mlops.commands import diff, gate_status
from mlops.commands.words import say
from mlops.contract.errors import Refused
from mlops.delivery.dvc import Dvc
from mlops.gates import report as reports
from mlops.gates import run as gates
from mlops.gates.reporting.write import write
from mlops.pipeline.dataset import contract
from mlops.settings import Settings, find


def gate(base: str | None, env: str, *, status: bool = False) -> None:
    """Judge and print; exit 1 if the model is refused. With `status`, HEAD gets the verdict at the forge."""
    settings = find()
    try:
        contract(settings)
        Dvc(settings.root).require_reproduced()
        found = judged(settings, base, env)
    except Exception as error:
        if status:
            gate_status.tell_unjudged(settings, error)
        raise
    say(reports.text(found))
    say("More, with plots: reports/report.html")
    if status:
        gate_status.tell(settings, "success" if found["passed"] else "failure", reports.verdict(found))
    if not found["passed"]:
        raise Refused("the model is refused. What would pass stands in gates.yaml of the base branch.")


def judged(settings: Settings, base: str | None, env: str, champion: str | None = None) -> dict[str, Any]:
    """Judge, and write the report in all its forms."""
    found = gates.run(settings, base, env, champion)
    write(settings.root, found)
    return found


def report(form: Literal["text", "markdown"], *, unjudged: str = "") -> None:
    """Print the last judgement, and write its other forms anew; as Markdown with what it changes on a cluster.

    Args:
        form: For a terminal, or for a forge.
        unjudged: What to print in its place where there is none; default: that is an error.
    """
    settings = find()
    if unjudged and not (settings.root / gates.REPORT).is_file():
        say(f"## ⚪ Not judged\n\n{unjudged}" if form == "markdown" else f"Not judged: {unjudged}")
        return
    found = gates.last(settings.root)
    markdown, _ = write(settings.root, found)
    if form == "text":
        say(reports.text(found))
        return
    say(markdown.read_text(encoding="utf-8").rstrip())
    if settings.target == "argocd":
        say(diff.section(settings, found["env"], found["base"]))
