from __future__ import annotations

import pytest
import yaml

from mlops.contract.errors import MlopsError
from mlops.delivery.records import ContractRef, Data, Image, Model, Record, parse, render

EXAMPLE = """\
# What this environment runs. Written by mlops; take it back with `git revert`.
release:
  id: "20130501-2"                    # UTC day and count of that day; given once, promoted unchanged
  identity: "sha256:5e1f0a9c3b7d24680f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978"
  commit: "4f1c0b7e4c2f4a0d9f6e0c1b2a3d4e5f60718293"
  image:
    repository: registry.example.com/team/flight-delays
    digest: "sha256:9f2d0c4be1a7f6d3c5b8e9a0d1f2c3b4a5968778695a4b3c2d1e0f9a8b7c6d5e"
  model: {sha256: "1b4f0e9851971998e732078544c96b36c3d01cedf7caa332359d6f1d83567014"}
  data: {sha256: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", batches: 4, rows: 105834}
  contract: {version: "1.0.0", sha256: "fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13"}
  metrics: {roc_auc: 0.7042}          # an open map of numbers; every other key is closed by the schema
"""


def record(**changes: object) -> Record:
    return parse(EXAMPLE).model_copy(update=changes)


def test_the_designs_example_is_read_and_written_byte_for_byte() -> None:
    made = parse(EXAMPLE)
    assert made.id == "20130501-2"
    assert made.data == Data(sha256=made.data.sha256, batches=4, rows=105834)
    assert render(made) == EXAMPLE


HARD_NAMES = [
    "recall@10",
    "yes",
    "y",
    "null",
    "1",
    "1e5",
    "a b",
    "ü: {x}",
    "#",
    'quote"',
    "back\\slash",
    "😀",
    "a:b",
    "~",
]


@pytest.mark.parametrize("name", HARD_NAMES)
@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 1e-05, 1.5e-300, 1e22, 123456789012345680.0, 1 / 3])
def test_any_metric_comes_back(name: str, value: float) -> None:
    made = record(metrics={name: value, "other": 1.0})
    text = render(made)
    assert parse(text) == made
    assert render(parse(text)) == text
    assert yaml.safe_load(text)["release"]["metrics"] == {name: value, "other": 1.0}


def test_numeric_looking_hashes_stay_text() -> None:
    digits = "1" * 64
    made = Record(
        id="20130501-1",
        identity=f"sha256:{digits}",
        commit="0" * 39 + "7",
        image=Image(repository="local/12", digest=f"sha256:{digits}"),
        model=Model(sha256="12345678" * 7 + "1234e567"),
        data=Data(sha256=digits, batches=1, rows=1),
        contract=ContractRef(version="1.0", sha256=digits),
        metrics={"rmse": 1.0},
    )
    assert parse(render(made)) == made
    release = yaml.safe_load(render(made))["release"]
    assert release["contract"]["version"] == "1.0"
    assert release["model"]["sha256"] == made.model.sha256


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  commit:", "  comit:", "unknown key 'release.comit' (did you mean 'commit'?)"),
        ("  commit:", "  comit:", "'release.commit' is missing"),
        ("    digest:", "    digets:", "(did you mean 'digest'?)"),
        ("batches: 4", "batches: four", "'release.data.batches' is 'four'"),
        ("batches: 4", "batches: true", "'release.data.batches' is True"),
        ("batches: 4", "batches: -4", "-4"),
        ("0.7042", ".nan", "'release.metrics.roc_auc' is nan"),
        ("0.7042", ".inf", "inf"),
        ("0.7042", "high", "'high'"),
        ("0.7042", "null", "None"),
        ('"20130501-2"', "20130501", "'release.id' is 20130501"),
        ("sha256:9f2d", "sha256:9F2D", "release.image.digest"),
        ("sha256:9f2d", "9f2d", "release.image.digest"),
        ("registry.example.com/team", "'a b'", "not a release record"),
        ("release:", "released:", "(did you mean 'release'?)"),
        ("release:", "<<<<<<< HEAD\nrelease:", "not a release record"),
    ],
)
def test_a_wrong_record_is_refused_by_name(old: str, new: str, words: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(MlopsError) as caught:
        parse(EXAMPLE.replace(old, new), "deploy/envs/staging/release.yaml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("deploy/envs/staging/release.yaml: not a release record: ")


@pytest.mark.parametrize("text", ["", "[]", "release:", "release: []", "42", "a: b: c", "\x00", b"\xff\xfe\xfa"])
def test_garbage_is_refused(text: str | bytes) -> None:
    with pytest.raises(MlopsError, match="not a release record"):
        parse(text)


@pytest.mark.parametrize("name", ["", "a\nb", "\x7f", "\u2028", "x" * 201])
def test_a_metric_name_that_yaml_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="metrics"):
        Record.model_validate({**parse(EXAMPLE).model_dump(), "metrics": {name: 1.0}})
