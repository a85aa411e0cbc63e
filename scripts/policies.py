"""Write the tables and the plot of docs/concepts/drift_policies.md from what `mlops backtest` wrote.

`python scripts/policies.py PROJECT/reports/backtest`
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "{{cookiecutter.project_slug}}" / "src"))

from mlops.backtest.plot import picture  # noqa: E402
from mlops.backtest.words import Json, summary, table  # noqa: E402

PAGE = ROOT / "docs" / "concepts" / "drift_policies.md"
START, END = "<!-- {}: written by scripts/policies.py -->", "<!-- end -->"


def page(text: str, report: Json) -> str:
    """Put the tables of a report in their places."""
    for name, made in (("summary", summary(report)), ("batches", table(report))):
        before, start, rest = text.partition(START.format(name))
        _, end, after = rest.partition(END)
        if not end:
            raise SystemExit(f"{PAGE.name} has no place for {name!r}: {START.format(name)} … {END}.")
        text = f"{before}{start}\n{made}\n{end}{after}"
    return text


def main(folder: Path) -> None:
    """Write page and plot."""
    report: Json = json.loads((folder / "backtest.json").read_text(encoding="utf-8"))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), report), encoding="utf-8")
    PAGE.with_suffix(".svg").write_text(picture(report), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
