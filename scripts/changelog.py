"""Print what CHANGELOG.md says of a version: the notes of its release."""

from __future__ import annotations

import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def section(text: str, version: str) -> str:
    """Give the text under a version's heading.

    Args:
        text: A changelog; each version has a heading of the second level.
        version: Without `Unreleased`, which is no version.

    Returns:
        Markdown; "" if the version has no section, or an empty one.
    """
    _, found, rest = f"\n{text}\n".partition(f"\n## {version}\n")
    return rest.partition("\n## ")[0].strip() if found and version != "Unreleased" else ""


def main(version: str) -> int:
    """Print a version's section; exit 1 if there is none."""
    notes = section(CHANGELOG.read_text(encoding="utf-8"), version)
    if not notes:
        print(f"CHANGELOG.md says nothing of {version!r}: rename `## Unreleased`, commit, tag that.", file=sys.stderr)
        return 1
    print(notes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
