"""What people write for the model card: `docs/model-card.notes.md`, a heading for each section."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from mlops.contract.errors import MlopsError
from mlops.contract.text import decode

NOTES = Path("docs") / "model-card.notes.md"
# Mitchell et al. 2019, Model Cards for Model Reporting, section 4.
SECTIONS = (
    "Model Details",
    "Intended Use",
    "Factors",
    "Metrics",
    "Training Data",
    "Evaluation Data",
    "Quantitative Analyses",
    "Ethical Considerations",
    "Caveats and Recommendations",
)
# What no number can say.
PEOPLES = ("Intended Use", "Ethical Considerations", "Caveats and Recommendations")


def read(root: Path) -> dict[str, str]:
    """Read the notes by section; comments that tell what belongs there are not notes.

    Raises:
        MlopsError: A heading is no section of the card, or the file is not UTF-8.
    """
    path = root / NOTES
    if not path.is_file():
        return {}
    text = re.sub(r"<!--.*?-->", "", decode(path.read_bytes(), str(NOTES)), flags=re.DOTALL)
    parts = re.split(r"^## +(.+?) *$", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    notes: dict[str, str] = {}
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        name = _section(heading)
        notes[name] = "\n\n".join(filter(None, (notes.get(name), body.strip())))
    return {name: body for name, body in notes.items() if body}


def _section(heading: str) -> str:
    known = {name.lower(): name for name in SECTIONS}
    found = known.get(heading.lower())
    if found:
        return found
    near = difflib.get_close_matches(heading.lower(), known, n=1)
    hint = f"Did you mean {known[near[0]]!r}?" if near else f"Sections are {', '.join(SECTIONS)}."
    raise MlopsError(f"{NOTES}: {heading!r} is not a section of the model card. {hint}")
