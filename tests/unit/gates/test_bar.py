from __future__ import annotations

import re
from typing import get_args

import pytest
from baking import PROJECT

from mlops.contract.errors import MlopsError
from mlops.gates.bar import Gate, Gates, parse

BAR = "metric: roc_auc\nmargin: 0.005\nwhen_unsure: warn\nbeats_dummy_by: 10%\n"


def test_the_four_keys_are_read() -> None:
    assert parse(BAR) == Gates(metric="roc_auc", margin=0.005, when_unsure="warn", beats_dummy_by=0.1)


def test_the_reference_shows_every_key() -> None:
    page = (PROJECT / "docs" / "reference" / "gates.md").read_text(encoding="utf-8")
    whole, *parts = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    assert parse(whole).model_fields_set == set(Gates.model_fields)
    assert [parse(BAR + part).model_fields_set - parse(BAR).model_fields_set for part in parts] == [
        {"behaviour"},
        {"modes", "overrides"},
    ]


def test_the_reference_names_every_gate() -> None:
    page = (PROJECT / "docs" / "reference" / "gates.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z]+)` \| [A-Z]", page, flags=re.MULTILINE) == list(get_args(Gate))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("margin:", "margins:"), "'margins' is not a gate of this version. Did you mean 'margin'"),
        (
            ("", "calibrations: {max_ece: 0.1}\n"),
            "'calibrations' is not .* Did you mean 'calibration'",
        ),
        (("", "margin: 0.1\n"), "the key 'margin' is there twice"),
        (("roc_auc", "rocauc"), "'rocauc' is not a scikit-learn scorer"),
        (("0.005", "-0.005"), "greater than 0"),
        (("0.005", ".nan"), "finite"),
        (("0.005", ".inf"), "finite"),
        (("0.005", "tiny"), "valid number"),
        (("warn", "ignore"), "when_unsure"),
        (("10%", "150%"), "less than or equal to 1"),
        (("10%", "lots"), "valid number"),
        (("metric: roc_auc\n", ""), "'metric' is missing"),
        (("", "modes: [champion]\n"), "modes"),
        (("", "? [a]\n: b\n"), "a key is no plain word"),
        ((BAR, ""), "the file"),
        ((BAR, "metric: ["), "not valid YAML"),
    ],
)
def test_a_bar_that_pretends_is_an_error(change: tuple[str, str], words: str) -> None:
    old, new = change
    with pytest.raises(MlopsError, match=words):
        parse(BAR.replace(old, new) if old else new + BAR)
