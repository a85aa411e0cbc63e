from __future__ import annotations

import re

import pytest
from baking import PROJECT

from mlops.contract.errors import MlopsError
from mlops.gates.bar import Gates, parse

BAR = "metric: roc_auc\nmargin: 0.005\nwhen_unsure: warn\nbeats_dummy_by: 10%\n"


def test_the_four_keys_are_read() -> None:
    assert parse(BAR) == Gates(metric="roc_auc", margin=0.005, when_unsure="warn", beats_dummy_by=0.1)


def test_the_reference_shows_every_key() -> None:
    page = (PROJECT / "docs" / "reference" / "gates.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    assert shown is not None
    assert parse(shown[1]).model_fields_set == set(Gates.model_fields)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("margin:", "margins:"), "'margins' is not a gate of this version. Did you mean 'margin'"),
        (("", "calibration: {max_ece: 0.1}\n"), "'calibration' is not a gate of this version"),
        (("roc_auc", "rocauc"), "'rocauc' is not a scikit-learn scorer"),
        (("0.005", "-0.005"), "greater than 0"),
        (("0.005", ".nan"), "finite"),
        (("0.005", ".inf"), "finite"),
        (("0.005", "tiny"), "valid number"),
        (("warn", "ignore"), "when_unsure"),
        (("10%", "150%"), "less than or equal to 1"),
        (("10%", "lots"), "valid number"),
        (("metric: roc_auc\n", ""), "'metric' is missing"),
        ((BAR, ""), "the file"),
        ((BAR, "metric: ["), "not valid YAML"),
    ],
)
def test_a_bar_that_pretends_is_an_error(change: tuple[str, str], words: str) -> None:
    old, new = change
    with pytest.raises(MlopsError, match=words):
        parse(BAR.replace(old, new) if old else new + BAR)
