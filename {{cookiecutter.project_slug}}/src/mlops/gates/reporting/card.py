"""The model card, with the section names of Mitchell et al. 2019 and front matter as model hubs read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from mlops.contract.errors import MlopsError, Refused
from mlops.contract.text import decode
from mlops.gates.reporting import markdown
from mlops.gates.reporting.blocks import Block, Paragraph
from mlops.gates.reporting.card_data import evaluation, factors, training
from mlops.gates.reporting.card_parts import analyses, caveats, details, ethics, measured
from mlops.gates.reporting.escape import prose
from mlops.gates.reporting.facts import Facts, collect, is_there
from mlops.gates.reporting.notes import NOTES, PEOPLES, SECTIONS
from mlops.settings import Settings

CARD = Path("docs") / "model-card.md"
KINDS = {"regression": "tabular-regression"}
HUB_LICENSES = {"Apache-2.0": "apache-2.0", "MIT": "mit", "BSD-3-Clause": "bsd-3-clause"}
PARTS = {
    "Model Details": details,
    "Factors": factors,
    "Metrics": measured,
    "Training Data": training,
    "Evaluation Data": evaluation,
    "Quantitative Analyses": analyses,
    "Ethical Considerations": ethics,
    "Caveats and Recommendations": caveats,
}


def render(settings: Settings) -> str:
    """Write the card of the model in `build/`.

    Raises:
        MlopsError: There is no model yet, or a file that it is made of is not valid.
    """
    return card(collect(settings))


def write(settings: Settings) -> Path:
    """Write docs/model-card.md."""
    path = settings.root / CARD
    path.parent.mkdir(exist_ok=True)
    path.write_text(render(settings), encoding="utf-8")
    return path


def check(settings: Settings) -> str:
    """Compare docs/model-card.md with what would be written now.

    Returns:
        A sentence, where there is nothing to object to.

    Raises:
        Refused: The card is another model's, or older than its notes.
        MlopsError: A file that it is made of is not valid.
    """
    path = settings.root / CARD
    if not is_there(settings):
        return "model card: no model here yet, nothing to compare"
    if not path.is_file():
        return f"model card: {CARD} is not there yet; `mlops card` writes it"
    if decode(path.read_bytes(), str(CARD)).replace("\r\n", "\n") != render(settings):
        raise Refused(f"{CARD} is older than the model or its notes. `mlops card` writes it anew; commit it.")
    return f"model card: {CARD} is this model's"


def card(facts: Facts) -> str:
    """Write a card from facts; the same bytes for the same facts."""
    intro = f"Written by `mlops card`; what only people can say is in `{NOTES.as_posix()}`."
    lines = [front_matter(facts), f"# Model card: {prose(facts.contract.name or facts.name)}", prose(intro)]
    for section in SECTIONS:
        body = [markdown.block(block) for block in _computed(section, facts)]
        note = facts.notes.get(section)
        if note:
            body.append(note)
        elif section in PEOPLES:
            body.append(_nobody(section))
        lines += [f"## {section}", *body]
    return "\n\n".join(lines) + "\n"


def _computed(section: str, facts: Facts) -> list[Block]:
    if section == "Intended Use":
        purpose = facts.contract.purpose
        return [Paragraph(f"Purpose of the data, by its contract: {purpose}")] if purpose else []
    return PARTS[section](facts)


def _nobody(section: str) -> str:
    return prose(f"Nobody has written this yet: `{NOTES.as_posix()}` has the place, under “{section}”.")


def front_matter(facts: Facts) -> str:
    """Write what model hubs read: license, kind of task, and the metrics as a model-index."""
    kind = KINDS.get(facts.task.task, "tabular-classification")
    metrics = facts.metrics["metrics"]
    results = [{"type": name, "value": value} for name, value in _deciding_first(facts.metrics)]
    content: dict[str, Any] = {
        "license": HUB_LICENSES.get(facts.license, "other"),
        "library_name": "onnx",
        "pipeline_tag": kind,
        "tags": ["tabular", facts.task.task],
        "metrics": list(dict.fromkeys([facts.metrics["metric"], *sorted(metrics)])),
        "model-index": [
            {
                "name": facts.name,
                "results": [
                    {
                        "task": {"type": kind},
                        "dataset": {"name": facts.contract.name or facts.contract.id, "type": facts.contract.id},
                        "metrics": results,
                    }
                ],
            }
        ],
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{text}---"


def _deciding_first(metrics: dict[str, Any]) -> list[tuple[str, float]]:
    values: dict[str, float] = metrics["metrics"]
    return sorted(values.items(), key=lambda pair: (pair[0] != metrics["metric"], pair[0]))


def require(settings: Settings) -> bytes:
    """Render the card for a release: its own copy, of the very model that goes out.

    Raises:
        MlopsError: There is no model, or a file is not valid.
    """
    try:
        return render(settings).encode()
    except KeyError as error:
        raise MlopsError(f"reports/metrics.json lacks {error}. Run `dvc repro evaluate`.") from error
